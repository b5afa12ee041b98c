//! Calls to the API server: none is waited for without end, and what can go wrong with one.

use std::time::Duration;

use futures::future::{BoxFuture, Shared};

/// Nothing is waited for longer than this at the API server.
const DEADLINE: Duration = Duration::from_secs(30);

/// The order to stop, for as many as want to hear it.
pub(super) type Stop = Shared<BoxFuture<'static, ()>>;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error("the patch cannot be encoded: {0}")]
    Encoding(#[from] serde_json::Error),
    #[error("no answer from the API server in {} s", DEADLINE.as_secs())]
    TimedOut,
}

impl WriteError {
    /// Whether the object is not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if status.is_not_found())
    }

    /// Whether the account has not the right to do it.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if status.is_forbidden())
    }

    /// Whether the object may be another one than the one decided on. A `test` that fails is
    /// answered 422, a precondition 409.
    pub(super) fn may_be_late(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if matches!(status.code, 409 | 422))
    }
}

/// The outcome of a call, or that there was none in time.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, WriteError>>) -> Result<T, WriteError> {
    tokio::time::timeout(DEADLINE, work).await.unwrap_or(Err(WriteError::TimedOut))
}
