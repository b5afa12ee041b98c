//! The way from a manager to the API server: a client's service, with all that can go wrong on it.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tower::{BoxError, Service};

use super::Time;
use super::clock::LocalClock;
use super::luck::Fate;
use super::world::{Late, Sender, Shared};
use crate::cli::READ_TIMEOUT;
use crate::k8s::testing::{Request, failure};

/// A server ends a watch after this long, as kube's watcher asks for.
const WATCH: Time = Time::from_secs(290);

type Reply = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A connection to the API server.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) world: Shared,
    pub(super) clock: LocalClock,
    pub(super) sender: Sender,
}

impl Service<http::Request<Body>> for Wire {
    type Response = Reply;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Reply, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move { wire.send(read(request).await?).await })
    }
}

impl Wire {
    async fn send(self, request: Request) -> Result<Reply, BoxError> {
        let fate = self.world.lock().luck.fate(self.clock.now());
        match fate {
            Fate::Refused(status) => return whole(&failure(status, "try again")),
            Fate::Broken => return Err("the connection is refused".into()),
            Fate::Hangs => {
                sleep(READ_TIMEOUT).await;
                return Err("nothing is answered".into());
            }
            Fate::Done(leaves, _) if !leaves.is_zero() => sleep(leaves).await,
            _ => {}
        }
        if request.parameter("watch").is_some() {
            return self.watch(&request);
        }
        let now = self.clock.now();
        self.world.lock().leaves(now, &self.sender, &request);
        match fate {
            Fate::Late(way) => {
                let (reply, answer) = oneshot::channel();
                let sender = self.sender.clone();
                let late = Late { arrives: now + way, sent: now, sender, request, reply };
                self.world.lock().late.push(late);
                whole(&timeout(READ_TIMEOUT, answer).await??)
            }
            Fate::Lost => {
                self.world.lock().perform(now, now, &self.sender, &request);
                Err("the connection is broken".into())
            }
            Fate::Done(_, way) => {
                let answer = self.world.lock().perform(now, now, &self.sender, &request);
                sleep(way).await;
                whole(&answer)
            }
            Fate::Refused(_) | Fate::Broken | Fate::Hangs => std::future::pending().await,
        }
    }

    fn watch(self, request: &Request) -> Result<Reply, BoxError> {
        let since = request.parameter("resourceVersion").and_then(|text| text.parse().ok());
        let Some(events) = self.world.lock().objects.watch(since.unwrap_or_default()) else {
            // Not the answer to the request: that the version is too old is told as an event.
            let (_, status) = failure(410, "too old resource version");
            return whole(&(200, json!({"type": "ERROR", "object": status})));
        };
        let body = StreamBody::new(self.frames(events));
        Ok(Response::new(BodyExt::boxed_unsync(body)))
    }

    fn frames(
        self,
        events: mpsc::UnboundedReceiver<Value>,
    ) -> BoxStream<'static, Result<Frame<Bytes>, BoxError>> {
        let end = tokio::time::Instant::now() + WATCH;
        stream::unfold((self, events, end), async |(wire, mut events, end)| {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            let event = timeout(left, events.recv()).await.ok()??;
            let stall = wire.world.lock().luck.stall();
            if !stall.is_zero() {
                sleep(stall).await;
            }
            Some((Ok(Frame::data(Bytes::from(format!("{event}\n")))), (wire, events, end)))
        })
        .boxed()
    }
}

async fn read(request: http::Request<Body>) -> Result<Request, BoxError> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let body = if body.is_empty() { json!(null) } else { serde_json::from_slice(&body)? };
    Ok(Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body,
    })
}

fn whole((status, body): &(u16, Value)) -> Result<Reply, BoxError> {
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {});
    let mut reply = Response::new(BodyExt::boxed_unsync(body));
    *reply.status_mut() = StatusCode::from_u16(*status)?;
    Ok(reply)
}
