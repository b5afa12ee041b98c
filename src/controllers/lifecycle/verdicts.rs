//! What is remembered of all Nodes, and the clock: what `decide` needs besides the Node.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::breaker::Breaker;
use super::decide::{Decision, Memory, concerns, decide};
use super::options::{Count, Options};
use crate::cloud::Existence;
use crate::k8s::Node;

/// The memory of the controller. Decisions are taken one at a time, so that of two Nodes each sees
/// what was decided for the other.
pub(super) struct Verdicts {
    state: Mutex<State>,
    started: Instant,
    options: Options,
}

#[derive(Default)]
struct State {
    memories: HashMap<String, Memory>,
    breaker: Breaker,
}

impl Verdicts {
    pub(super) fn new(options: Options) -> Self {
        Self { state: Mutex::default(), started: Instant::now(), options }
    }

    /// What is to be done for a Node, one of so many.
    pub(super) fn decide(&self, node: &Node, answer: Option<&Existence>, nodes: usize) -> Decision {
        let (now, options) = (self.started.elapsed(), &self.options);
        let mut state = self.lock();
        let before = state.memories.remove(node.name());
        if let Some(other) = before.as_ref().filter(|memory| memory.uid() != node.uid()) {
            state.breaker.departed(other.uid(), now);
        }
        let held = state.breaker.holds(node.uid(), nodes, now, options);
        let decision = decide(node, answer, before, held, now, options);
        if decision.memory.as_ref().is_some_and(Memory::is_suspect) {
            state.breaker.stands(node.uid(), nodes, now, options);
        } else {
            state.breaker.withdrawn(node.uid(), now);
        }
        if let Some(memory) = &decision.memory {
            state.memories.insert(node.name().to_owned(), memory.clone());
        }
        let tripped = state.breaker.tally(nodes, now, options).is_tripped();
        options.counters.set(Count::Tripped, u64::from(tripped));
        options.counters.set(Count::Held, u64::try_from(state.breaker.held()).unwrap_or(u64::MAX));
        decision
    }

    /// The machines of these Nodes, by uid, cannot be found, although the Nodes work.
    pub(super) fn missing<'a>(&self, uids: impl IntoIterator<Item = &'a str>) {
        self.lock().breaker.missing(uids, self.started.elapsed());
    }

    /// Whether there can be anything to do for a Node. Most work, and there is not.
    pub(super) fn concern(&self, node: &Node) -> bool {
        let state = self.lock();
        // The breaker ages with each look, whichever Node it is at.
        concerns(node) || state.memories.contains_key(node.name()) || !state.breaker.is_empty()
    }

    /// There is no Node of this name any longer.
    pub(super) fn forget(&self, name: &str) {
        let now = self.started.elapsed();
        let mut state = self.lock();
        if let Some(memory) = state.memories.remove(name) {
            state.breaker.departed(memory.uid(), now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
