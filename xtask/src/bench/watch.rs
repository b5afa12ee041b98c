//! A watch on all nodes, with the time of everything that is waited for.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::StreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::node::{Address, Node};
use super::say;
use crate::testbed::eventually;

/// Before a watch that broke is made anew.
const PAUSE: Duration = Duration::from_millis(50);
const START: Duration = Duration::from_mins(1);

/// A running watch; it ends with this value.
#[derive(Debug)]
pub(super) struct NodeWatch {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Notify,
}

/// All nodes, as far as they were seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    nodes: HashMap<String, SeenNode>,
    listed: bool,
    /// Who was seen in the list that is under way.
    relisted: HashSet<String>,
    marks: Vec<Mark>,
}

/// Something drastic that somebody did to a node, in the order in which it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) node: String,
    pub(super) kind: MarkKind,
    pub(super) at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    Deleted,
    /// It was given the taint that says that its machine is off.
    ShutDown,
}

/// One of them.
#[derive(Debug)]
pub(super) struct SeenNode {
    /// When it was first seen without the taint.
    pub(super) ready: Option<Instant>,
    pub(super) addresses: Vec<Address>,
    /// When it was first seen with them.
    pub(super) addresses_since: Instant,
    shut_down: bool,
}

impl NodeWatch {
    /// Starts it, and waits until all nodes are listed.
    pub(super) async fn start(client: Client) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(follow(client, Arc::clone(&shared)));
        let watch = Self { shared, task };
        eventually("the nodes are listed", START, async || {
            watch.shared.with(|seen| if seen.listed { Ok(()) } else { Err("the list is under way") })
        })
        .await?;
        Ok(watch)
    }

    /// How many nodes are ready.
    pub(super) fn ready(&self) -> usize {
        self.shared.with(|seen| seen.ready_times().count())
    }

    /// When each node became ready that did.
    pub(super) fn ready_times(&self) -> Vec<Instant> {
        self.shared.with(|seen| seen.ready_times().collect())
    }

    /// What was done to nodes from a time on.
    pub(super) fn marks_since(&self, begin: Instant) -> Vec<Mark> {
        self.shared.with(|seen| seen.marks.iter().filter(|mark| mark.at >= begin).cloned().collect())
    }

    /// Waits until `look` finds something; it looks whenever a node has changed.
    pub(super) async fn until<T>(&self, mut look: impl FnMut(&Seen) -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.shared.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(found) = self.shared.with(|seen| look(seen)) {
                return found;
            }
            changed.await;
        }
    }
}

impl Drop for NodeWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn with<T>(&self, use_it: impl FnOnce(&mut Seen) -> T) -> T {
        use_it(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    pub(super) fn node(&self, name: &str) -> Option<&SeenNode> {
        self.nodes.get(name)
    }

    fn ready_times(&self) -> impl Iterator<Item = Instant> {
        self.nodes.values().filter_map(|node| node.ready)
    }

    fn take(&mut self, event: Event<Node>, now: Instant) {
        match event {
            Event::Apply(node) => self.observe(&node, now),
            Event::Delete(node) => self.gone(node.name(), now),
            Event::Init => self.relisted.clear(),
            Event::InitApply(node) => {
                self.relisted.insert(node.name().to_owned());
                self.observe(&node, now);
            }
            Event::InitDone => {
                self.listed = true;
                let relisted = std::mem::take(&mut self.relisted);
                let lost: Vec<String> =
                    self.nodes.keys().filter(|name| !relisted.contains(*name)).cloned().collect();
                for name in lost {
                    self.gone(&name, now);
                }
            }
        }
    }

    fn gone(&mut self, name: &str, at: Instant) {
        self.nodes.remove(name);
        self.marks.push(Mark { node: name.to_owned(), kind: MarkKind::Deleted, at });
    }

    fn observe(&mut self, node: &Node, now: Instant) {
        let seen = self.nodes.entry(node.name().to_owned()).or_insert_with(|| SeenNode {
            ready: None,
            addresses: Vec::new(),
            addresses_since: now,
            shut_down: false,
        });
        if node.is_ready() && seen.ready.is_none() {
            seen.ready = Some(now);
        }
        if node.is_shut_down() && !seen.shut_down {
            let node = node.name().to_owned();
            self.marks.push(Mark { node, kind: MarkKind::ShutDown, at: now });
        }
        seen.shut_down = node.is_shut_down();
        if seen.addresses != node.addresses() {
            seen.addresses = node.addresses().to_vec();
            seen.addresses_since = now;
        }
    }
}

async fn follow(client: Client, shared: Arc<Shared>) {
    let mut events = pin!(watcher(Api::<Node>::all(client), watcher::Config::default()));
    let mut works = true;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                works = true;
                shared.with(|seen| seen.take(event, Instant::now()));
                shared.changed.notify_waiters();
            }
            // It begins anew by itself. Whatever it missed in between is seen too late: to be known.
            Err(error) => {
                if works {
                    say(&format!("  the bench's own watch on nodes broke, and goes on: {error}"));
                    works = false;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::node::{SHUTDOWN, UNINITIALIZED};
    use serde_json::json;

    fn node(tainted: bool, address: &str) -> Node {
        let taints = if tainted { json!([{"key": UNINITIALIZED}]) } else { json!([]) };
        serde_json::from_value(json!({
            "metadata": {"name": "a"},
            "spec": {"taints": taints},
            "status": {"addresses": [{"type": "InternalIP", "address": address}]},
        }))
        .unwrap()
    }

    #[test]
    fn first_times_count() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut seen = Seen::default();
        seen.take(Event::InitApply(node(true, "x")), start);
        seen.take(Event::InitDone, start);
        assert!(seen.listed && seen.ready_times().next().is_none());
        seen.take(Event::Apply(node(false, "x")), after(1));
        seen.take(Event::Apply(node(false, "y")), after(2));
        seen.take(Event::Apply(node(false, "y")), after(3));
        let a = seen.node("a").unwrap();
        assert_eq!((a.ready, a.addresses_since), (Some(after(1)), after(2)));
        seen.take(Event::Delete(node(false, "y")), after(4));
        assert!(seen.node("a").is_none());
    }

    #[test]
    fn deletions_and_taints_are_remembered_even_if_the_watch_was_away() {
        let off = |name: &str, taint: &str| -> Node {
            let taints = json!([{"key": taint}]);
            serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"taints": taints}})).unwrap()
        };
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut seen = Seen::default();
        for name in ["a", "b", "c"] {
            seen.take(Event::InitApply(off(name, "other")), start);
        }
        seen.take(Event::InitDone, start);
        assert!(seen.marks.is_empty());
        seen.take(Event::Apply(off("a", SHUTDOWN)), after(1));
        seen.take(Event::Apply(off("a", SHUTDOWN)), after(2));
        seen.take(Event::Delete(off("b", "other")), after(3));
        seen.take(Event::Init, after(4));
        seen.take(Event::InitApply(off("a", "other")), after(4));
        seen.take(Event::InitDone, after(5));
        let mark = |node: &str, kind, at| Mark { node: node.into(), kind, at };
        let deleted = MarkKind::Deleted;
        let expected = [
            mark("a", MarkKind::ShutDown, after(1)),
            mark("b", deleted, after(3)),
            mark("c", deleted, after(5)),
        ];
        assert_eq!(seen.marks, expected);
    }
}
