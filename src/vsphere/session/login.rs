//! How a session begins: which version is spoken, as whom, and what a refusal costs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use tracing::info;

use super::{LoggedIn, PROBE_DEADLINE, Session, interpret};
use crate::config::Credentials;
use crate::metrics::{Api, LoginOutcome};
use crate::vsphere::login_guard::LoginGuard;
use crate::vsphere::session_manager::ticket;
use crate::vsphere::soap::{FaultKind, Request, is_legal};
use crate::vsphere::types::{CloneSession, Login, ServiceContent, UserSession};
use crate::vsphere::{Error, version};

/// A login goes through SSO and maybe a directory server behind it.
const LOGIN_DEADLINE: Duration = Duration::from_secs(10);

impl Session {
    pub(super) async fn log_in(&self) -> Result<LoggedIn, Error> {
        let credentials = self.permitted_credentials()?;
        // Also the sign of life: no password travels to a server that does not answer this.
        let content = self.service_content().await?;
        if content.about.api_type != "VirtualCenter" {
            return Err(Error::Configuration(format!(
                "{} is no vCenter but {:?} ({})",
                self.endpoint(),
                content.about.api_type,
                content.about.full_name
            )));
        }
        let soap_action = format!("urn:vim25/{}", self.api_version(&content).await?);
        let session_manager = &content.session_manager;
        let outcome = match &*credentials {
            Credentials::Login { user, password } => {
                self.enter(&soap_action, &Login { session_manager, user, password }).await
            }
            Credentials::SessionManager { url, token } => {
                let tls = self.shared.transport.tls();
                let ticket = ticket(&credentials.account(), url, token.as_ref(), &tls).await?;
                self.enter(&soap_action, &CloneSession { session_manager, ticket: &ticket }).await
            }
        };
        match outcome {
            Ok((user, cookie)) => {
                self.login_accepted();
                let epoch = self.shared.epochs.fetch_add(1, Ordering::Relaxed) + 1;
                info!(
                    vcenter = %self.endpoint(), user = user.user_name, server = content.about.full_name,
                    api = &soap_action["urn:vim25/".len()..], epoch, "logged in"
                );
                Ok(LoggedIn { epoch, cookie, soap_action, content })
            }
            Err(error) if error.fault_kind() == Some(FaultKind::InvalidLogin) => {
                Err(self.login_refused(credentials))
            }
            Err(error) => Err(error),
        }
    }

    /// Begins a session: who it is, and the cookie that carries it.
    async fn enter<R: Request<Response = UserSession>>(
        &self,
        soap_action: &str,
        request: &R,
    ) -> Result<(UserSession, SecretString), Error> {
        // Never with an old cookie: one that is still valid would make this an InvalidLogin.
        let answer = self.post::<R>(soap_action, None, request, LOGIN_DEADLINE.into()).await?;
        let user = interpret::<R>(&answer)?;
        let cookie = answer.cookie.map(SecretString::from);
        let cookie =
            cookie.ok_or_else(|| Error::Unreachable("the login gave no session cookie".to_owned()))?;
        Ok((user, cookie))
    }

    /// The credentials, if a login with them may be tried now.
    pub(in crate::vsphere) fn permitted_credentials(&self) -> Result<Arc<Credentials>, Error> {
        if *self.shared.closed.borrow() {
            return Err(Error::Unreachable(format!("{}: the session is closed", self.endpoint())));
        }
        let credentials = self.shared.credentials.borrow().clone().map_err(Error::NoCredentials)?;
        check(&credentials)?;
        self.guard().permit(&credentials, Instant::now())?;
        Ok(credentials)
    }

    /// vCenter refused a login, by whichever door.
    pub(in crate::vsphere) fn login_refused(&self, credentials: Arc<Credentials>) -> Error {
        self.guard().refused(credentials, Instant::now())
    }

    /// vCenter accepted a login.
    pub(in crate::vsphere) fn login_accepted(&self) {
        self.guard().accepted();
    }

    /// Counts a login that was tried, by whichever door.
    pub(in crate::vsphere) fn count_login(&self, api: Api, error: Option<&Error>) {
        let outcome = match error {
            None => LoginOutcome::Accepted,
            Some(Error::InvalidLogin { .. }) => LoginOutcome::Refused,
            // None was tried.
            Some(Error::LoginOnHold { .. } | Error::NoCredentials(_)) => return,
            Some(_) => LoginOutcome::Failed,
        };
        self.metrics().login(api, outcome);
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, LoginGuard> {
        self.shared.guard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What the server calls its own version is the newest that it offers: only when that is too new
    /// for us, it is asked which older ones it offers as well.
    async fn api_version(&self, content: &ServiceContent) -> Result<String, Error> {
        const METHOD: &str = "vimServiceVersions";
        let own = &content.about.api_version;
        if version::is_known(own) {
            return Ok(own.clone());
        }
        let answer = self.shared.transport.get(METHOD, "/sdk/vimServiceVersions.xml", PROBE_DEADLINE).await?;
        match answer.status {
            200 => version::negotiate(&answer.body).map_err(|error| Error::Decode { method: METHOD, error }),
            // Behind a proxy that passes on only what it knows.
            404 => Ok(own.clone()),
            status => Err(Error::Status { method: METHOD, status }),
        }
    }
}

/// Refuses what would count as a failed login, or cannot be sent at all.
fn check(credentials: &Credentials) -> Result<(), Error> {
    let Credentials::Login { user, password } = credentials else { return Ok(()) };
    for (what, text) in [("user name", user.as_str()), ("password", password.expose_secret())] {
        if text.is_empty() {
            return Err(Error::NoCredentials(format!("the {what} is empty")));
        }
        if !text.chars().all(is_legal) {
            let reason = format!("the {what} has a control character, which cannot be sent to vCenter");
            return Err(Error::NoCredentials(reason));
        }
    }
    Ok(())
}
