//! What can go wrong between us and a vCenter, by meaning.

use crate::vsphere::soap::{DecodeError, Fault, FaultKind, SoapError};

/// Why a vCenter gave no (useful) answer.
///
/// None but [`Fault`](Error::Fault) with `ManagedObjectNotFound` says anything about the existence
/// of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection, or it broke: the request may or may not have been processed.
    #[error("{0}")]
    Unreachable(String),
    /// vCenter accepted the request and did not answer in time.
    #[error("no answer to {method} within {seconds} s")]
    Timeout {
        /// The method.
        method: &'static str,
        /// The deadline, in seconds.
        seconds: u64,
    },
    /// The certificate is not trusted, or TLS could not be agreed.
    #[error("{0}")]
    Tls(String),
    /// An HTTP status without a SOAP answer, as a proxy in front of vCenter sends.
    #[error("{method} was answered with HTTP {status}")]
    Status {
        /// The method.
        method: &'static str,
        /// The status code.
        status: u16,
    },
    /// The answer is not understood.
    #[error("{method}: {error}")]
    Decode {
        /// The method.
        method: &'static str,
        /// What and where.
        error: DecodeError,
    },
    /// The answer is JSON that is not understood.
    #[error("{method}: unreadable answer: {problem}")]
    Unreadable {
        /// The operation.
        method: &'static str,
        /// What and where.
        problem: String,
    },
    /// The REST service refuses: the account lacks a privilege.
    #[error("{method}: the account lacks the right to do this")]
    Forbidden {
        /// The operation.
        method: &'static str,
    },
    /// The REST service knows no such object.
    #[error("{method}: there is no such object")]
    NoSuchResource {
        /// The operation.
        method: &'static str,
    },
    /// The session is gone.
    #[error("the session is not authenticated (any longer)")]
    NotAuthenticated,
    /// User or password are wrong, or the account is locked.
    #[error("{}", login_refused(.user))]
    InvalidLogin {
        /// The user.
        user: String,
    },
    /// The login was refused before and is not tried again yet, so that the account is not locked.
    ///
    /// It reads like [`InvalidLogin`](Self::InvalidLogin): the cause is the same, and who is told of
    /// it twice would believe that something has changed.
    #[error("{}", login_refused(.user))]
    LoginOnHold {
        /// The user.
        user: String,
    },
    /// vCenter refused the ticket of a session manager, or refused it before and it is not tried
    /// again yet.
    #[error(
        "vCenter refuses the ticket of the {account}: it has run out, or is another vCenter's. It is tried twice \
         and then every five minutes, or at once when the credentials change"
    )]
    TicketRefused {
        /// The session manager, as in `session manager sessions.example.com`.
        account: String,
    },
    /// There is no ticket, because the session manager gave none.
    #[error("{name}: {problem}")]
    SessionManager {
        /// As in `session manager sessions.example.com`.
        name: String,
        /// What happened and what to do.
        problem: String,
    },
    /// There are no credentials (yet).
    #[error("no credentials: {0}")]
    NoCredentials(String),
    /// vCenter refused for another reason.
    #[error("{method}: {fault}")]
    Fault {
        /// The method.
        method: &'static str,
        /// The reason.
        fault: Box<Fault>,
    },
    /// The configuration does not fit this vCenter.
    #[error("{0}")]
    Configuration(String),
}

impl Error {
    pub(super) fn from_soap(method: &'static str, error: SoapError) -> Self {
        match error {
            SoapError::Decode(error) => Self::Decode { method, error },
            SoapError::Fault(fault) => match fault.kind() {
                FaultKind::NotAuthenticated => Self::NotAuthenticated,
                _ => Self::Fault { method, fault },
            },
        }
    }

    /// What the fault means, if it is one.
    pub fn fault_kind(&self) -> Option<FaultKind> {
        match self {
            Self::Fault { fault, .. } => Some(fault.kind()),
            Self::NotAuthenticated => Some(FaultKind::NotAuthenticated),
            _ => None,
        }
    }

    /// Whether the same call may succeed a moment later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout { .. } | Self::Decode { .. } | Self::Unreadable { .. } => {
                true
            }
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

/// What a refused login is called, however often it was tried.
fn login_refused(user: &str) -> String {
    format!(
        "vCenter refuses the login of {user:?}: user or password are wrong, or the account is locked. So that \
         it does not get locked, the login is tried twice and then every five minutes, or at once when the \
         credentials change"
    )
}
