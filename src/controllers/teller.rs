//! Events are told after what matters more: in queues of their own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::future;
use tokio::sync::mpsc;

use crate::k8s::{EventRecorder, Node, NodeEvent, Subject};

/// Events being written at the same time. That a Node is ready comes before that it is told of: while
/// many wait, most of what the API server can do goes into the Nodes.
const AT_ONCE: usize = 2;
/// How many may wait in each queue. More than half the Nodes of a large cluster that all start at
/// once; beyond, news that cannot be told for long is dropped rather than kept.
const WAITING: usize = 8192;

/// Takes Events to be told.
pub(super) struct Teller(Vec<mpsc::Sender<(Subject, NodeEvent)>>);

impl Teller {
    /// A teller, and the work of telling; that ends when the teller is dropped and everything is told.
    pub(super) fn new(recorder: EventRecorder) -> (Self, impl Future<Output = ()> + Send) {
        let recorder = Arc::new(recorder);
        let (queues, work): (Vec<_>, Vec<_>) = (0..AT_ONCE)
            .map(|_| {
                let (queue, waiting) = mpsc::channel(WAITING);
                (queue, tell(Arc::clone(&recorder), waiting))
            })
            .unzip();
        (Self(queues), async { drop(future::join_all(work).await) })
    }

    /// Tells these Events of a Node, in time and in this order: what is said of one Node goes through
    /// one queue, so that nothing is said twice at once.
    pub(super) fn tell(&self, node: &Node, events: Vec<NodeEvent>) {
        let mut hasher = DefaultHasher::new();
        node.name().hash(&mut hasher);
        let turn = usize::try_from(hasher.finish() % AT_ONCE as u64).unwrap_or_default();
        let Some(queue) = self.0.get(turn) else { return };
        for event in events {
            let reason = event.reason;
            if queue.try_send((node.into(), event)).is_err() {
                tracing::warn!(node = node.name(), reason, "too many Events wait to be written; dropped");
            }
        }
    }
}

async fn tell(recorder: Arc<EventRecorder>, mut waiting: mpsc::Receiver<(Subject, NodeEvent)>) {
    while let Some((subject, event)) = waiting.recv().await {
        recorder.record_about(&subject, &event).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::k8s::testing::FakeApi;

    #[tokio::test]
    async fn what_waits_is_told_to_the_end_and_nothing_twice() {
        let api = FakeApi::start().await;
        let (teller, telling) = Teller::new(EventRecorder::new(api.client(), "tests"));
        let events = || vec![NodeEvent::normal("Good", "news"), NodeEvent::warning("Bad", "news")];
        for name in ["a", "b", "c", "d"] {
            let node: Node =
                serde_json::from_value(json!({"metadata": {"name": name, "uid": name}})).unwrap();
            teller.tell(&node, events());
            teller.tell(&node, vec![NodeEvent::warning("Bad", "news")]);
        }
        drop(teller);
        telling.await;
        assert_eq!(api.events().len(), 8);
        assert_eq!(api.writes().len(), 8, "a warning that stays true is not repeated");
    }
}
