//! What the user is told, and what there is to do about it.

use super::Options;
use super::breaker::Tally;
use super::decide::CONFIRM_ANNOTATION;
use super::out_of_service::Cause;
use crate::cloud::Proof;
use crate::k8s::{Node, NodeEvent, TAINT_OUT_OF_SERVICE};

/// The reason of the Event for a Node that the breaker holds.
pub(super) const HELD: &str = "NodeDeletionHeld";

/// The Event of a deletion; its first sentence is upstream's.
pub(super) fn deleting(node: &Node, evidence: &str) -> NodeEvent {
    let name = node.name();
    let message = format!("Deleting node {name} because it does not exist in the cloud provider: {evidence}");
    NodeEvent::normal("DeletingNode", message)
}

pub(super) fn deleting_failed(node: &Node, error: &impl std::fmt::Display) -> NodeEvent {
    let message = format!("Node {} could not be deleted and is kept for now: {error}", node.name());
    NodeEvent::warning("DeletingNodeFailed", message)
}

pub(super) fn held(node: &Node, proof: &Proof, tally: Tally, options: &Options) -> NodeEvent {
    let Tally { gone, nodes, allowed } = tally;
    let name = node.name();
    let (window, hold) = (options.breaker_window.as_secs(), options.held_for.as_secs());
    let message = format!(
        "The VM of this Node seems to be gone, but the Node is not deleted yet: within {window} s this was \
         found of {gone} of {nodes} Nodes, and more than {allowed} at once look like lost rights or a broken \
         inventory. If the VM is really gone, run: kubectl annotate node {name} {CONFIRM_ANNOTATION}=true. \
         Without that, the Node is deleted when the same has been found for {hold} s. Evidence: {proof}"
    );
    NodeEvent::warning(HELD, message)
}

pub(super) fn skipped(node: &Node, proof: &Proof) -> NodeEvent {
    let message = format!(
        "The VM of this Node is gone, but SKIP_NODE_DELETION is set, so the Node is kept. To get rid of it, \
         run: kubectl delete node {}. Evidence: {proof}",
        node.name()
    );
    NodeEvent::warning("NodeDeletionSkipped", message)
}

pub(super) fn replaced(node: &Node, location: &str) -> NodeEvent {
    let provider_id = node.provider_id().unwrap_or_default();
    let uuid = &node.status.node_info.system_uuid;
    let message = format!(
        "The VM of providerID {provider_id} is gone, but systemUUID {uuid} is that of {location}. The Node is \
         kept as it is. If it runs on that VM now, delete the Node object and restart the kubelet, which \
         registers it anew; if that VM is something else, give it a BIOS uuid of its own and delete the Node."
    );
    NodeEvent::warning("ProviderIDMismatch", message)
}

pub(super) fn out_of_service(cause: Cause) -> NodeEvent {
    let cause = match cause {
        Cause::Off => "is switched off",
        Cause::Gone => "is gone",
    };
    let message = format!(
        "The VM of this Node {cause}, and the Node holds volumes. It has the taint {TAINT_OUT_OF_SERVICE} now, \
         so that its pods are replaced and its volumes attached elsewhere at once; the taint is removed when \
         the VM is back"
    );
    NodeEvent::warning("OutOfService", message)
}

pub(super) fn back_in_service() -> NodeEvent {
    let message = format!("The VM of this Node is back; the taint {TAINT_OUT_OF_SERVICE} is removed");
    NodeEvent::normal("BackInService", message)
}

pub(super) fn unknown(why: &str) -> NodeEvent {
    let message = format!(
        "This Node is not ready, and nobody can tell whether its VM still exists. Nothing is done to it until \
         vCenter gives an answer: {why}"
    );
    NodeEvent::warning("InstanceExistenceUnknown", message)
}

/// Why a machine that is not found anywhere is not taken for gone.
pub(super) fn unreadable_folder(node: &Node, evidence: &str) -> String {
    let name = node.name();
    format!(
        "{evidence}, but the folder it was in cannot be read, so the account may have lost its rights. If the \
         VM is really gone, run: kubectl annotate node {name} {CONFIRM_ANNOTATION}=true"
    )
}
