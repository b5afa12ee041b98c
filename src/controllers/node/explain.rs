//! Why nothing is done for a Node, in words that help.

use crate::cloud::{InstanceError, MACHINE_ANNOTATION, ProviderIdError};
use crate::controllers::identity::identity;
use crate::k8s::{Node, NodeEvent};

/// The Event for a Node whose machine is not known.
pub(super) fn unknown_instance(node: &Node, error: &InstanceError) -> Option<NodeEvent> {
    let waiting = node.is_uninitialized();
    match error {
        InstanceError::NotFound(_) => Some(NodeEvent::warning(
            "InstanceNotFound",
            format!(
                "No VM found for this Node: {error}. Looked for {}. Check that the VM is in a vCenter and \
                 datacenter of the configuration and that the configured account may read it. The Node is \
                 looked at again as soon as the VM appears.",
                sought(node)
            ),
        )),
        InstanceError::Ambiguous(_) => Some(NodeEvent::warning(
            "AmbiguousInstance",
            format!(
                "{error}. Looked for {}. Nothing is written, because any of them could be this Node. One of them \
                 is taken as soon as something tells it from the others and nothing speaks for another: the \
                 kubelet's --node-ip or the Node's name in its guest alone, or the annotation {}. Or give \
                 each VM its own BIOS uuid (clones may share one), or take those that do not belong to the \
                 cluster out of the account's sight.",
                sought(node),
                MACHINE_ANNOTATION
            ),
        )),
        InstanceError::Mismatch(_) => Some(NodeEvent::warning(
            "InstanceMismatch",
            format!(
                "This Node names two VMs: {error}. Nothing is written. If the machine was replaced under \
                 the same name, delete the Node object and restart the kubelet, which registers it anew."
            ),
        )),
        // An initialised Node works on while vCenter is down; thousands of Events would not help.
        InstanceError::Unknown(_) => waiting.then(|| {
            NodeEvent::warning(
                "InstanceUnknown",
                format!(
                    "Cannot tell now which VM this Node is: {error}. Looked for {}. Check that vCenter is \
                     reachable and accepts the configured account. The Node is looked at again as soon as \
                     vCenter answers.",
                    sought(node)
                ),
            )
        }),
        InstanceError::NotOurs(_) => waiting.then(|| {
            NodeEvent::warning("ForeignProviderID", format!("This Node is left alone: {error}.")).once()
        }),
    }
}

/// The Event for a Node whose providerID tells that it is not ours.
pub(super) fn foreign(node: &Node, error: &ProviderIdError) -> Option<NodeEvent> {
    let reason = match error {
        ProviderIdError::Foreign { .. } => "ForeignProviderID",
        ProviderIdError::Malformed { .. } => "InvalidProviderID",
    };
    let message = format!(
        "This Node is left alone: {error}. If it is a VM of this cluster, delete the Node object and restart \
         the kubelet without --provider-id."
    );
    node.is_uninitialized().then(|| NodeEvent::warning(reason, message).once())
}

fn sought(node: &Node) -> String {
    let identity = identity(node);
    let parts = [("providerID", identity.provider_id), ("systemUUID", identity.system_uuid)];
    let mut texts: Vec<String> =
        parts.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
    texts.push(format!("name {}", identity.name));
    texts.extend(identity.provided_ips.iter().map(|ip| format!("--node-ip {ip}")));
    texts.join(", ")
}
