//! Nodes and machines for tests.

use serde_json::{Value, json};

use crate::cloud::{Address, AddressKind, Addresses, Instance, ProviderId, Zone};
use crate::k8s::{Node, PROVIDED_NODE_IP, TAINT_UNINITIALIZED};

pub(super) const UUID: &str = "4237aaaa-5c1c-0b7d-6f2e-0123456789ab";
pub(super) const TYPE: &str = "vsphere-vm.cpu-2.mem-4gb.os-ubuntu";

/// A Node as a kubelet registers it.
pub(super) fn registered(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name, "uid": format!("uid-of-{name}"), "resourceVersion": "1",
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": {"kubernetes.io/hostname": name},
        },
        "spec": {"taints": [{"key": TAINT_UNINITIALIZED, "value": "true", "effect": "NoSchedule"}]},
        "status": {"nodeInfo": {"systemUUID": UUID}},
    })
}

/// A Node as upstream, or we, leave it after initialisation.
pub(super) fn initialised(name: &str) -> Value {
    let mut node = registered(name);
    node["spec"] = json!({"providerID": format!("vsphere://{UUID}")});
    node["metadata"]["labels"]["beta.kubernetes.io/instance-type"] = TYPE.into();
    node["metadata"]["labels"]["node.kubernetes.io/instance-type"] = TYPE.into();
    node["status"]["addresses"] = entries(&[("Hostname", name), ("InternalIP", "10.0.0.1")]);
    node
}

/// The same with a `--node-ip`.
pub(super) fn with_node_ip(mut node: Value, ip: &str) -> Value {
    node["metadata"]["annotations"] = json!({PROVIDED_NODE_IP: ip});
    node
}

pub(super) fn slim(node: &Value) -> Node {
    serde_json::from_value(node.clone()).unwrap()
}

/// `status.addresses` from pairs of type and address.
pub(super) fn entries(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(kind, address)| json!({"address": address, "type": kind})).collect()
}

/// A VM with these addresses, written as `int:10.0.0.1` and `ext:10.0.0.1`.
pub(super) fn instance(addresses: &[&str]) -> Instance {
    Instance {
        provider_id: ProviderId::parse(UUID).unwrap(),
        instance_type: TYPE.to_owned(),
        host_name: Some("node-1".to_owned()),
        addresses: Addresses {
            selected: addresses.iter().map(|text| address(text)).collect(),
            problem: None,
            reported: addresses.iter().map(|text| address(text).ip).collect(),
        },
        zone: Zone::default(),
        record: None,
        location: "vm-12 (node-1) in vCenter vc.example.org".to_owned(),
    }
}

/// A VM whose guest tells nothing.
pub(super) fn silent() -> Instance {
    let mut instance = instance(&[]);
    instance.host_name = None;
    instance.addresses.problem = Some("the guest reports no network at all".to_owned());
    instance
}

fn address(text: &str) -> Address {
    let (kind, ip) = text.split_once(':').unwrap();
    let kind = if kind == "int" { AddressKind::Internal } else { AddressKind::External };
    Address { kind, ip: ip.parse().unwrap() }
}
