//! Where questions about machines are asked: they are answered in batches.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::shared::Shared;
use crate::cloud::Existence;

/// How long a question waits for company: NotReady nodes come in crowds, and a host that fails takes
/// many machines along.
const GATHER: Duration = Duration::from_millis(20);

/// A question, and where its answer goes.
#[derive(Debug)]
pub(super) struct Question<T> {
    pub(super) about: T,
    reply: oneshot::Sender<Existence>,
}

impl<T> Question<T> {
    /// Answers it; whoever asked may have given up.
    pub(super) fn answer(self, existence: Existence) {
        let _ = self.reply.send(existence);
    }
}

/// The side of those who ask.
#[derive(Debug)]
pub(super) struct Desk<T>(mpsc::UnboundedSender<Question<T>>);

/// What waits there.
#[derive(Debug)]
pub(super) struct Waiting<T>(mpsc::UnboundedReceiver<Question<T>>);

impl<T> Desk<T> {
    /// A desk, and what is asked there.
    pub(super) fn open() -> (Self, Waiting<T>) {
        let (questions, waiting) = mpsc::unbounded_channel();
        (Self(questions), Waiting(waiting))
    }

    /// Asks; the answer takes as long as the slowest vCenter that has to be asked.
    pub(super) async fn ask(&self, about: T) -> Existence {
        let (reply, answer) = oneshot::channel();
        let stopped = || Existence::Unknown("the provider is shutting down".to_owned());
        if self.0.send(Question { about, reply }).is_err() {
            return stopped();
        }
        answer.await.unwrap_or_else(|_| stopped())
    }
}

impl<T> Waiting<T> {
    /// Has the questions answered; ends with the provider.
    pub(super) async fn serve<A>(
        mut self,
        shared: Weak<Shared>,
        answer: impl Fn(Arc<Shared>, Vec<Question<T>>) -> A,
    ) where
        A: Future<Output = ()> + Send + 'static,
    {
        while let Some(first) = self.0.recv().await {
            tokio::time::sleep(GATHER).await;
            let mut batch = vec![first];
            while let Ok(next) = self.0.try_recv() {
                batch.push(next);
            }
            let Some(shared) = shared.upgrade() else { return };
            // Side by side: a vCenter that hangs holds up only those who asked before.
            tokio::spawn(answer(shared, batch));
        }
    }
}
