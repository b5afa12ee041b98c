//! A Node reduced to what the controllers read.
//!
//! A Node is some 16 kB of JSON, nearly all of it images and managed fields. Nothing of that is
//! ever allocated here: deserialization skips it, so neither the cache nor a list page in flight
//! pays for it.

use k8s_openapi::api::core::v1::{Node as CoreNode, NodeAddress, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

use super::annotations::SlimAnnotations;

/// The taint that a kubelet with `--cloud-provider=external` registers with.
pub const TAINT_UNINITIALIZED: &str = "node.cloudprovider.kubernetes.io/uninitialized";
/// The taint of a Node whose machine is switched off.
pub const TAINT_SHUTDOWN: &str = "node.cloudprovider.kubernetes.io/shutdown";
/// The taint of a Node that is known not to run: its pods are forgotten and its volumes detached by force.
pub const TAINT_OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// The annotation in which the kubelet repeats its `--node-ip`.
pub const PROVIDED_NODE_IP: &str = "alpha.kubernetes.io/provided-node-ip";
/// The instance type.
pub const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
/// The instance type, in its old spelling.
pub const BETA_INSTANCE_TYPE: &str = "beta.kubernetes.io/instance-type";
/// The zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// The zone, in its old spelling.
pub const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
/// The region.
pub const REGION: &str = "topology.kubernetes.io/region";
/// The region, in its old spelling.
pub const BETA_REGION: &str = "failure-domain.beta.kubernetes.io/region";

/// `v1.Node`, as far as it matters here.
#[derive(kube::Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[resource(inherit = "CoreNode")]
pub struct Node {
    /// Name, uid, version, times and labels; of the annotations only [`PROVIDED_NODE_IP`] and our own.
    #[serde(default, deserialize_with = "slim_metadata")]
    pub metadata: ObjectMeta,
    /// Provider ID and taints.
    #[serde(default)]
    pub spec: NodeSpec,
    /// Addresses, identity and readiness.
    #[serde(default)]
    pub status: NodeStatus,
}

/// `v1.NodeSpec`, slim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSpec {
    /// Which machine it is.
    #[serde(rename = "providerID", default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// All taints, whoever set them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taints: Option<Vec<Taint>>,
}

/// `v1.NodeStatus`, slim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Addresses; absent and empty are different things to a JSON Patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<NodeAddress>>,
    /// Where the `systemUUID` is.
    #[serde(default)]
    pub node_info: NodeInfo,
    /// The `Ready` condition, if there is one; the others are dropped when read.
    #[serde(default, deserialize_with = "ready_only", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<NodeCondition>,
}

/// `v1.NodeSystemInfo`, slim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The BIOS uuid as the guest sees it, in either byte order.
    #[serde(rename = "systemUUID", default)]
    pub system_uuid: String,
}

/// `v1.NodeCondition`, slim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeCondition {
    /// Always `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
}

impl Node {
    /// `metadata.name`; a Node from the API server always has one.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// `spec.providerID`; empty counts as absent.
    pub fn provider_id(&self) -> Option<&str> {
        self.spec.provider_id.as_deref().filter(|id| !id.is_empty())
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// What the kubelet was given as `--node-ip`, if anything.
    pub fn provided_node_ip(&self) -> Option<&str> {
        self.annotation(PROVIDED_NODE_IP)
    }

    /// The value of an annotation, if it is one of those that are kept.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// All taints.
    pub fn taints(&self) -> &[Taint] {
        self.spec.taints.as_deref().unwrap_or_default()
    }

    /// All addresses.
    pub fn addresses(&self) -> &[NodeAddress] {
        self.status.addresses.as_deref().unwrap_or_default()
    }

    /// Whether it still waits for a cloud provider: the taint's key counts, not its value or effect.
    pub fn is_uninitialized(&self) -> bool {
        self.taints().iter().any(|taint| taint.key == TAINT_UNINITIALIZED)
    }

    /// Whether its kubelet says that it is, and is still heard of.
    pub fn is_ready(&self) -> bool {
        self.status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True")
    }

    /// Whether its deletion has begun.
    pub fn is_being_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }
}

/// The part of the metadata that is read, so that the rest is skipped instead of built and dropped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SlimMeta {
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<SlimAnnotations>,
}

fn slim_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let slim = SlimMeta::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: slim.name,
        uid: slim.uid,
        resource_version: slim.resource_version,
        creation_timestamp: slim.creation_timestamp,
        deletion_timestamp: slim.deletion_timestamp,
        labels: slim.labels,
        annotations: slim.annotations.map(|annotations| annotations.0),
        ..ObjectMeta::default()
    })
}

fn ready_only<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NodeCondition>, D::Error> {
    let mut conditions: Vec<NodeCondition> =
        Option::<Vec<NodeCondition>>::deserialize(deserializer)?.unwrap_or_default();
    conditions.retain(|condition| condition.kind == "Ready");
    conditions.shrink_to_fit();
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_read_is_kept() {
        let node: Node = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {
                "name": "node-1", "uid": "u-1", "resourceVersion": "7",
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "labels": {"a": "b"},
                "annotations": {PROVIDED_NODE_IP: "10.0.0.1", "csi.volume.kubernetes.io/nodeid": "{}"},
                "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:metadata": {}}}],
            },
            "spec": {"podCIDR": "10.244.0.0/24", "taints": [{"key": "k", "effect": "NoSchedule"}]},
            "status": {
                "nodeInfo": {"systemUUID": "4237aaaa-5c1c-0b7d-6f2e-0123456789ab", "kernelVersion": "6"},
                "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
                "images": [{"names": ["x"], "sizeBytes": 1}],
            },
        }))
        .unwrap();
        assert_eq!(node.name(), "node-1");
        assert_eq!(node.provided_node_ip(), Some("10.0.0.1"));
        assert_eq!(node.metadata.annotations.as_ref().unwrap().len(), 1);
        assert_eq!(node.metadata.managed_fields, None);
        assert_eq!(node.status.conditions, [NodeCondition { kind: "Ready".into(), status: "True".into() }]);
        assert_eq!(node.status.addresses, None);
        assert_eq!(node.provider_id(), None);
    }

    #[test]
    fn ready_is_only_what_says_so() {
        for (status, expected) in [("True", true), ("False", false), ("Unknown", false)] {
            let conditions =
                json!([{"type": "Ready", "status": status}, {"type": "Other", "status": "True"}]);
            let node: Node = serde_json::from_value(json!({"status": {"conditions": conditions}})).unwrap();
            assert_eq!(node.is_ready(), expected, "{status}");
        }
        assert!(!Node::default().is_ready());
    }

    #[test]
    fn the_taint_counts_with_any_value_and_effect() {
        for taint in [
            json!({"key": TAINT_UNINITIALIZED, "effect": "NoSchedule", "value": "true"}),
            json!({"key": TAINT_UNINITIALIZED, "effect": "NoExecute"}),
        ] {
            let node: Node = serde_json::from_value(json!({"spec": {"taints": [taint]}})).unwrap();
            assert!(node.is_uninitialized());
        }
        assert!(!Node::default().is_uninitialized());
    }
}
