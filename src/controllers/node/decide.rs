//! What is to be done for a Node. Pure: the same Node and answer give the same plan.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::NodeAddress;
use serde_json::{Value, json};

use super::{addresses, explain, labels};
use crate::cloud::{Instance, InstanceError, MACHINE_ANNOTATION};
use crate::controllers::identity;
use crate::k8s::{JsonPatch, Node, NodeEvent, Pointer, TAINT_UNINITIALIZED};

/// What is to be done for a Node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// For the `status` subresource. It goes first: a Node without the taint has its addresses.
    pub status: Option<JsonPatch>,
    /// For the Node itself.
    pub metadata: Option<JsonPatch>,
    /// To be told once all that is written.
    pub events: Vec<NodeEvent>,
    /// Whether this takes the taint off.
    pub initialised: bool,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the administrator wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Labels for every Node on its initialisation (`--node-labels`); keys that belong to Kubernetes
    /// and keys that a Node already has are left out.
    pub additional_labels: BTreeMap<String, String>,
    /// Whether a Node waits until its zone and region are known (`--strict-zones`), as upstream has it.
    pub strict_zones: bool,
}

/// What is to be done for this Node, given this answer about its machine.
pub fn decide(node: &Node, instance: &Result<Instance, InstanceError>, rules: &Rules) -> Plan {
    if node.is_being_deleted() {
        return Plan::default();
    }
    if let Some(error) = identity::foreign(node) {
        return Plan::telling(explain::foreign(node, &error));
    }
    if !node.is_uninitialized() {
        return maintain(node, instance);
    }
    match instance {
        Ok(instance) => initialise(node, instance, rules),
        Err(error) => Plan::telling(explain::unknown_instance(node, error)),
    }
}

/// A Node that waits: as much as can be done, and the taint only if nothing is missing.
fn initialise(node: &Node, instance: &Instance, rules: &Rules) -> Plan {
    let mut metadata = guarded(node);
    if node.provider_id().is_none() {
        let observed = node.spec.provider_id.clone().map(Value::from);
        metadata.swap(Pointer::new(["spec", "providerID"]), observed, instance.provider_id.to_string());
    }
    set_labels(node, &mut metadata, &labels::initial(node, instance, &rules.additional_labels));
    set_record(node, &mut metadata, instance);

    if rules.strict_zones
        && let Some(problem) = &instance.zone.problem
    {
        let event = NodeEvent::warning(
            "MissingZone",
            format!(
                "The taint stays, as --strict-zones wants it, because of {}: {problem}",
                instance.location
            ),
        );
        return Plan { metadata: metadata.into_effective(), events: vec![event], ..Plan::default() };
    }
    let (status, events) = match addresses::initial(node, instance) {
        Ok(wanted) => {
            remove_taint(node, &mut metadata);
            let differs = !addresses::same_list(&wanted, node.addresses());
            let status = differs.then(|| set_addresses(node, &wanted));
            (status, initialised_events(instance))
        }
        Err(event) => {
            return Plan { metadata: metadata.into_effective(), events: vec![event], ..Plan::default() };
        }
    };
    Plan { status, metadata: metadata.into_effective(), events, initialised: true }
}

/// A Node at work: the new spelling of labels, addresses that have changed, and what is to be
/// remembered of its machine, if that is not written yet or is not true any longer.
fn maintain(node: &Node, instance: &Result<Instance, InstanceError>) -> Plan {
    let mut metadata = guarded(node);
    let mut wanted = labels::respelled(node);
    if let Ok(instance) = instance {
        wanted.extend(labels::late(node, instance));
    }
    set_labels(node, &mut metadata, &wanted);
    if let Ok(instance) = instance {
        set_record(node, &mut metadata, instance);
    }
    let metadata = metadata.into_effective();
    match instance {
        Ok(instance) => {
            let status = addresses::refreshed(node, instance).map(|wanted| set_addresses(node, &wanted));
            Plan { status, metadata, ..Plan::default() }
        }
        Err(error) => Plan { metadata, ..Plan::telling(explain::unknown_instance(node, error)) },
    }
}

impl Plan {
    fn telling(event: Option<NodeEvent>) -> Self {
        Self { events: event.into_iter().collect(), ..Self::default() }
    }
}

fn initialised_events(instance: &Instance) -> Vec<NodeEvent> {
    let mut events = vec![NodeEvent::normal("Synced", "Node synced successfully")];
    if let Some(problem) = &instance.addresses.problem {
        let message = format!("Not all addresses of {} could be found: {problem}", instance.location);
        events.push(NodeEvent::warning("MissingAddresses", message));
    }
    if let Some(problem) = &instance.zone.problem {
        let message = format!("Not all zone labels of {} are known: {problem}", instance.location);
        events.push(NodeEvent::warning("MissingZone", message));
    }
    events
}

/// A patch that applies to this very Node only, not to one that was created in its place.
fn guarded(node: &Node) -> JsonPatch {
    let mut patch = JsonPatch::new();
    patch.test(Pointer::new(["metadata", "uid"]), node.uid());
    patch
}

fn set_labels(node: &Node, patch: &mut JsonPatch, wanted: &[(&str, &str)]) {
    if wanted.is_empty() {
        return;
    }
    let path = Pointer::new(["metadata", "labels"]);
    if node.metadata.labels.is_none() {
        let all: BTreeMap<&str, &str> = wanted.iter().copied().collect();
        patch.swap(path, None, json!(all));
        return;
    }
    for (key, value) in wanted {
        patch.swap(path.clone().then(key), node.label(key).map(Value::from), *value);
    }
}

/// Writes down what proves the machine's end one day, unless it is there already in whatever spelling.
fn set_record(node: &Node, patch: &mut JsonPatch, instance: &Instance) {
    let Some(record) =
        instance.record.as_ref().filter(|record| identity::record(node).as_ref() != Some(record))
    else {
        return;
    };
    // Strings only: it cannot fail.
    let Ok(text) = serde_json::to_string(record) else { return };
    let path = Pointer::new(["metadata", "annotations"]);
    if node.metadata.annotations.is_none() {
        patch.swap(path, None, json!({MACHINE_ANNOTATION: text}));
    } else {
        let observed = node.annotation(MACHINE_ANNOTATION).map(Value::from);
        patch.swap(path.then(MACHINE_ANNOTATION), observed, text);
    }
}

/// Removes every taint of the key, from the last one to the first, so that each index is still true
/// when its turn comes.
///
/// Only the key is tested: it says whose taint it is, and fields that a later Kubernetes may add
/// cannot make the test fail for ever.
fn remove_taint(node: &Node, patch: &mut JsonPatch) {
    let taints = node.taints().iter().enumerate().rev();
    for (index, _) in taints.filter(|(_, taint)| taint.key == TAINT_UNINITIALIZED) {
        let path = Pointer::new(["spec", "taints"]).then(index);
        patch.test(path.clone().then("key"), TAINT_UNINITIALIZED).remove(path);
    }
}

fn set_addresses(node: &Node, wanted: &[NodeAddress]) -> JsonPatch {
    let mut patch = guarded(node);
    let observed = node.status.addresses.as_ref().map(|addresses| json!(addresses));
    patch.swap(Pointer::new(["status", "addresses"]), observed, json!(wanted));
    patch
}

#[cfg(test)]
mod tests;
