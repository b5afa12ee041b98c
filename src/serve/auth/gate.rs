//! The gate: lets a request through or says why not.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::time::Instant;
use tracing::warn;

use super::AuthOptions;
use super::authorities::{Authorities, Shown};
use super::cache::Cache;
use super::decide::{Access, Action, Identity, Refusal, identified, permitted};
use super::paths::AllowList;
use super::reviews::{ApiServer, Reviews, Unanswered};
use super::user::User;

/// How long a token is not shown again that the API server refused: one that was just created may
/// be good a moment later.
const REFUSED_TOKEN_TTL: Duration = Duration::from_secs(2);

/// What is known of a request before it is let through.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The HTTP method in lower case, as the API server calls it.
    pub verb: &'a str,
    /// The path without the query.
    pub path: &'a str,
    /// The headers, credentials included.
    pub headers: &'a HeaderMap,
    /// The certificates that the client has shown, its own first; it has the key.
    pub certificates: &'a [CertificateDer<'static>],
}

/// Lets requests through or not.
pub(in crate::serve) struct Gate {
    allow: AllowList,
    authorities: Authorities,
    reviews: Box<dyn Reviews>,
    ttl: Ttl,
    tokens: Mutex<Cache<[u8; 32], Option<User>>>,
    access: Mutex<Cache<(User, String, String), bool>>,
    told_tokens: Mutex<Option<Unanswered>>,
    told_access: Mutex<Option<Unanswered>>,
}

struct Ttl {
    token: Duration,
    authorized: Duration,
    unauthorized: Duration,
}

impl Gate {
    /// Follows the authorities from now on; must be called within a runtime.
    pub(in crate::serve) fn start(options: AuthOptions) -> Self {
        let reviews = ApiServer::new(options.authentication.clone(), options.authorization.clone());
        let gate = Self::new(&options, Box::new(reviews));
        tokio::spawn(gate.authorities.clone().follow(options));
        gate
    }

    fn new(options: &AuthOptions, reviews: Box<dyn Reviews>) -> Self {
        Self {
            allow: options.always_allow_paths.clone(),
            authorities: Authorities::default(),
            reviews,
            ttl: Ttl {
                token: options.token_ttl,
                authorized: options.authorized_ttl,
                unauthorized: options.unauthorized_ttl,
            },
            tokens: Mutex::default(),
            access: Mutex::default(),
            told_tokens: Mutex::default(),
            told_access: Mutex::default(),
        }
    }

    /// Whether the request gets an answer.
    pub(in crate::serve) async fn admit(&self, request: &Request<'_>) -> Result<(), Refusal> {
        if self.allow.allows(request.path) {
            return Ok(());
        }
        let user = identified(self.identify(request).await)?;
        let action = Action { verb: request.verb, path: request.path };
        let access = if user.is_master() { Access::Allowed } else { self.ask_access(&user, action).await };
        permitted(&user, action, &access)
    }

    async fn identify(&self, request: &Request<'_>) -> Identity {
        if !request.certificates.is_empty()
            && let Shown::User(user) = self.authorities.now().judge(request, UnixTime::now())
        {
            return Identity::User(user);
        }
        match bearer(request.headers) {
            Some(token) => self.identify_token(token).await,
            None if request.certificates.is_empty() => Identity::User(User::anonymous()),
            None => {
                Identity::Rejected("the client certificate is not signed by an authority of this cluster")
            }
        }
    }

    async fn identify_token(&self, token: &str) -> Identity {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        let shown =
            |user: Option<User>| user.map_or(Identity::Rejected("the token is not valid"), Identity::User);
        if let Some(known) = lock(&self.tokens).get(&key, Instant::now()) {
            return shown(known);
        }
        let answer = self.reviews.token(token).await;
        Self::tell_once(&self.told_tokens, &answer, "tokenreviews.authentication.k8s.io");
        match answer {
            Ok(user) => {
                let holds = if user.is_some() { self.ttl.token } else { REFUSED_TOKEN_TTL };
                lock(&self.tokens).put(key, user.clone(), holds, Instant::now());
                shown(user)
            }
            Err(unanswered) => Identity::Unknown(unanswered),
        }
    }

    async fn ask_access(&self, user: &User, action: Action<'_>) -> Access {
        let key = (user.clone(), action.verb.to_owned(), action.path.to_owned());
        let known = lock(&self.access).get(&key, Instant::now());
        if let Some(allowed) = known {
            return if allowed { Access::Allowed } else { Access::Denied };
        }
        let answer = self.reviews.access(user, action.verb, action.path).await;
        Self::tell_once(&self.told_access, &answer, "subjectaccessreviews.authorization.k8s.io");
        match answer {
            Ok(allowed) => {
                let holds = if allowed { self.ttl.authorized } else { self.ttl.unauthorized };
                lock(&self.access).put(key, allowed, holds, Instant::now());
                if allowed { Access::Allowed } else { Access::Denied }
            }
            Err(unanswered) => Access::Unknown(unanswered),
        }
    }

    /// Says once why nobody can be let through, and again when the reason changes.
    fn tell_once<T>(told: &Mutex<Option<Unanswered>>, answer: &Result<T, Unanswered>, resource: &str) {
        let problem = answer.as_ref().err();
        let mut told = lock(told);
        let same = match (told.as_ref(), problem) {
            (Some(Unanswered::Unavailable(_)), Some(Unanswered::Unavailable(_))) => true,
            (before, now) => before == now,
        };
        if same {
            return;
        }
        *told = problem.cloned();
        match problem {
            None => {}
            Some(Unanswered::Forbidden) => warn!(
                missing = format!("create {resource}"),
                "this manager lacks a right, so that only the paths of health can be read; bind its service \
                 account to the ClusterRole system:auth-delegator"
            ),
            Some(Unanswered::Unavailable(error)) => {
                warn!(error, resource, "who may read what cannot be asked of the API server");
            }
        }
    }
}

/// The token, if there is one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
