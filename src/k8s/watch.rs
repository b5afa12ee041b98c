//! The stream of Nodes.

use std::collections::HashSet;
use std::future::ready;
use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::{Api, Client};

use super::Node;
use super::complaint::Complaint;

/// Nodes per page of a list. Pages of 500, the usual size, cost tens of megabytes that a process
/// never gives back; the number of requests is of no matter at start.
pub const PAGE_SIZE: u32 = 50;

/// No longer than this without a look at the API server after it failed: one request a second while it
/// is away. What could not be written waits for the first that is answered, and a watch that has expired
/// meanwhile pauses twice.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// All Nodes, now and as they change, with only those labels that `keep_label` names.
///
/// It never ends and never fails: an interrupted watch is logged, once, and resumed.
pub fn watch_nodes(
    client: Client,
    keep_label: impl Fn(&str) -> bool + Send + 'static,
) -> impl Stream<Item = Event<Node>> + Send {
    let mut complaint = Complaint::default();
    watcher(Api::<Node>::all(client), watcher::Config::default().page_size(PAGE_SIZE))
        .backoff(capped_backoff())
        .filter_map(move |event| {
            if let Some(why) = complaint.about(&event) {
                tracing::warn!(error = why, "the watch on Nodes was interrupted; resuming it");
            }
            ready(event.ok())
        })
        .map(move |event| event.modify(|node| slim_labels(node, &keep_label)))
}

/// Calls `gone` with the name of every Node that has disappeared, before the event goes on.
///
/// That a Node vanished while the watch was down is told by its absence from the next list only,
/// therefore this remembers the names.
pub fn departures<S>(events: S, mut gone: impl FnMut(&str) + Send) -> impl Stream<Item = Event<Node>> + Send
where
    S: Stream<Item = Event<Node>> + Send,
{
    let mut known = HashSet::<Box<str>>::new();
    let mut listed = HashSet::<Box<str>>::new();
    events.inspect(move |event| match event {
        Event::Init => listed.clear(),
        Event::InitApply(node) => {
            listed.insert(node.name().into());
        }
        Event::InitDone => {
            for name in known.difference(&listed) {
                gone(name);
            }
            known = std::mem::take(&mut listed);
        }
        Event::Apply(node) => {
            known.insert(node.name().into());
        }
        Event::Delete(node) => {
            known.remove(node.name());
            gone(node.name());
        }
    })
}

/// Drops labels, but not the fact that there are some: a patch has to know whether the map exists.
fn slim_labels(node: &mut Node, keep_label: impl Fn(&str) -> bool) {
    if let Some(labels) = node.metadata.labels.take() {
        node.metadata.labels = Some(labels.into_iter().filter(|(key, _)| keep_label(key)).collect());
    }
}

/// The pauses after a failed watch.
pub(super) fn capped_backoff() -> impl Backoff {
    Capped(DefaultBackoff::default())
}

/// The client's usual back-off, only never as long.
struct Capped(DefaultBackoff);

impl Iterator for Capped {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(LONGEST_PAUSE))
    }
}

impl Backoff for Capped {
    fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str) -> Node {
        serde_json::from_value(json!({"metadata": {"name": name, "labels": {"a": "1", "b": "2"}}})).unwrap()
    }

    #[test]
    fn pauses_grow_but_stay_short() {
        let pauses: Vec<Duration> = Capped(DefaultBackoff::default()).take(10).collect();
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
    }

    #[test]
    fn dropping_every_label_leaves_an_empty_map() {
        let mut some = node("n");
        slim_labels(&mut some, |key| key == "a");
        assert_eq!(some.label("a"), Some("1"));
        assert_eq!(some.label("b"), None);
        slim_labels(&mut some, |_| false);
        assert_eq!(some.metadata.labels, Some([].into()));
    }

    #[tokio::test]
    async fn a_node_that_vanished_between_two_lists_has_departed() {
        let events = futures::stream::iter([
            Event::Init,
            Event::InitApply(node("a")),
            Event::InitApply(node("b")),
            Event::InitDone,
            Event::Apply(node("c")),
            Event::Delete(node("a")),
            Event::Init,
            Event::InitApply(node("c")),
            Event::InitDone,
            Event::Init,
            Event::InitApply(node("c")),
            Event::InitDone,
        ]);
        let mut gone = Vec::new();
        departures(events, |name| gone.push(name.to_owned())).for_each(|_| async {}).await;
        assert_eq!(gone, ["a", "b"]);
    }
}
