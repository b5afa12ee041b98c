//! What a Node says of itself.

use std::net::IpAddr;
use std::sync::Arc;

use crate::cloud::{MACHINE_ANNOTATION, MachineRecord, NodeIdentity, ProviderId, ProviderIdError};
use crate::k8s::Node;

/// All that is needed to find the machine of a Node.
pub fn identity(node: &Node) -> NodeIdentity {
    let uuid = node.status.node_info.system_uuid.as_str();
    NodeIdentity {
        name: node.name().to_owned(),
        provider_id: node.provider_id().map(str::to_owned),
        system_uuid: (!uuid.is_empty()).then(|| uuid.to_owned()),
        provided_ips: provided_ips(node).unwrap_or_default(),
        record: record(node).map(Arc::new),
    }
}

/// The kubelet's `--node-ip`: one address, or two with a comma. The error is the unreadable text.
pub(super) fn provided_ips(node: &Node) -> Result<Vec<IpAddr>, &str> {
    let Some(text) = node.provided_node_ip().filter(|text| !text.trim().is_empty()) else {
        return Ok(Vec::new());
    };
    text.split(',').map(|ip| ip.trim().parse()).collect::<Result<_, _>>().map_err(|_| text)
}

/// Why a Node is none of our business: its providerID is another provider's, or unreadable.
pub(super) fn foreign(node: &Node) -> Option<ProviderIdError> {
    node.provider_id().and_then(|id| ProviderId::parse(id).err())
}

/// What is remembered of the Node's machine, if anything readable is.
pub(super) fn record(node: &Node) -> Option<MachineRecord> {
    serde_json::from_str(node.annotation(MACHINE_ANNOTATION)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::PROVIDED_NODE_IP;
    use serde_json::json;

    #[test]
    fn an_identity_is_read_from_a_node() {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": "n", "annotations": {PROVIDED_NODE_IP: "10.0.0.1, fd00::1"}},
            "spec": {"providerID": ""},
            "status": {"nodeInfo": {"systemUUID": "U"}},
        }))
        .unwrap();
        let expected = NodeIdentity {
            name: "n".into(),
            provider_id: None,
            system_uuid: Some("U".into()),
            provided_ips: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
            record: None,
        };
        assert_eq!(identity(&node), expected);
    }

    #[test]
    fn a_record_is_read_if_it_is_one() {
        let node = |text: &str| -> Node {
            serde_json::from_value(json!({"metadata": {"annotations": {MACHINE_ANNOTATION: text}}})).unwrap()
        };
        let expected =
            MachineRecord { vcenter: "v".into(), vm: "vm-1".into(), instance_uuid: None, folder: None };
        assert_eq!(record(&node(r#"{"vm": "vm-1", "vcenter": "v", "more": 1}"#)), Some(expected));
        assert_eq!(record(&node("vm-1")), None);
        assert_eq!(record(&Node::default()), None);
    }

    #[test]
    fn an_unreadable_node_ip_is_told_apart_from_none() {
        let node = |ip: &str| -> Node {
            serde_json::from_value(json!({"metadata": {"annotations": {PROVIDED_NODE_IP: ip}}})).unwrap()
        };
        assert_eq!(provided_ips(&node("")), Ok(vec![]));
        assert_eq!(provided_ips(&node("10.0.0.1,")), Err("10.0.0.1,"));
        assert!(identity(&node("eth0")).provided_ips.is_empty());
    }
}
