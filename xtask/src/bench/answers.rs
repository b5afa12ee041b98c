//! What vCenter knows of each node: what the floor writes, and what all others must have written.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::node::{
    BETA_INSTANCE_TYPE, BETA_REGION, BETA_ZONE, INSTANCE_TYPE, Node, REGION, UNINITIALIZED, ZONE,
};

/// All about one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) node: String,
    /// The Node's uid.
    pub(super) uid: String,
    pub(super) provider_id: String,
    pub(super) address: String,
    pub(super) instance_type: String,
    pub(super) zone: String,
    pub(super) region: String,
}

impl Answer {
    /// The labels, in the order in which the product sets them.
    fn labels(&self) -> [(&str, &str); 6] {
        [
            (BETA_INSTANCE_TYPE, &self.instance_type),
            (INSTANCE_TYPE, &self.instance_type),
            (BETA_ZONE, &self.zone),
            (ZONE, &self.zone),
            (BETA_REGION, &self.region),
            (REGION, &self.region),
        ]
    }

    /// The first write, a JSON Patch: to the `status`.
    pub(super) fn status_patch(&self) -> Value {
        let address = |kind: &str, address: &str| json!({"type": kind, "address": address});
        let host_name = address("Hostname", &self.node);
        let wanted =
            json!([host_name, address("InternalIP", &self.address), address("ExternalIP", &self.address)]);
        json!([
            {"op": "test", "path": "/metadata/uid", "value": self.uid},
            {"op": "test", "path": "/status/addresses", "value": [host_name]},
            {"op": "replace", "path": "/status/addresses", "value": wanted},
        ])
    }

    /// The second write, a JSON Patch: to the Node itself. With it the node is ready.
    pub(super) fn metadata_patch(&self) -> Value {
        let mut operations = vec![json!({"op": "test", "path": "/metadata/uid", "value": self.uid})];
        let mut add = |path: &str, value: &str| {
            operations.push(json!({"op": "test", "path": path, "value": null}));
            operations.push(json!({"op": "add", "path": path, "value": value}));
        };
        add("/spec/providerID", &self.provider_id);
        for (key, value) in self.labels() {
            add(&format!("/metadata/labels/{}", key.replace('/', "~1")), value);
        }
        operations.push(json!({"op": "test", "path": "/spec/taints/0/key", "value": UNINITIALIZED}));
        operations.push(json!({"op": "remove", "path": "/spec/taints/0"}));
        Value::Array(operations)
    }

    /// The third write: the Event.
    pub(super) fn event(&self, now: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": format!("{}.floor", self.node), "namespace": "default"},
            "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": self.node, "uid": self.uid},
            "type": "Normal",
            "reason": "Synced",
            "message": "Node synced successfully",
            "source": {"component": "floor"},
            "reportingComponent": "floor",
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
        })
    }

    /// An error unless the node is as it must be: speed is worth nothing without that.
    pub(super) fn check(&self, node: &Node) -> Result<()> {
        let has = |kind: &str, address: &str| {
            node.addresses().iter().any(|found| found.kind == kind && found.address == address)
        };
        let labels_are_wrong = self.labels().iter().any(|(key, value)| node.label(key) != *value);
        if !node.provider_id().eq_ignore_ascii_case(&self.provider_id) {
            bail!("{} has the provider id {:?}, not {:?}", self.node, node.provider_id(), self.provider_id);
        }
        if labels_are_wrong {
            bail!("{} has the labels {:?}, not {:?}", self.node, node.metadata.labels, self.labels());
        }
        if !has("Hostname", &self.node)
            || !has("InternalIP", &self.address)
            || !has("ExternalIP", &self.address)
        {
            bail!("{} has the addresses {:?}, not {:?}", self.node, node.addresses(), self.address);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            node: "node-1".into(),
            uid: "u".into(),
            provider_id: "vsphere://x".into(),
            address: "10.0.0.1".into(),
            instance_type: "t".into(),
            zone: "z".into(),
            region: "r".into(),
        }
    }

    #[test]
    fn the_metadata_goes_in_one_patch() {
        let patch = answer().metadata_patch();
        assert_eq!(patch.as_array().unwrap().len(), 1 + 2 * 7 + 2);
        assert_eq!(patch[1], json!({"op": "test", "path": "/spec/providerID", "value": null}));
        let zone = patch.as_array().unwrap().iter().find(|operation| {
            operation["op"] == "add" && operation["path"] == "/metadata/labels/topology.kubernetes.io~1zone"
        });
        assert_eq!(zone.unwrap()["value"], "z");
        assert_eq!(patch[16], json!({"op": "remove", "path": "/spec/taints/0"}));
    }

    #[test]
    fn what_is_not_right_is_found() {
        let right = json!({
            "metadata": {"name": "node-1", "labels": answer().labels().into_iter().collect::<std::collections::BTreeMap<_, _>>()},
            "spec": {"providerID": "vsphere://X"},
            "status": {"addresses": answer().status_patch()[2]["value"]},
        });
        let check = |node: &Value| answer().check(&serde_json::from_value(node.clone()).unwrap());
        check(&right).unwrap();
        let wrong = [
            ("/spec/providerID", "provider id"),
            ("/metadata/labels/topology.kubernetes.io~1zone", "labels"),
            ("/status/addresses/1/address", "addresses"),
        ];
        for (path, complaint) in wrong {
            let mut node = right.clone();
            *node.pointer_mut(path).unwrap() = json!("other");
            let error = check(&node).unwrap_err().to_string();
            assert!(error.contains(complaint), "{path}: {error}");
        }
    }
}
