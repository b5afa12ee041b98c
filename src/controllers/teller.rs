//! Events are told after what matters more: in a queue of their own, a few at a time.

use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc;

use crate::k8s::{EventRecorder, Node, NodeEvent, Subject};

/// Events being written at the same time. That a Node is ready comes before that it is told of: while
/// many wait, most of what the API server can do goes into the Nodes.
const AT_ONCE: usize = 2;
/// How many may wait. More than the Nodes of a large cluster that all start at once; beyond, news
/// that cannot be told for long is dropped rather than kept.
const WAITING: usize = 16_384;

/// Takes Events to be told.
pub(super) struct Teller {
    queue: mpsc::Sender<(Subject, NodeEvent)>,
}

impl Teller {
    /// A teller, and the work of telling; that ends when the teller is dropped and everything is told.
    pub(super) fn new(recorder: EventRecorder) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, waiting) = mpsc::channel(WAITING);
        let waiting = stream::unfold(waiting, async |mut waiting: mpsc::Receiver<_>| {
            waiting.recv().await.map(|next| (next, waiting))
        });
        let telling = async move {
            let recorder = &recorder;
            let tell = async |(subject, event): (Subject, NodeEvent)| {
                recorder.record_about(&subject, &event).await;
            };
            waiting.for_each_concurrent(AT_ONCE, tell).await;
        };
        (Self { queue }, telling)
    }

    /// Tells these Events of a Node, in time.
    pub(super) fn tell(&self, node: &Node, events: Vec<NodeEvent>) {
        for event in events {
            let reason = event.reason;
            if self.queue.try_send((node.into(), event)).is_err() {
                tracing::warn!(node = node.name(), reason, "too many Events wait to be written; dropped");
            }
        }
    }
}
