//! The connections there are: few, none for ever, and none that keeps others out.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

/// Connections at most. Kubelet and a few Prometheus servers need one each; when it is full, the
/// oldest one has to go, so that clients that are slow on purpose keep nobody out.
const MOST: usize = 100;

/// Tasks of connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    tasks: JoinSet<()>,
    by_age: VecDeque<AbortHandle>,
}

impl Connections {
    /// Adds one; the oldest ends if there are too many.
    pub(super) fn add(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.collect();
        while self.by_age.len() >= MOST {
            let Some(oldest) = self.by_age.pop_front() else { break };
            oldest.abort();
        }
        self.by_age.push_back(self.tasks.spawn(connection));
    }

    /// Forgets those that have ended.
    pub(super) fn collect(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.by_age.retain(|connection| !connection.is_finished());
    }

    /// Waits for all to end, and ends those that do not in time.
    pub(super) async fn finish(mut self, patience: Duration) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn the_newest_always_finds_a_place() {
        let mut connections = Connections::default();
        let alive = Arc::new(());
        for _ in 0..MOST * 2 {
            let held = Arc::clone(&alive);
            connections.add(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        }
        while Arc::strong_count(&alive) > MOST + 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(Arc::strong_count(&alive), MOST + 1);
        let (done, heard) = tokio::sync::oneshot::channel();
        connections.add(async move { done.send(()).unwrap_or_default() });
        heard.await.unwrap();
        connections.finish(Duration::from_millis(10)).await;
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
