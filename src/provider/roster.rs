//! The Nodes that were asked for, and what is known of each: shared by askers and the resolver.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::identify::Machine;
use crate::cloud::{InstanceError, NodeIdentity};

/// Where the search for a Node's machine stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The first search is under way.
    Looking,
    /// This is it.
    Bound(Machine),
    /// No certain answer; it is looked for again.
    Failed(InstanceError),
}

/// All Nodes by name.
#[derive(Debug, Default)]
pub(super) struct Roster {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    nodes: HashMap<String, Entry>,
    bound: HashMap<Machine, HashSet<String>>,
}

#[derive(Debug)]
struct Entry {
    /// Without the record while it has a machine: it is not needed then, and there are many.
    identity: NodeIdentity,
    state: State,
    /// Those who wait for the end of the first search.
    waiting: Vec<oneshot::Sender<()>>,
}

impl Entry {
    fn new(identity: NodeIdentity, state: State) -> Self {
        Self { identity, state, waiting: Vec::new() }
    }
}

impl Roster {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A Node's state; `true` if the search must begin (anew), because the Node is new or says
    /// something of itself that is not true of its machine.
    ///
    /// `fits` tells whether an identity is that of a machine: a Node that was found by its systemUUID
    /// gets a providerID from us, which is no reason to look for it again.
    pub(super) fn look(
        &self,
        node: &NodeIdentity,
        fits: impl FnOnce(&Machine, &NodeIdentity) -> bool,
    ) -> (State, bool) {
        let mut inner = self.lock();
        if let Some(entry) = inner.nodes.get_mut(&node.name) {
            let same = entry.identity.same_but_record(node);
            let still = match &entry.state {
                State::Bound(machine) => same || fits(machine, node),
                State::Looking | State::Failed(_) => entry.identity == *node,
            };
            if still {
                if !same {
                    entry.identity = NodeIdentity { record: None, ..node.clone() };
                }
                return (entry.state.clone(), false);
            }
        }
        // Who waits for an answer about the old identity asks again.
        if let Some(old) = inner.nodes.insert(node.name.clone(), Entry::new(node.clone(), State::Looking))
            && let State::Bound(machine) = &old.state
        {
            inner.unbind(&node.name, machine);
        }
        (State::Looking, true)
    }

    /// Waits as long as the first search for a Node's machine is under way.
    pub(super) async fn searched(&self, name: &str) {
        let end = {
            let mut inner = self.lock();
            let Some(entry) = inner.nodes.get_mut(name) else { return };
            if entry.state != State::Looking {
                return;
            }
            let (sender, end) = oneshot::channel();
            entry.waiting.push(sender);
            end
        };
        // An error is an end as well: the Node was forgotten, or asked about anew.
        let _ = end.await;
    }

    /// Takes over a Node with what is known of it.
    pub(super) fn adopt(&self, identity: NodeIdentity, machine: Option<Machine>) {
        let mut inner = self.lock();
        if let Some(machine) = &machine {
            inner.bound.entry(machine.clone()).or_default().insert(identity.name.clone());
        }
        let state = machine.map_or(State::Looking, State::Bound);
        inner.nodes.insert(identity.name.clone(), Entry::new(identity, state));
    }

    /// All Nodes, each with the machine that it is known to have.
    pub(super) fn entries(&self) -> Vec<(NodeIdentity, Option<Machine>)> {
        let inner = self.lock();
        let machine = |entry: &Entry| match &entry.state {
            State::Bound(machine) => Some(machine.clone()),
            State::Looking | State::Failed(_) => None,
        };
        inner.nodes.values().map(|entry| (entry.identity.clone(), machine(entry))).collect()
    }

    /// What a Node says of itself.
    pub(super) fn identity(&self, name: &str) -> Option<NodeIdentity> {
        self.lock().nodes.get(name).map(|entry| entry.identity.clone())
    }

    /// The machine that a Node is known to have.
    pub(super) fn machine(&self, name: &str) -> Option<Machine> {
        let inner = self.lock();
        match &inner.nodes.get(name)?.state {
            State::Bound(machine) => Some(machine.clone()),
            State::Looking | State::Failed(_) => None,
        }
    }

    /// Sets a Node's state; `true` if it is another than before.
    pub(super) fn set(&self, name: &str, state: State) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.nodes.get_mut(name) else { return false };
        if let State::Bound(_) = state {
            entry.identity.record = None;
        }
        if entry.state == state {
            return false;
        }
        let before = std::mem::replace(&mut entry.state, state.clone());
        // Whoever waits looks for itself.
        entry.waiting.clear();
        if let State::Bound(machine) = &before {
            inner.unbind(name, machine);
        }
        if let State::Bound(machine) = state {
            inner.bound.entry(machine).or_default().insert(name.to_owned());
        }
        true
    }

    /// Drops a Node; returns its machine if no other Node has it.
    pub(super) fn remove(&self, name: &str) -> Option<Machine> {
        let mut inner = self.lock();
        let entry = inner.nodes.remove(name)?;
        let State::Bound(machine) = &entry.state else { return None };
        inner.unbind(name, machine);
        (!inner.bound.contains_key(machine)).then(|| machine.clone())
    }

    /// The Nodes that have this machine.
    pub(super) fn on(&self, machine: &Machine) -> Vec<String> {
        self.lock().bound.get(machine).into_iter().flatten().cloned().collect()
    }

    /// All Nodes that have a machine in this vCenter.
    pub(super) fn in_vcenter(&self, vcenter: usize) -> Vec<String> {
        let inner = self.lock();
        inner
            .bound
            .iter()
            .filter(|(machine, _)| machine.vcenter == vcenter)
            .flat_map(|(_, n)| n.clone())
            .collect()
    }

    /// All names.
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().nodes.keys().cloned().collect()
    }
}

impl Inner {
    fn unbind(&mut self, name: &str, machine: &Machine) {
        if let Some(names) = self.bound.get_mut(machine) {
            names.remove(name);
            if names.is_empty() {
                self.bound.remove(machine);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cloud::MachineRecord;
    use crate::vsphere::MoRef;

    fn node(name: &str, uuid: &str) -> NodeIdentity {
        NodeIdentity { name: name.into(), system_uuid: Some(uuid.into()), ..NodeIdentity::default() }
    }

    fn machine(id: &str) -> Machine {
        Machine { vcenter: 0, moref: MoRef::new("VirtualMachine", id) }
    }

    #[test]
    fn a_search_begins_once_per_identity() {
        let roster = Roster::default();
        assert!(roster.look(&node("n", "a"), |_, _| false).1);
        assert!(!roster.look(&node("n", "a"), |_, _| false).1);
        assert!(roster.set("n", State::Bound(machine("vm-1"))));
        assert!(!roster.set("n", State::Bound(machine("vm-1"))), "no news");
        assert!(!roster.look(&node("n", "A"), |_, _| true).1, "the same machine by another word");
        assert!(roster.look(&node("n", "b"), |_, _| false).1, "another machine under the same name");
        assert!(roster.on(&machine("vm-1")).is_empty(), "the old machine is not this Node's any longer");
    }

    #[test]
    fn what_is_remembered_matters_only_until_there_is_a_machine() {
        let roster = Roster::default();
        let remembering = |vm: &str| {
            let record =
                MachineRecord { vcenter: "vc".into(), vm: vm.into(), instance_uuid: None, folder: None };
            NodeIdentity { record: Some(Arc::new(record)), ..node("n", "a") }
        };
        let unfit = |_: &Machine, _: &NodeIdentity| false;
        assert!(roster.look(&node("n", "a"), unfit).1);
        assert!(roster.look(&remembering("vm-1"), unfit).1, "it may tell machines apart");
        roster.set("n", State::Failed(InstanceError::Unknown("away".into())));
        assert!(!roster.look(&remembering("vm-1"), unfit).1);
        assert!(roster.look(&remembering("vm-2"), unfit).1);
        assert!(roster.identity("n").unwrap().record.is_some());
        roster.set("n", State::Bound(machine("vm-2")));
        for identity in [remembering("vm-2"), remembering("vm-3"), node("n", "a")] {
            assert!(!roster.look(&identity, unfit).1, "it has its machine");
        }
        assert_eq!(roster.identity("n").unwrap().record, None, "there are thousands of these");
    }

    #[test]
    fn a_node_is_taken_over_with_its_machine_or_without() {
        let (old, new) = (Roster::default(), Roster::default());
        for name in ["known", "lost"] {
            let _ = old.look(&node(name, name), |_, _| false);
        }
        old.set("known", State::Bound(machine("vm-1")));
        old.set("lost", State::Failed(InstanceError::Unknown("away".into())));
        for (identity, machine) in old.entries() {
            new.adopt(identity, machine);
        }
        assert_eq!(new.machine("known"), Some(machine("vm-1")));
        assert_eq!(new.on(&machine("vm-1")), ["known"]);
        assert_eq!(new.machine("lost"), None);
        assert!(!new.look(&node("lost", "lost"), |_, _| false).1, "it is being looked for already");
    }

    #[test]
    fn a_machine_is_given_up_with_its_last_node() {
        let roster = Roster::default();
        for name in ["a", "b"] {
            let _ = roster.look(&node(name, name), |_, _| false);
            roster.set(name, State::Bound(machine("vm-1")));
        }
        assert_eq!(roster.remove("a"), None);
        assert_eq!(roster.remove("b"), Some(machine("vm-1")));
        assert_eq!(roster.remove("b"), None);
    }
}
