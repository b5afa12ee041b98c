//! What Nodes say, and what others say of them.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use serde_json::{Value, json};

/// Where the manager notes which VM a Node runs on.
const RECORD: &str = "vsphere-cloud.io/machine";

/// The folder's id in the manager's record of the Node's VM.
pub(super) fn recorded_folder(node: &Node) -> Option<String> {
    let record: Value = serde_json::from_str(node.annotations().get(RECORD)?).ok()?;
    record["folder"].as_str().map(str::to_owned)
}

/// What kube-controller-manager writes when a kubelet falls silent, or the kubelet when it is back.
pub(super) fn readiness(ready: bool, now: Timestamp) -> Value {
    let (status, reason, message) = if ready {
        ("True", "KubeletReady", "kubelet is posting ready status")
    } else {
        ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    };
    // Kubernetes knows no fractions of seconds here.
    let now = Timestamp::from_second(now.as_second()).unwrap_or_default().to_string();
    json!({"status": {"conditions": [{
        "type": "Ready", "status": status, "reason": reason, "message": message,
        "lastHeartbeatTime": now, "lastTransitionTime": now,
    }]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_read_from_the_record() {
        let node = |record: &str| -> Node {
            serde_json::from_value(json!({"metadata": {"annotations": {RECORD: record}}})).unwrap()
        };
        assert_eq!(recorded_folder(&node(r#"{"vm": "vm-1", "folder": "group-v3"}"#)).unwrap(), "group-v3");
        assert_eq!(recorded_folder(&node(r#"{"vm": "vm-1"}"#)), None);
        assert_eq!(recorded_folder(&node("vm-1")), None);
        assert_eq!(recorded_folder(&Node::default()), None);
    }

    #[test]
    fn readiness_is_a_condition_with_whole_seconds() {
        let now = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let lost = readiness(false, now);
        let condition = &lost["status"]["conditions"][0];
        assert_eq!((&condition["type"], &condition["status"]), (&json!("Ready"), &json!("Unknown")));
        assert_eq!(condition["lastTransitionTime"], "2023-11-14T22:13:20Z");
        assert_eq!(readiness(true, now)["status"]["conditions"][0]["status"], "True");
    }
}
