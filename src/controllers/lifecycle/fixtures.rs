//! Nodes and answers for tests.

use serde_json::{Value, json};

use crate::cloud::{Existence, MACHINE_ANNOTATION, Power, Proof};
use crate::k8s::{Node, TAINT_SHUTDOWN};

pub(super) const UUID: &str = "4237aaaa-5c1c-0b7d-6f2e-0123456789ab";
pub(super) const RECORD: &str = r#"{"vcenter":"vc-1","vm":"vm-12"}"#;

/// An initialised Node, `True`, `False` or `Unknown`.
pub(super) fn node(name: &str, ready: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name, "uid": format!("uid-of-{name}"), "resourceVersion": "1",
            "annotations": {MACHINE_ANNOTATION: RECORD},
        },
        "spec": {"providerID": format!("vsphere://{UUID}")},
        "status": {
            "nodeInfo": {"systemUUID": UUID},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    })
}

pub(super) fn tainted(mut node: Value) -> Value {
    node["spec"]["taints"] = json!([shutdown_taint()]);
    node
}

pub(super) fn shutdown_taint() -> Value {
    json!({"key": TAINT_SHUTDOWN, "effect": "NoSchedule"})
}

pub(super) fn slim(node: &Value) -> Node {
    serde_json::from_value(node.clone()).unwrap()
}

pub(super) fn exists(power: Power) -> Existence {
    Existence::Exists(power)
}

pub(super) fn gone() -> Existence {
    Existence::Gone(Proof::Object { evidence: "vm-12 does not exist".to_owned() })
}

pub(super) fn absent() -> Existence {
    Existence::Gone(Proof::Absence { evidence: "no VM has the uuid".to_owned() })
}

pub(super) fn unknown() -> Existence {
    Existence::Unknown("vCenter is down".to_owned())
}

pub(super) fn replaced() -> Existence {
    Existence::Replaced("vm-13 (node-1) in vCenter vc.example.org".to_owned())
}
