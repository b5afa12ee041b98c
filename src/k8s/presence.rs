//! Whether the API server answers, as the requests of this process see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{Stream, stream};
use http::{Response, StatusCode};
use tokio::sync::watch;
use tower::util::MapResultLayer;

/// Between two returns that are told. While some requests get through and others do not, whoever waits
/// for its return must not try all the time.
const APART: Duration = Duration::from_secs(1);

/// A request that fails while another one succeeds has been noted by then.
const SETTLING: Duration = Duration::from_millis(20);

type Outcome<B, E> = Result<Response<B>, E>;

/// Notices, as a layer of the client, when the API server answers again after it did not. Clones are
/// the same.
///
/// It asks nothing by itself: watches try again every second, and the renewals of the lease every two.
#[derive(Clone, Debug)]
pub struct Presence(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    away: AtomicBool,
    /// Counts how often it came back.
    returns: watch::Sender<u64>,
}

impl Default for Presence {
    fn default() -> Self {
        Self(Arc::new(Seen { away: AtomicBool::new(false), returns: watch::Sender::new(0) }))
    }
}

impl Presence {
    /// The layer, for a client with these answers and errors.
    pub fn layer<B, E>(&self) -> MapResultLayer<impl Fn(Outcome<B, E>) -> Outcome<B, E> + Clone + use<B, E>> {
        let presence = self.clone();
        MapResultLayer::new(move |outcome: Outcome<B, E>| {
            presence.note(outcome.as_ref().ok().map(Response::status));
            outcome
        })
    }

    /// An item each time that it is back, from now on.
    pub fn returns(&self) -> impl Stream<Item = ()> + Send + use<> {
        let returns = self.0.returns.subscribe();
        stream::unfold((returns, Duration::ZERO), async |(mut returns, pause)| {
            tokio::time::sleep(pause).await;
            // The sender is as good as eternal: clients have it.
            returns.changed().await.ok()?;
            tokio::time::sleep(SETTLING).await;
            Some(((), (returns, APART)))
        })
    }

    /// A request was answered with this, or not at all.
    fn note(&self, answer: Option<StatusCode>) {
        if !answer.is_some_and(is_of_the_server) {
            self.0.away.store(true, Ordering::Relaxed);
        } else if self.0.away.swap(false, Ordering::Relaxed) {
            self.0.returns.send_modify(|count| *count += 1);
        }
    }
}

/// What a load balancer says in its place, or it itself while it starts and ends, is no answer.
fn is_of_the_server(status: StatusCode) -> bool {
    !matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_return_is_told_once_and_the_next_one_not_at_once() {
        let presence = Presence::default();
        let mut returns = Box::pin(presence.returns());
        presence.note(Some(StatusCode::OK));
        assert!(returns.next().now_or_never().is_none(), "it was never away");

        for away in [None, Some(StatusCode::SERVICE_UNAVAILABLE), Some(StatusCode::GATEWAY_TIMEOUT)] {
            presence.note(away);
            presence.note(away);
            tokio::time::sleep(2 * APART).await;
            assert!(returns.next().now_or_never().is_none());
            presence.note(Some(StatusCode::CONFLICT));
            presence.note(Some(StatusCode::OK));
            returns.next().await.unwrap();
        }
        let told = tokio::time::Instant::now();
        for _ in 0..10 {
            presence.note(None);
            presence.note(Some(StatusCode::OK));
        }
        returns.next().await.unwrap();
        assert!(told.elapsed() >= APART);
        assert!(tokio::time::timeout(2 * APART, returns.next()).await.is_err(), "many were one");
    }

    #[tokio::test]
    async fn requests_of_a_client_are_seen() {
        use crate::k8s::Node;
        use crate::k8s::testing::FakeApi;
        use kube::Api;
        use kube::client::ClientBuilder;

        let (api, presence) = (FakeApi::start().await, Presence::default());
        let mut returns = Box::pin(presence.returns());
        for url in ["http://127.0.0.1:1".to_owned(), api.url()] {
            let mut config = kube::Config::new(url.parse().unwrap());
            config.default_retry = false;
            let client = ClientBuilder::try_from(config).unwrap().with_layer(&presence.layer()).build();
            assert!(Api::<Node>::all(client).get("nobody").await.is_err());
        }
        returns.next().await.unwrap();
    }
}
