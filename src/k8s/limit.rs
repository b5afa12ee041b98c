//! A limit on the requests to the API server, for those who ask for one.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tower::{Layer, Service};

/// A token bucket as a layer of the client: so many requests at once, so many per second in the
/// long run. Who comes when it is empty waits. Clones share the bucket.
#[derive(Clone, Debug)]
pub struct RateLimit {
    per_second: f64,
    burst: f64,
    bucket: Arc<Mutex<Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    /// Below zero: so many wait.
    tokens: f64,
    at: Instant,
}

impl RateLimit {
    /// A full bucket. `None` if no number of requests per second is a limit: zero and below.
    pub fn new(per_second: f64, burst: u32) -> Option<Self> {
        if !per_second.is_finite() || per_second <= 0.0 {
            return None;
        }
        let burst = f64::from(burst.max(1));
        let bucket = Bucket { tokens: burst, at: Instant::now() };
        Some(Self { per_second, burst, bucket: Arc::new(Mutex::new(bucket)) })
    }

    /// Takes a token; how long its request has to wait for it.
    fn take(&self, now: Instant) -> Duration {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = now.saturating_duration_since(bucket.at).as_secs_f64() * self.per_second;
        bucket.at = bucket.at.max(now);
        bucket.tokens = (bucket.tokens + fresh).min(self.burst) - 1.0;
        let wait = (-bucket.tokens).max(0.0) / self.per_second;
        Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX)
    }
}

impl<S> Layer<S> for RateLimit {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { limit: self.clone(), inner }
    }
}

/// A client's service behind a [`RateLimit`].
#[derive(Clone, Debug)]
pub struct Limited<S> {
    limit: RateLimit,
    inner: S,
}

impl<S, R> Service<R> for Limited<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let wait = self.limit.take(Instant::now());
        // Does nothing before it is polled, as every future of a client.
        let answer = self.inner.call(request);
        Box::pin(async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            answer.await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_then_it_takes_its_time() {
        let limit = RateLimit::new(10.0, 3).unwrap();
        let service = tower_of(&limit);
        let started = Instant::now();
        for (request, millis) in [(1, 0), (2, 0), (3, 0), (4, 100), (5, 200)] {
            service.clone().call(()).await.unwrap();
            assert_eq!(started.elapsed().as_millis(), millis, "request {request}");
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
        let later = Instant::now();
        for _ in 0..3 {
            service.clone().call(()).await.unwrap();
        }
        assert!(later.elapsed().is_zero());
        service.clone().call(()).await.unwrap();
        assert_eq!(later.elapsed().as_millis(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_come_together_wait_one_after_the_other() {
        let service = tower_of(&RateLimit::new(10.0, 1).unwrap());
        let started = Instant::now();
        let calls = (0..5).map(|_| service.clone().call(()));
        futures::future::join_all(calls).await;
        assert_eq!(started.elapsed().as_millis(), 400);
    }

    #[test]
    fn zero_and_below_are_no_limit() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(RateLimit::new(rate, 5).is_none(), "{rate}");
        }
    }

    fn tower_of(limit: &RateLimit) -> Limited<Instantly> {
        limit.layer(Instantly)
    }

    #[derive(Clone, Copy)]
    struct Instantly;

    impl Service<()> for Instantly {
        type Response = ();
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<(), Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            std::future::ready(Ok(()))
        }
    }
}
