//! A Node, as far as a bench looks at it: decoding what it does not would take time from those
//! who are measured.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node as FullNode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Deserializer, Serialize};

pub(super) const UNINITIALIZED: &str = "node.cloudprovider.kubernetes.io/uninitialized";
pub(super) const SHUTDOWN: &str = "node.cloudprovider.kubernetes.io/shutdown";
pub(super) const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
pub(super) const BETA_INSTANCE_TYPE: &str = "beta.kubernetes.io/instance-type";
pub(super) const ZONE: &str = "topology.kubernetes.io/zone";
pub(super) const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
pub(super) const REGION: &str = "topology.kubernetes.io/region";
pub(super) const BETA_REGION: &str = "failure-domain.beta.kubernetes.io/region";

/// `v1.Node`, slim.
#[derive(Clone, Debug, Default, Serialize, Deserialize, kube::Resource)]
#[resource(inherit = "FullNode")]
pub(super) struct Node {
    #[serde(default, deserialize_with = "slim_metadata")]
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "providerID", default)]
    provider_id: Option<String>,
    #[serde(default)]
    taints: Vec<Taint>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Taint {
    key: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Status {
    #[serde(default)]
    addresses: Vec<Address>,
}

/// `v1.NodeAddress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) address: String,
}

impl Node {
    pub(super) fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.has_taint(UNINITIALIZED)
    }

    /// Whether it says that its machine is off.
    pub(super) fn is_shut_down(&self) -> bool {
        self.has_taint(SHUTDOWN)
    }

    fn has_taint(&self, key: &str) -> bool {
        self.spec.taints.iter().any(|taint| taint.key == key)
    }

    pub(super) fn provider_id(&self) -> &str {
        self.spec.provider_id.as_deref().unwrap_or_default()
    }

    pub(super) fn label(&self, key: &str) -> &str {
        self.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map_or("", String::as_str)
    }

    pub(super) fn addresses(&self) -> &[Address] {
        &self.status.addresses
    }
}

/// Without the managed fields, which are the greater part of it.
fn slim_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Slim {
        name: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        labels: Option<BTreeMap<String, String>>,
    }
    let Slim { name, uid, resource_version, labels } = Slim::deserialize(deserializer)?;
    Ok(ObjectMeta { name, uid, resource_version, labels, ..ObjectMeta::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_matters_is_read() {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": "a", "uid": "u", "resourceVersion": "7", "labels": {ZONE: "z"}, "managedFields": [{}]},
            "spec": {"providerID": "vsphere://x", "taints": [{"key": UNINITIALIZED, "effect": "NoSchedule"}]},
            "status": {"addresses": [{"type": "Hostname", "address": "a"}], "images": [{"names": ["i"]}]},
        }))
        .unwrap();
        assert_eq!((node.name(), node.provider_id(), node.label(ZONE)), ("a", "vsphere://x", "z"));
        assert!(!node.is_ready());
        assert_eq!(node.addresses()[0].address, "a");
        let bare: Node = serde_json::from_value(json!({"metadata": {"name": "a"}})).unwrap();
        assert!(bare.is_ready() && bare.addresses().is_empty() && bare.label(REGION).is_empty());
    }
}
