//! No write without the lease: a layer of the client, so that no controller can forget it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::client::Body;
use tower::{BoxError, Layer, Service};

use super::Leadership;

/// A write was not made, because the lease is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lease is over: nothing is written any more")]
pub struct LeaseOver;

/// Lets writes through only while a leadership lasts; reads always.
///
/// One that is under way when it ends is abandoned. Every step of a write looks at the leadership
/// first, also those after a process was frozen in between.
#[derive(Clone, Debug)]
pub struct WriteGuard(Leadership);

impl WriteGuard {
    /// The guard of this leadership.
    pub fn new(leadership: Leadership) -> Self {
        Self(leadership)
    }
}

impl<S> Layer<S> for WriteGuard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { leadership: self.0.clone(), inner }
    }
}

/// A client's service behind a [`WriteGuard`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    leadership: Leadership,
    inner: S,
}

impl<S, B> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if is_read(request.method()) {
            let answer = self.inner.call(request);
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        let leadership = self.leadership.clone();
        if !leadership.is_valid() {
            return Box::pin(async { Err(LeaseOver.into()) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let (mut answer, mut over) = (pin!(answer), pin!(leadership.over()));
            poll_fn(|cx| {
                // Both: the timer may be late, and without it nobody would look.
                if over.as_mut().poll(cx).is_ready() || !leadership.is_valid() {
                    return Poll::Ready(Err(LeaseOver.into()));
                }
                answer.as_mut().poll(cx).map_err(Into::into)
            })
            .await
        })
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
