//! The REST side of a vCenter (vAPI), which alone knows tags: its own session, its two roots.
//!
//! New releases serve it below `/api`, old ones only below `/rest`, where answers are wrapped in
//! `{"value": …}`. `/api` is tried first; which one it is, is remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tracing::debug;

use super::Error;
use super::current_login::CurrentLogin;
use super::session::Session;
use super::transport::{Answer, HttpMethod, JsonRequest};
use super::types::CurrentTime;
use crate::config::Credentials;
use crate::metrics::Api;

/// Deadline of a call; tags of some thousand objects take about a second.
const DEADLINE: Duration = Duration::from_secs(10);

/// Deadline of a login, which goes through SSO.
const LOGIN_DEADLINE: Duration = Duration::from_secs(10);

/// A login that is under way for longer is not waited for when the session is to be ended.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// The header that carries the session.
const SESSION_HEADER: &str = "vmware-api-session-id";

/// One call, the same below both roots.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    /// For messages and metrics, as in `tag.get`.
    pub(super) name: &'static str,
    pub(super) method: HttpMethod,
    /// Below the service, as in `tag/urn:…`.
    pub(super) path: &'a str,
    /// What `?action=` (or `?~action=`) says.
    pub(super) action: Option<&'static str>,
    pub(super) body: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Api,
    Rest,
}

/// The REST session of one vCenter. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    session: Session,
    /// 0: not known yet, 1: `/api`, 2: `/rest`.
    root: Arc<AtomicU8>,
    login: CurrentLogin<LoggedIn>,
}

#[derive(Debug)]
struct LoggedIn {
    id: SecretString,
    /// It is the SOAP session, which ends by itself.
    shared: bool,
}

impl Rest {
    pub(super) fn new(session: Session) -> Self {
        Self { session, root: Arc::default(), login: CurrentLogin::default() }
    }

    /// Calls the tagging service; logs in when needed, and once more when the session was lost.
    pub(super) async fn tagging(&self, operation: &Operation<'_>) -> Result<Value, Error> {
        let login = self.log_in(None).await?;
        match self.exchange(operation, &login.id).await {
            Err(Error::NotAuthenticated) => {
                let login = self.log_in(Some(&login)).await?;
                match self.exchange(operation, &login.id).await {
                    Err(Error::NotAuthenticated) if login.shared => Err(Error::Configuration(format!(
                        "{}: REST does not take the session of the session manager's ticket; that needs vSphere 8.0 \
                         U3 or newer, before that zones need a user and a password",
                        self.session.endpoint()
                    ))),
                    outcome => outcome,
                }
            }
            other => other,
        }
    }

    /// Ends the session on the server.
    pub(super) async fn close(&self) {
        let Some(login) = self.login.take(CLOSE_PATIENCE).await.filter(|login| !login.shared) else { return };
        self.session.metrics().set_session(Api::Rest, false);
        let path = match self.root() {
            Root::Api => "/api/session",
            Root::Rest => "/rest/com/vmware/cis/session",
        };
        let request = JsonRequest {
            name: "session.delete",
            method: HttpMethod::Delete,
            path,
            session: Some((SESSION_HEADER, &login.id)),
            basic: None,
            body: None,
        };
        if let Err(error) = self.session.transport().json(request, LOGIN_DEADLINE).await {
            debug!(vcenter = %self.session.endpoint(), %error, "could not end the REST session");
        }
    }

    fn root(&self) -> Root {
        if self.root.load(Ordering::Relaxed) == 2 { Root::Rest } else { Root::Api }
    }

    /// The current login unless it is `stale`.
    async fn log_in(&self, stale: Option<&LoggedIn>) -> Result<Arc<LoggedIn>, Error> {
        let (rest, again) = (self.clone(), stale.is_some());
        let log_in = async move {
            rest.session.metrics().set_session(Api::Rest, false);
            let outcome = rest.create_session(again).await;
            if !matches!(outcome, Ok(LoggedIn { shared: true, .. })) {
                rest.session.count_login(Api::Rest, outcome.as_ref().err());
            }
            outcome
        };
        self.login.get(|login| stale.is_some_and(|stale| std::ptr::eq(login, stale)), log_in).await
    }

    /// A session; `again` if the last one is lost.
    async fn create_session(&self, again: bool) -> Result<LoggedIn, Error> {
        let credentials = self.session.permitted_credentials()?;
        let (user, password) = match &*credentials {
            Credentials::Login { user, password } => (user, password),
            Credentials::SessionManager { .. } => {
                if again {
                    // If the SOAP session is lost too, this makes another one.
                    self.session.call(&CurrentTime::default()).await?;
                }
                return Ok(LoggedIn { id: self.session.connect().await?.id(), shared: true });
            }
        };
        let create = async |path: &'static str| {
            let request = JsonRequest {
                name: "session.create",
                method: HttpMethod::Post,
                path,
                session: None,
                basic: Some((user, password)),
                body: None,
            };
            self.session.transport().json(request, LOGIN_DEADLINE).await
        };
        let mut answer = None;
        if self.root() == Root::Api {
            let tried = create("/api/session").await?;
            if tried.status == 404 {
                self.root.store(2, Ordering::Relaxed);
            } else {
                self.root.store(1, Ordering::Relaxed);
                answer = Some(tried);
            }
        }
        let answer = match answer {
            Some(answer) => answer,
            None => create("/rest/com/vmware/cis/session").await?,
        };
        match answer.status {
            200 | 201 => {}
            401 => return Err(self.session.login_refused(credentials)),
            status => return Err(Error::Status { method: "session.create", status }),
        }
        let value = self.unwrap("session.create", &answer)?;
        self.session.login_accepted();
        match value {
            Value::String(id) if !id.is_empty() => Ok(LoggedIn { id: id.into(), shared: false }),
            _ => Err(Error::Unreadable {
                method: "session.create",
                problem: "expected the session's id".to_owned(),
            }),
        }
    }

    async fn exchange(&self, operation: &Operation<'_>, id: &SecretString) -> Result<Value, Error> {
        let (base, action) = match self.root() {
            Root::Api => ("/api/cis/tagging", "?action="),
            Root::Rest => ("/rest/com/vmware/cis/tagging", "?~action="),
        };
        let action = operation.action.map(|name| format!("{action}{name}")).unwrap_or_default();
        // The old root names an object in the path as `id:…`.
        let path = match (self.root(), operation.path.split_once('/')) {
            (Root::Rest, Some((service, object))) => format!("{base}/{service}/id:{object}{action}"),
            _ => format!("{base}/{}{action}", operation.path),
        };
        let request = JsonRequest {
            name: operation.name,
            method: operation.method,
            path: &path,
            session: Some((SESSION_HEADER, id)),
            basic: None,
            body: operation.body.as_ref(),
        };
        let answer = self.session.transport().json(request, DEADLINE).await?;
        match answer.status {
            200 | 201 => self.unwrap(operation.name, &answer),
            204 => Ok(Value::Null),
            401 => Err(Error::NotAuthenticated),
            403 => Err(Error::Forbidden { method: operation.name }),
            404 => Err(Error::NoSuchResource { method: operation.name }),
            status => Err(Error::Status { method: operation.name, status }),
        }
    }

    fn unwrap(&self, method: &'static str, answer: &Answer) -> Result<Value, Error> {
        let unreadable = |problem: String| Error::Unreadable { method, problem };
        // serde_json's errors give the place, never the text.
        let value: Value =
            serde_json::from_str(&answer.body).map_err(|error| unreadable(error.to_string()))?;
        match (self.root(), value) {
            (Root::Api, value) => Ok(value),
            (Root::Rest, Value::Object(mut wrapper)) => {
                wrapper.remove("value").ok_or_else(|| unreadable("expected {\"value\": …}".to_owned()))
            }
            (Root::Rest, _) => Err(unreadable("expected {\"value\": …}".to_owned())),
        }
    }
}
