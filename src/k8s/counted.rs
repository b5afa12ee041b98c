//! Counts the requests to the API server.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::metrics::RestClient;

/// A layer of the client that counts every request and how long its answer took to begin.
#[derive(Clone, Debug)]
pub struct CountRequests {
    metrics: RestClient,
    host: Arc<str>,
}

impl CountRequests {
    /// For requests to this server, as in `10.0.0.1:6443`.
    pub fn new(metrics: RestClient, host: &str) -> Self {
        Self { metrics, host: host.into() }
    }
}

impl<S> Layer<S> for CountRequests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { count: self.clone(), inner }
    }
}

/// A client's service behind [`CountRequests`].
#[derive(Clone, Debug)]
pub struct Counted<S> {
    count: CountRequests,
    inner: S,
}

impl<S, A, B> Service<Request<A>> for Counted<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<B>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (count, method) = (self.count.clone(), request.method().clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let begun = Instant::now();
            let outcome = answer.await;
            let status = outcome.as_ref().ok().map(|answer| answer.status().as_u16());
            count.metrics.exchanged(method.as_str(), &count.host, status, begun.elapsed());
            outcome
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::testing::FakeApi;
    use crate::metrics::Metrics;
    use k8s_openapi::api::core::v1::Node;
    use kube::Api;
    use kube::client::ClientBuilder;

    #[tokio::test]
    async fn requests_are_counted_by_outcome() {
        let (api, metrics) = (FakeApi::start().await, Metrics::default());
        let count = CountRequests::new(metrics.rest_client.clone(), "the-server");
        for url in [api.url(), "http://127.0.0.1:1".to_owned()] {
            let mut config = kube::Config::new(url.parse().unwrap());
            config.default_retry = false;
            let client = ClientBuilder::try_from(config).unwrap().with_layer(&count).build();
            assert!(Api::<Node>::all(client).get("nobody").await.is_err());
        }
        let text = metrics.text();
        for code in ["404", "<error>"] {
            let line = format!(
                "rest_client_requests_total{{code=\"{code}\",host=\"the-server\",method=\"GET\"}} 1\n"
            );
            assert!(text.contains(&line), "{text}");
        }
        assert!(
            text.contains("rest_client_request_duration_seconds_count{host=\"the-server\",verb=\"GET\"} 2\n")
        );
    }
}
