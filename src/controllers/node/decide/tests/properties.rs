//! What holds for every Node and every answer.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::k8s::{BETA_INSTANCE_TYPE, BETA_ZONE, INSTANCE_TYPE, TAINT_SHUTDOWN, ZONE};

const IPS: [&str; 5] = ["10.0.0.1", "10.0.0.2", "192.0.2.1", "fd00::1", "2001:db8::1"];

fn node_json() -> impl Strategy<Value = Value> {
    let keys = vec![TAINT_UNINITIALIZED, TAINT_SHUTDOWN, "example.org/a", "node.kubernetes.io/not-ready"];
    let taint = (select(keys), select(vec!["NoSchedule", "NoExecute", "PreferNoSchedule"]))
        .prop_map(|(key, effect)| json!({"key": key, "effect": effect}));
    let label = select(vec![BETA_INSTANCE_TYPE, INSTANCE_TYPE, BETA_ZONE, ZONE, "rack"]);
    let labels = proptest::collection::btree_map(label, select(vec![TYPE, "a", "b"]), 0..5);
    let address = (select(vec!["Hostname", "InternalIP", "ExternalIP"]), select(IPS.to_vec()));
    let provider_id = select(vec!["vsphere://4237aaaa-5c1c-0b7d-6f2e-0123456789ab", "aws:///i-1"]);
    (
        proptest::option::of(proptest::collection::vec(taint, 0..5)),
        proptest::option::of(labels),
        proptest::option::of(proptest::collection::vec(address, 0..4)),
        proptest::option::of(provider_id),
        proptest::option::of(subsequence(IPS.to_vec(), 0..=2).prop_shuffle()),
    )
        .prop_map(|(taints, labels, addresses, provider_id, node_ip)| {
            let mut node = json!({
                "metadata": {"name": "node-1", "uid": "u-1"},
                "spec": {}, "status": {"nodeInfo": {"systemUUID": UUID}},
            });
            if let Some(taints) = taints {
                node["spec"]["taints"] = taints.into();
            }
            if let Some(labels) = labels {
                node["metadata"]["labels"] = json!(labels);
            }
            if let Some(addresses) = addresses {
                node["status"]["addresses"] = entries(&addresses);
            }
            if let Some(provider_id) = provider_id {
                node["spec"]["providerID"] = provider_id.into();
            }
            match node_ip {
                Some(ips) => with_node_ip(node, &ips.join(",")),
                None => node,
            }
        })
}

fn answer() -> impl Strategy<Value = Result<Instance, InstanceError>> {
    let guest = proptest::option::of(select(vec!["node-1", "NODE-1", "other"]));
    let texts: Vec<String> = IPS.iter().flat_map(|ip| [format!("int:{ip}"), format!("ext:{ip}")]).collect();
    let selected = subsequence(texts, 0..4).prop_shuffle();
    let found = (guest, selected, any::<bool>()).prop_map(|(guest, selected, problem)| {
        let mut instance = instance(&selected.iter().map(String::as_str).collect::<Vec<_>>());
        instance.host_name = guest.map(str::to_owned);
        instance.addresses.problem = problem.then(|| "some are missing".to_owned());
        Ok(instance)
    });
    prop_oneof![
        4 => found,
        1 => Just(Err(InstanceError::NotFound("nowhere".to_owned()))),
        1 => Just(Err(InstanceError::Unknown("down".to_owned()))),
    ]
}

fn others_taints(node: &Value) -> Vec<Value> {
    let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    taints.into_iter().filter(|taint| taint["key"] != TAINT_UNINITIALIZED).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_applies_and_leaves_nothing_to_write(node in node_json(), answer in answer()) {
        let additional = labelled(&[("rack", "r-1")]);
        let plan = decide(&slim(&node), &answer, &additional);
        let after = applied(&node, &plan);
        prop_assert_eq!(others_taints(&after), others_taints(&node));

        let (before, now) = (slim(&node), slim(&after));
        prop_assert_eq!(plan.initialised, before.is_uninitialized() && !now.is_uninitialized());
        if plan.initialised {
            prop_assert!(!now.addresses().is_empty() && now.provider_id().is_some());
        }
        if !before.addresses().is_empty() {
            prop_assert!(!now.addresses().is_empty());
        }
        let again = decide(&now, &answer, &additional);
        prop_assert_eq!((again.status, again.metadata, again.initialised), (None, None, false));
    }
}
