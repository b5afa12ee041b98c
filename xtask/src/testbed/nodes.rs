//! Nodes as kubelets register them.

use ::kube::api::{Api, PostParams};
use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

use super::kube::Kube;

/// How many nodes are registered at once.
const AT_ONCE: usize = 16;
/// The most images that a kubelet reports.
const MOST_IMAGES: usize = 50;

/// A node to be registered.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// What the kubelet read from the firmware; see [`guest_uuid`].
    pub system_uuid: String,
    /// Key, value, effect. By default the one of a kubelet with an external cloud provider.
    pub taints: Vec<(String, String, String)>,
    /// The kubelet's `--node-ip`.
    pub provided_node_ip: Option<String>,
    /// Type and address, as in the node's status.
    pub addresses: Vec<(String, String)>,
    /// More labels than the host name.
    pub labels: Vec<(String, String)>,
    /// The provider's id, when the kubelet was told or an earlier manager was there.
    pub provider_id: Option<String>,
    /// The size in bytes up to which the status is filled with images; 15,000 is usual.
    pub status_bytes: usize,
}

impl NodeSpec {
    /// A node that waits for its cloud provider.
    pub fn new(name: impl Into<String>, system_uuid: impl Into<String>) -> Self {
        let taint = ("node.cloudprovider.kubernetes.io/uninitialized", "true", "NoSchedule");
        Self {
            name: name.into(),
            system_uuid: system_uuid.into(),
            taints: vec![(taint.0.into(), taint.1.into(), taint.2.into())],
            provided_node_ip: None,
            addresses: Vec::new(),
            labels: Vec::new(),
            provider_id: None,
            status_bytes: 0,
        }
    }

    fn manifest(&self) -> Result<Node> {
        let mut labels = serde_json::Map::new();
        labels.insert("kubernetes.io/hostname".into(), self.name.as_str().into());
        labels.insert("kubernetes.io/os".into(), "linux".into());
        labels.insert("kubernetes.io/arch".into(), "amd64".into());
        labels.extend(self.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
        let annotations =
            self.provided_node_ip.as_ref().map(|ip| json!({"alpha.kubernetes.io/provided-node-ip": ip}));
        let taints = self
            .taints
            .iter()
            .map(|(key, value, effect)| json!({"key": key, "value": value, "effect": effect}));
        let mut node = json!({
            "metadata": {"name": self.name, "labels": labels, "annotations": annotations},
            "spec": {"taints": taints.collect::<Vec<_>>(), "providerID": self.provider_id},
            "status": self.status(),
        });
        let missing = self.status_bytes.saturating_sub(node["status"].to_string().len());
        node["status"]["images"] = images(missing);
        serde_json::from_value(node)
            .with_context(|| format!("the description of node {} is wrong", self.name))
    }

    fn status(&self) -> Value {
        let resources =
            json!({"cpu": "2", "memory": "4025128Ki", "ephemeral-storage": "40Gi", "pods": "110"});
        let address = |(kind, address): &(String, String)| json!({"type": kind, "address": address});
        let condition = |kind: &str, status: &str, reason: &str| {
            let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second())
                .unwrap_or_default()
                .to_string();
            json!({
                "type": kind, "status": status, "reason": reason, "message": "",
                "lastHeartbeatTime": now, "lastTransitionTime": now,
            })
        };
        json!({
            "capacity": resources,
            "allocatable": resources,
            "addresses": self.addresses.iter().map(address).collect::<Vec<_>>(),
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady"),
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "systemUUID": self.system_uuid,
                "machineID": self.system_uuid.replace('-', "").to_lowercase(),
                "bootID": "3f8b6ab2-6a53-4a39-9d0a-1f6f2a6a7d10",
                "architecture": "amd64", "operatingSystem": "linux",
                "osImage": "Ubuntu 24.04.3 LTS", "kernelVersion": "6.8.0-87-generic",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kubeletVersion": "v1.36.3", "kubeProxyVersion": "",
            },
        })
    }
}

/// Images that take about so many bytes of JSON.
fn images(bytes: usize) -> Value {
    let image = |number: usize, padding: usize| {
        json!({
            "names": [
                format!("registry.example.com/team/component-{number:02}@sha256:{number:064x}"),
                format!("registry.example.com/team/component-{number:02}:v1.{number}.0{}", "x".repeat(padding)),
            ],
            "sizeBytes": 40_000_000 + number * 1_000_003,
        })
    };
    let size = image(10, 0).to_string().len() + 1;
    let count = bytes.div_ceil(size).min(MOST_IMAGES);
    let padding = bytes.saturating_sub(count * size).div_ceil(count.max(1));
    (0..count).map(|number| image(number, padding)).collect()
}

impl Kube {
    /// Registers a node, as a kubelet does: its first request has the status in it.
    pub async fn create_node(&self, spec: &NodeSpec) -> Result<Node> {
        create(&Api::all(self.client().await?), spec).await
    }

    /// Registers nodes, some at a time; they come back in their order.
    pub async fn create_nodes(&self, specs: &[NodeSpec]) -> Result<Vec<Node>> {
        let nodes: Api<Node> = Api::all(self.client().await?);
        let created = stream::iter(specs).map(|spec| create(&nodes, spec));
        created.buffered(AT_ONCE).try_collect().await
    }
}

pub(crate) async fn create(nodes: &Api<Node>, spec: &NodeSpec) -> Result<Node> {
    let manifest = spec.manifest()?;
    nodes
        .create(&PostParams::default(), &manifest)
        .await
        .with_context(|| format!("cannot register node {}", spec.name))
}

/// A VM's BIOS uuid as most guests read it: the first three groups byte by byte reversed.
///
/// Guests with an SMBIOS older than 2.6 read it unchanged.
pub fn guest_uuid(uuid: &str) -> String {
    let swapped = |(number, group): (usize, &str)| {
        if number < 3 {
            let bytes: Vec<&str> =
                (0..group.len()).step_by(2).filter_map(|at| group.get(at..at + 2)).collect();
            bytes.into_iter().rev().collect()
        } else {
            group.to_owned()
        }
    };
    uuid.split('-').enumerate().map(swapped).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_read_the_first_three_groups_backwards() {
        let uuid = "4237aaaa-5c1c-0b7d-6f2e-0123456789ab";
        assert_eq!(guest_uuid(uuid), "aaaa3742-1c5c-7d0b-6f2e-0123456789ab");
        assert_eq!(guest_uuid(&guest_uuid(uuid)), uuid);
    }

    #[test]
    fn a_status_is_as_big_as_asked_for() {
        let mut spec = NodeSpec::new("node-1", "4237aaaa-5c1c-0b7d-6f2e-0123456789ab");
        for wanted in [5_000, 15_000, 60_000] {
            spec.status_bytes = wanted;
            let node = spec.manifest().unwrap();
            let size = serde_json::to_string(&node.status).unwrap().len();
            assert!((wanted..wanted + 700).contains(&size), "{wanted}: {size}");
            assert!(node.status.unwrap().images.unwrap().len() <= MOST_IMAGES);
        }
    }

    #[test]
    fn a_node_is_what_a_kubelet_would_send() {
        let mut spec = NodeSpec::new("node-1", "uuid");
        spec.provided_node_ip = Some("10.0.0.1".into());
        spec.addresses = vec![("Hostname".into(), "node-1".into())];
        spec.labels = vec![("team".into(), "a".into())];
        let node = spec.manifest().unwrap();
        assert_eq!(node.metadata.annotations.unwrap()["alpha.kubernetes.io/provided-node-ip"], "10.0.0.1");
        assert_eq!(node.metadata.labels.unwrap()["team"], "a");
        let taints = node.spec.unwrap().taints.unwrap();
        assert_eq!(taints[0].key, "node.cloudprovider.kubernetes.io/uninitialized");
        assert_eq!(node.status.unwrap().node_info.unwrap().system_uuid, "uuid");
    }
}
