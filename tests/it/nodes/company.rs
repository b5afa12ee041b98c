//! Nodes that others have written to before, or write to at the same time.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Taint};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;
use xtask::testbed::{Nic, NodeSpec, Vcsim, VcsimOptions, VmSpec, eventually};

use crate::support::{Cluster, Config, LATER, QUIET, SOON, addresses, is_tainted, label, names, specs};

const TYPE: &str = "vsphere-vm.cpu-2.mem-4gb.os-ubuntu";

#[tokio::test]
async fn nodes_that_upstream_has_initialised_are_adopted_with_an_annotation_and_no_other_change() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("adopted-", 300).await.unwrap();
    let mut nodes = specs(&vms);
    for (node, vm) in nodes.iter_mut().zip(&vms) {
        let ip = &vm.addresses.as_ref().unwrap()[0];
        node.taints.clear();
        node.provider_id = Some(format!("vsphere://{}", vm.uuid));
        node.labels.push(("node.kubernetes.io/instance-type".into(), TYPE.into()));
        node.labels.push(("beta.kubernetes.io/instance-type".into(), TYPE.into()));
        let kinds = [("Hostname", &vm.host_name), ("InternalIP", ip), ("ExternalIP", ip)];
        node.addresses = kinds.map(|(kind, address)| (kind.to_owned(), address.clone())).into();
    }
    cluster.register(&nodes).await;
    let before = cluster.nodes_but_annotations().await;

    // What is needed to know later whether a machine is gone is written down, once.
    let mut expected: BTreeMap<String, usize> =
        vms.iter().map(|vm| (format!("patch nodes {}", vm.name), 1)).collect();
    let manager = cluster.manager(&Config::of(&[&vcsim]));
    written(&cluster, &expected).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(cluster.writes(), expected);
    assert_eq!(cluster.nodes_but_annotations().await, before);
    manager.stop(SOON).await.unwrap();

    // The next start finds nothing to do.
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.args.push("--v=4".into()));
    eventually("all machines are known", SOON, async || {
        let logs = manager.logs();
        let known = logs.lines().filter(|line| line.contains("found") && line.contains("adopted-")).count();
        if known >= vms.len() { Ok(()) } else { Err(format!("{known}")) }
    })
    .await
    .unwrap();
    tokio::time::sleep(QUIET).await;
    assert_eq!(cluster.writes(), expected);

    // It looks after them all the same.
    let moved = Nic { addresses: vec!["10.99.99.99".into()], ..Nic::default() };
    let change = VmSpec { nics: Some(vec![moved]), ..VmSpec::default() };
    vcsim.patch_vm("adopted-299", &change).await.unwrap();
    let arrived = |node: &Node| addresses(node).contains(&"InternalIP 10.99.99.99".to_owned());
    cluster.node_when("the new address is there", "adopted-299", arrived).await;
    expected.insert("patch nodes/status adopted-299".into(), 1);
    written(&cluster, &expected).await;
}

async fn written(cluster: &Cluster, expected: &BTreeMap<String, usize>) {
    eventually("just these writes are made", SOON, async || {
        let writes = cluster.writes();
        if writes == *expected { Ok(()) } else { Err(format!("{writes:#?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_others_write_during_initialisation_is_kept() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("shared-", 60).await.unwrap();
    let mut specs = specs(&vms);
    for spec in &mut specs {
        // Somebody else's taint in front of ours, which its owner takes away in the middle.
        spec.taints.insert(0, ("example.com/agent".into(), "starting".into(), "NoExecute".into()));
    }
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let nodes = cluster.nodes();
    let others = specs.iter().map(async |spec| {
        cluster.register(std::slice::from_ref(spec)).await;
        tokio::join!(taint(&nodes, spec), decorate(&nodes, spec), beat(&nodes, spec));
    });
    futures::future::join_all(others).await;

    for (node, vm) in cluster.initialised(&names(&vms), LATER).await.iter().zip(&vms) {
        let spec = node.spec.as_ref().unwrap();
        let taints: Vec<&str> = spec.taints.iter().flatten().map(|taint| taint.key.as_str()).collect();
        assert_eq!(taints, ["example.com/maintenance"], "{}", vm.name);
        for (key, value) in [("example.com/team", "a"), ("node.kubernetes.io/instance-type", TYPE)] {
            assert_eq!(label(node, key), Some(value), "{}: {key}", vm.name);
        }
        let conditions = node.status.as_ref().unwrap().conditions.iter().flatten();
        let heart = conditions.into_iter().find(|condition| condition.type_ == "Heart").unwrap();
        assert_eq!(heart.message.as_deref(), Some("beat 5"), "{}", vm.name);
    }
    // The list of addresses is the cloud provider's own.
    for vm in &vms {
        let ip = &vm.addresses.as_ref().unwrap()[0];
        let expected =
            [format!("Hostname {}", vm.name), format!("InternalIP {ip}"), format!("ExternalIP {ip}")];
        cluster
            .node_when("the addresses are the machine's", &vm.name, |node| addresses(node) == expected)
            .await;
    }
    let writes = cluster.node_writes();
    let late = writes.keys().filter(|write| write.ends_with(" 422") || write.ends_with(" 409")).count();
    assert!(late > 0, "nobody was in the way, so this test shows nothing");
}

/// Replaces one taint by another, as a controller does that reads, changes and writes a node.
async fn taint(nodes: &Api<Node>, spec: &NodeSpec) {
    eventually("the taint is written", LATER, async || {
        let mut node = nodes.get(&spec.name).await?;
        let taints = node.spec.get_or_insert_default().taints.get_or_insert_default();
        taints.retain(|taint| taint.key != "example.com/agent");
        let key = "example.com/maintenance".to_owned();
        taints.push(Taint { key, effect: "NoSchedule".into(), ..Taint::default() });
        nodes.replace(&spec.name, &PostParams::default(), &node).await.map(drop)
    })
    .await
    .unwrap();
}

/// Adds a label and an address, as agents of a vendor might.
async fn decorate(nodes: &Api<Node>, spec: &NodeSpec) {
    let address = json!({"type": "InternalIP", "address": "192.0.2.1"});
    let status = json!({"status": {"addresses": [address]}});
    nodes.patch_status(&spec.name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let labels = json!({"metadata": {"labels": {"example.com/team": "a"}}});
    nodes.patch(&spec.name, &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
}

/// Reports again and again, as a kubelet does.
async fn beat(nodes: &Api<Node>, spec: &NodeSpec) {
    for count in 1..=5 {
        let condition = json!({"type": "Heart", "status": "True", "message": format!("beat {count}")});
        let status = json!({"status": {"conditions": [condition]}});
        nodes.patch_status(&spec.name, &PatchParams::default(), &Patch::Strategic(status)).await.unwrap();
    }
}

#[tokio::test]
async fn initialised_nodes_get_the_new_spelling_of_labels_and_keep_their_taints() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("old-", 1).await.unwrap();
    let mut spec = specs(&vms).remove(0);
    spec.taints = vec![("example.com/own".into(), String::new(), "NoSchedule".into())];
    spec.provider_id = Some(format!("vsphere://{}", vms[0].uuid));
    spec.labels.push(("failure-domain.beta.kubernetes.io/zone".into(), "z1".into()));
    cluster.register(&[spec]).await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let node = cluster
        .node_when("the label is there", "old-0", |node| {
            label(node, "topology.kubernetes.io/zone") == Some("z1")
        })
        .await;
    assert!(!is_tainted(&node));
    assert_eq!(node.spec.unwrap().taints.unwrap().len(), 1);
}
