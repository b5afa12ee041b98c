//! What one leader has seen and keeps in memory: which machine each Node is, and how that was last.

use std::collections::BTreeMap;

use tokio::sync::broadcast;

use super::Time;
use super::judgement::{View, power};
use super::machines::{Place, Run};
use crate::cloud::{Existence, Instance, InstanceError, NodeIdentity};

/// News that a slow reader may lag behind.
const NEWS_KEPT: usize = 1024;

/// The memory of one leader.
pub(super) struct Sight {
    known: BTreeMap<String, Known>,
    /// The Nodes whose machines are being looked for.
    searches: BTreeMap<String, NodeIdentity>,
    news: broadcast::Sender<String>,
    /// Up to which change of the world it has looked, and when it looks again.
    seen: u64,
    due: Option<Time>,
}

/// What is known of a Node's machine.
struct Known {
    identity: NodeIdentity,
    watched: Option<Watched>,
    answer: Result<Instance, InstanceError>,
    /// When it was last looked at.
    seen: Time,
}

/// A machine as it was seen last.
#[derive(Clone, Debug, PartialEq)]
struct Watched {
    machine: usize,
    place: Place,
    run: Run,
    told: bool,
    /// Since when it is known to be off, without a break in what is known.
    off_since: Option<Time>,
}

impl Default for Sight {
    fn default() -> Self {
        let news = broadcast::Sender::new(NEWS_KEPT);
        Self { known: BTreeMap::new(), searches: BTreeMap::new(), news, seen: 0, due: None }
    }
}

impl Sight {
    pub(super) fn news(&self) -> broadcast::Receiver<String> {
        self.news.subscribe()
    }

    /// The answer that is in memory.
    pub(super) fn recall(&self, node: &NodeIdentity) -> Option<Result<Instance, InstanceError>> {
        let known = self.known.get(&node.name).filter(|known| known.identity.same_but_record(node))?;
        Some(known.answer.clone())
    }

    /// Whether a search for a Node's machine is to begin: the same one is not under way.
    pub(super) fn begins(&mut self, node: &NodeIdentity) -> bool {
        let before = self.searches.insert(node.name.clone(), node.clone());
        before.is_none_or(|before| !before.same_but_record(node))
    }

    /// Looks for a Node's machine, keeps the answer, and tells that there is one.
    pub(super) fn look(&mut self, node: &NodeIdentity, view: View<'_>) {
        if self.searches.get(&node.name).is_some_and(|latest| latest.same_but_record(node)) {
            self.searches.remove(&node.name);
            self.known.insert(node.name.clone(), Known::look(node.clone(), view, None));
            // Nobody listening is nobody to tell.
            self.news.send(node.name.clone()).ok();
        }
    }

    /// What memory says of the existence of a Node's machine, if it is being watched.
    pub(super) fn existence(&self, node: &NodeIdentity, view: View<'_>) -> Option<Existence> {
        let known = self.known.get(&node.name).filter(|known| known.identity.same_but_record(node))?;
        let watched = known.watched.as_ref()?;
        if view.vcenters[watched.place.vcenter].down {
            return Some(Existence::Unknown("its vCenter is away".to_owned()));
        }
        if known.seen < view.vcenters[watched.place.vcenter].since {
            // It answers again, and what has happened meanwhile is not heard yet: better to ask.
            return None;
        }
        Some(Existence::Exists(power(watched.run, watched.told, watched.off_since, view.now)))
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.known.remove(name);
        self.searches.remove(name);
    }

    /// Learns of what has changed, when it is time for that: `lag` after it happened.
    pub(super) fn follow(&mut self, changes: u64, view: View<'_>, lag: impl FnOnce() -> Time) {
        if self.seen != changes && self.due.is_none() {
            self.due = Some(view.now + lag());
        }
        if self.due.is_some_and(|due| due <= view.now) {
            self.due = None;
            self.seen = changes;
            for (name, known) in &mut self.known {
                if known.refresh(view) {
                    self.news.send(name.clone()).ok();
                }
            }
        }
    }
}

impl Known {
    fn look(identity: NodeIdentity, view: View<'_>, before: Option<&Watched>) -> Self {
        let (machine, answer) = view.find(&identity);
        let watched = machine.and_then(|machine| Watched::of(machine, view, before));
        Self { identity, watched, answer, seen: view.now }
    }

    /// Looks again; whether anything is different.
    fn refresh(&mut self, view: View<'_>) -> bool {
        // Of a vCenter that is away nothing new is heard.
        if self.watched.as_ref().is_some_and(|watched| view.vcenters[watched.place.vcenter].down) {
            return false;
        }
        let before = self.watched.take();
        let now = Self::look(self.identity.clone(), view, before.as_ref());
        let different = now.watched != before || now.answer != self.answer;
        (self.watched, self.answer, self.seen) = (now.watched, now.answer, now.seen);
        different
    }
}

impl Watched {
    fn of(machine: usize, view: View<'_>, before: Option<&Self>) -> Option<Self> {
        let seen = &view.machines[machine];
        let place = seen.place.clone()?;
        let up_since = view.vcenters[place.vcenter].since;
        let known_since =
            before.filter(|before| before.machine == machine).and_then(|before| before.off_since);
        let off = seen.told && seen.run == Run::Off;
        let off_since = off.then(|| known_since.filter(|since| *since >= up_since).unwrap_or(view.now));
        Some(Self { machine, place, run: seen.run, told: seen.told, off_since })
    }
}
