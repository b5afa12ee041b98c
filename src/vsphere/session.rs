//! One login per vCenter and process.
//!
//! Every call goes through here. A login has an *epoch*; whatever lives in the session on the
//! server (views, filters, collectors) is bound to it by making its calls on a [`Connection`],
//! which never logs in again by itself: when it reports [`Error::NotAuthenticated`], its owner
//! builds those things anew on the next connection. Calls on the [`Session`] need nothing of the
//! kind and survive the loss of the session unnoticed.
//!
//! Invariants:
//! - Logins are single-flight and never left half done: see [`CurrentLogin`].
//! - A refused login is not repeated in a loop. After two in a row there is one try every
//!   five minutes, because SSO locks an account after a few; new credentials are tried at once.
//! - Once closed, it stays closed: nothing logs in behind the back of a process that ends.

mod login;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Error;
use super::current_login::CurrentLogin;
use super::login_guard::LoginGuard;
use super::soap::{Request, decode_response, encode_request};
use super::transport::{Answer, Endpoint, Patience, Transport};
use super::types::{Logout, RetrieveServiceContent, ServiceContent};

use crate::config::{Credentials, Tls, Vcenter};
use crate::metrics::{self, Api};

/// What any vCenter that is alive answers at once, without a session.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// Deadlines of the tries of a call that may be repeated.
///
/// The first is short, because an answer that a stalled vCenter swallowed never comes; a vCenter
/// that is merely slow gets the time it needs on the later ones.
const DEADLINES: [Duration; 3] = [Duration::from_secs(4), Duration::from_secs(12), Duration::from_secs(30)];

/// Deadline of a call that must not be repeated.
const SINGLE_DEADLINE: Duration = Duration::from_secs(6);

/// How long the answer of a poll may take to arrive once it has begun.
const POLL_TRANSFER: Duration = Duration::from_secs(20);

/// Before a call is tried again: about this long, doubled each time, half of it at random.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How long a call that timed out waits for signs of life before it gives up.
const STALL_PATIENCE: Duration = Duration::from_secs(3);

/// The current credentials, or why there are none; changes are tried at once.
pub type CredentialFeed = watch::Receiver<Result<Arc<Credentials>, String>>;

/// The connection to one vCenter.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    transport: Transport,
    credentials: CredentialFeed,
    guard: std::sync::Mutex<LoginGuard>,
    epochs: AtomicU64,
    closed: watch::Sender<bool>,
    login: CurrentLogin<LoggedIn>,
}

struct LoggedIn {
    epoch: u64,
    user: String,
    cookie: SecretString,
    soap_action: String,
    content: ServiceContent,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoggedIn").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// A session as of one login.
#[derive(Clone, Debug)]
pub struct Connection {
    session: Session,
    login: Arc<LoggedIn>,
}

impl Session {
    /// Prepares a session; reads the CA files, connects to nothing.
    pub fn new(vcenter: &Vcenter, credentials: CredentialFeed) -> Result<Self, Error> {
        Self::observed(vcenter, credentials, metrics::Vcenter::default())
    }

    /// The same, with everything that happens counted.
    pub fn observed(
        vcenter: &Vcenter,
        credentials: CredentialFeed,
        metrics: metrics::Vcenter,
    ) -> Result<Self, Error> {
        let shared = Shared {
            transport: Transport::new(vcenter, metrics)?,
            credentials,
            guard: std::sync::Mutex::default(),
            epochs: AtomicU64::new(0),
            closed: watch::Sender::new(false),
            login: CurrentLogin::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where this session goes.
    pub fn endpoint(&self) -> &Endpoint {
        self.shared.transport.endpoint()
    }

    /// Trusts these certificates from now on; the login stays.
    ///
    /// # Errors
    /// A CA file that cannot be read or is none; the old ones are trusted on.
    pub fn retrust(&self, tls: &Tls) -> Result<(), Error> {
        self.shared.transport.retrust(tls)
    }

    /// The credentials as they change from now on.
    pub(super) fn credentials(&self) -> CredentialFeed {
        let mut credentials = self.shared.credentials.clone();
        credentials.mark_unchanged();
        credentials
    }

    /// Where it is counted what happens.
    pub(super) fn metrics(&self) -> &metrics::Vcenter {
        self.shared.transport.metrics()
    }

    /// Returns once [`close`](Self::close) was called.
    pub(super) async fn closed(&self) {
        // The sender lives as long as this.
        let _ = self.shared.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// The current login, made now if there is none.
    pub async fn connect(&self) -> Result<Connection, Error> {
        self.connect_after(None).await
    }

    /// Calls a method that needs a session but nothing that lives in it.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        let connection = self.connect().await?;
        match connection.call(request).await {
            Err(Error::NotAuthenticated) => {
                self.connect_after(Some(connection.login.epoch)).await?.call(request).await
            }
            other => other,
        }
    }

    /// Ends the session on the server, for good; the last thing a process does.
    pub async fn close(&self) {
        self.shared.closed.send_replace(true);
        let Some(login) = self.shared.login.take(PROBE_DEADLINE).await else { return };
        self.metrics().set_session(Api::Soap, false);
        let request = Logout { session_manager: &login.content.session_manager };
        match self.exchange(&login, &request, PROBE_DEADLINE.into()).await {
            Ok(()) | Err(Error::NotAuthenticated) => debug!(vcenter = %self.endpoint(), "logged out"),
            Err(error) => warn!(vcenter = %self.endpoint(), %error, "could not log out"),
        }
    }

    /// The current login unless it is the one of epoch `stale`.
    async fn connect_after(&self, stale: Option<u64>) -> Result<Connection, Error> {
        let session = self.clone();
        let log_in = async move {
            session.metrics().set_session(Api::Soap, false);
            let outcome = session.log_in().await;
            session.count_login(Api::Soap, outcome.as_ref().err());
            outcome
        };
        let login = self.shared.login.get(|login| Some(login.epoch) == stale, log_in).await?;
        Ok(Connection { session: self.clone(), login })
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    /// Whether vCenter is alive; needs no session.
    pub async fn probe(&self) -> Result<(), Error> {
        self.service_content().await.map(drop)
    }

    /// Asks the server what it is: the cheapest call that needs all of it to be alive.
    async fn service_content(&self) -> Result<ServiceContent, Error> {
        let request = RetrieveServiceContent::default();
        let answer = self
            .post::<RetrieveServiceContent>("urn:vim25/6.5", None, &request, PROBE_DEADLINE.into())
            .await?;
        interpret::<RetrieveServiceContent>(&answer)
    }

    async fn post<R: Request>(
        &self,
        soap_action: &str,
        cookie: Option<&SecretString>,
        request: &R,
        patience: Patience,
    ) -> Result<Answer, Error> {
        let cookie = cookie.map(ExposeSecret::expose_secret);
        let body = encode_request(request);
        self.shared.transport.post(R::METHOD, R::NAMESPACE.path(), soap_action, cookie, body, patience).await
    }

    async fn exchange<R: Request>(
        &self,
        login: &LoggedIn,
        request: &R,
        patience: Patience,
    ) -> Result<R::Response, Error> {
        let answer = self.post::<R>(&login.soap_action, Some(&login.cookie), request, patience).await?;
        interpret::<R>(&answer)
    }

    /// Waits until vCenter shows a sign of life; for as long as a caller can be kept waiting.
    async fn sign_of_life(&self) -> bool {
        let patience = Instant::now() + STALL_PATIENCE;
        loop {
            match self.service_content().await {
                Ok(_) => return true,
                Err(error) if Instant::now() >= patience || !error.is_transient() => return false,
                Err(_) => tokio::time::sleep(jittered(RETRY_PAUSE)).await,
            }
        }
    }
}

impl Connection {
    /// The managers of this vCenter.
    pub fn content(&self) -> &ServiceContent {
        &self.login.content
    }

    /// The account as vCenter knows it.
    pub fn user(&self) -> &str {
        &self.login.user
    }

    /// Which login this is; each new one has a higher number.
    pub fn epoch(&self) -> u64 {
        self.login.epoch
    }

    /// The id of the session, which the REST service takes as well when the session is shared.
    pub(super) fn id(&self) -> SecretString {
        let cookie = self.login.cookie.expose_secret();
        let value = cookie.split_once('=').map_or(cookie, |(_, value)| value);
        SecretString::from(value.trim_matches('"').to_owned())
    }

    /// The session this is a login of.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Calls a method; a call that may be repeated is, up to three times.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        let deadlines: &[Duration] = if R::IDEMPOTENT { &DEADLINES } else { &[SINGLE_DEADLINE] };
        let mut pause = RETRY_PAUSE;
        let mut tries = deadlines.iter().peekable();
        loop {
            let deadline = tries.next().copied().unwrap_or(SINGLE_DEADLINE);
            let error = match self.exchange(request, deadline.into()).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if !error.is_transient() || tries.peek().is_none() {
                return Err(error);
            }
            debug!(vcenter = %self.session.endpoint(), method = R::METHOD, %error, "trying again");
            tokio::time::sleep(jittered(pause)).await;
            pause *= 2;
            if matches!(error, Error::Timeout { .. }) && !self.session.sign_of_life().await {
                return Err(error);
            }
        }
    }

    /// Calls a method once, whose answer must begin by a deadline of the caller's; for long polls.
    pub async fn call_within<R: Request>(&self, request: &R, begin: Duration) -> Result<R::Response, Error> {
        self.exchange(request, Patience { begin, end: begin + POLL_TRANSFER }).await
    }

    /// The session is gone: the next [`Session::connect`] logs in anew.
    pub async fn forget(&self) {
        if self.session.shared.login.forget(|login| login.epoch == self.login.epoch).await {
            self.session.metrics().set_session(Api::Soap, false);
        }
    }

    async fn exchange<R: Request>(&self, request: &R, patience: Patience) -> Result<R::Response, Error> {
        let outcome = self.session.exchange(&self.login, request, patience).await;
        if matches!(outcome, Err(Error::NotAuthenticated)) {
            self.forget().await;
        }
        outcome
    }
}

/// Turns an HTTP answer into the method's result.
fn interpret<R: Request>(answer: &Answer) -> Result<R::Response, Error> {
    // Faults come with 500, so do the error pages of proxies: only the body tells.
    match answer.status {
        200 | 500 => {}
        401 => return Err(Error::NotAuthenticated),
        status => return Err(Error::Status { method: R::METHOD, status }),
    }
    match decode_response::<R>(&answer.body) {
        Ok(response) if R::lost_session(&response) => Err(Error::NotAuthenticated),
        Ok(response) => Ok(response),
        Err(super::soap::SoapError::Decode(_)) if answer.status == 500 => {
            Err(Error::Status { method: R::METHOD, status: 500 })
        }
        Err(error) => Err(Error::from_soap(R::METHOD, error)),
    }
}

/// About `pause`: between half of it and all of it, so that many clients do not retry in step.
pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}
