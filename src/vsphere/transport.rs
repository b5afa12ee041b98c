//! HTTP to one vCenter: bytes out, bytes in, a deadline on each exchange.

use std::fmt;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};

use super::{Error, tls};
use crate::config::{Tls, Vcenter};
use crate::metrics::{self, RequestOutcome};

/// A vCenter on the same continent accepts a connection in well under a second.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// vCenter closes idle connections after a minute or two; ours go first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Bytes of one answer at most: a page of 500 VMs takes about 1 MB.
const MAX_ANSWER: usize = 64 << 20;

/// Names the client in vCenter's session list and audit log.
pub(super) const USER_AGENT: &str = concat!("vsphere-cloud/", env!("CARGO_PKG_VERSION"));

/// The cookie that carries the session.
const SESSION_COOKIE: &str = "vmware_soap_session";

/// Where a vCenter is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// The address that the configuration gives.
    pub fn new(vcenter: &Vcenter) -> Self {
        Self { host: vcenter.server.clone(), port: vcenter.port }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.host.parse(), Ok(IpAddr::V6(_))) {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How long an exchange may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until the answer begins: a stalled vCenter never comes so far.
    pub(super) begin: Duration,
    /// Until all of it is here: a slow network takes its time.
    pub(super) end: Duration,
}

impl From<Duration> for Patience {
    fn from(deadline: Duration) -> Self {
        Self { begin: deadline, end: deadline }
    }
}

/// The methods that are used.
#[derive(Clone, Copy, Debug)]
pub(super) enum HttpMethod {
    Get,
    Post,
    Delete,
}

/// One REST request.
#[derive(Debug)]
pub(super) struct JsonRequest<'a> {
    /// For messages.
    pub(super) name: &'static str,
    pub(super) method: HttpMethod,
    /// Path and query.
    pub(super) path: &'a str,
    /// The header that carries the session, and the session's id.
    pub(super) session: Option<(&'static str, &'a SecretString)>,
    /// User and password, for a login.
    pub(super) basic: Option<(&'a str, &'a SecretString)>,
    pub(super) body: Option<&'a serde_json::Value>,
}

/// One HTTP exchange's outcome.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// The body, which is UTF-8 in all services used.
    pub(super) body: String,
    /// The session cookie, if one was set: `name=value`, exactly as received.
    pub(super) cookie: Option<String>,
}

/// Connections to one vCenter, and what is needed to begin anew.
#[derive(Clone, Debug)]
struct Pool {
    client: reqwest::Client,
    tls: ClientConfig,
    /// Which one of them all it is.
    number: u64,
}

/// The way to one vCenter.
#[derive(Debug)]
pub(super) struct Transport {
    /// Replaced as a whole when other certificates are to be trusted, and after a failure.
    pool: RwLock<Pool>,
    /// What the client trusts.
    tls: RwLock<Tls>,
    endpoint: Endpoint,
    metrics: metrics::Vcenter,
}

impl Transport {
    /// Reads the CA files and builds the pool; connects to nothing yet.
    pub(super) fn new(vcenter: &Vcenter, metrics: metrics::Vcenter) -> Result<Self, Error> {
        Ok(Self {
            pool: RwLock::new(Pool::new(tls::client_config(&vcenter.tls)?, 0)?),
            tls: RwLock::new(vcenter.tls.clone()),
            endpoint: Endpoint::new(vcenter),
            metrics,
        })
    }

    /// The same with another way to check certificates; [`retrust`](Self::retrust) would end it.
    pub(super) fn checking(vcenter: &Vcenter, tls: ClientConfig) -> Result<Self, Error> {
        Ok(Self {
            pool: RwLock::new(Pool::new(tls, 0)?),
            tls: RwLock::new(vcenter.tls.clone()),
            endpoint: Endpoint::new(vcenter),
            metrics: metrics::Vcenter::default(),
        })
    }

    /// Trusts these certificates from now on; reads the CA files. Exchanges that are under way go on.
    pub(super) fn retrust(&self, tls: &Tls) -> Result<(), Error> {
        let config = tls::client_config(tls)?;
        let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        *pool = Pool::new(config, pool.number + 1)?;
        drop(pool);
        tls.clone_into(&mut self.tls.write().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// What is trusted now.
    pub(super) fn tls(&self) -> Tls {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn pool(&self) -> Pool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A request of this pool has failed by its connection. The others may be as dead and not know it,
    /// and each that is tried would cost a time-out: the next request begins with a new connection,
    /// to where the name leads then.
    fn leave(&self, number: u64) {
        let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        if pool.number == number
            && let Ok(fresh) = Pool::new(pool.tls.clone(), number + 1)
        {
            *pool = fresh;
        }
    }

    /// Where this goes.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where it is counted what happens.
    pub(super) fn metrics(&self) -> &metrics::Vcenter {
        &self.metrics
    }

    /// Sends a SOAP message and reads the whole answer.
    pub(super) async fn post(
        &self,
        method: &'static str,
        path: &str,
        soap_action: &str,
        cookie: Option<&str>,
        body: String,
        patience: Patience,
    ) -> Result<Answer, Error> {
        let pool = self.pool();
        let mut request = pool
            .client
            .post(format!("https://{}{path}", self.endpoint))
            .header(CONTENT_TYPE, "text/xml; charset=\"utf-8\"")
            .header("SOAPAction", soap_action)
            .body(body);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        self.exchange(method, request, &pool, patience).await
    }

    /// Fetches a document that needs no session.
    pub(super) async fn get(
        &self,
        method: &'static str,
        path: &str,
        deadline: Duration,
    ) -> Result<Answer, Error> {
        let pool = self.pool();
        let request = pool.client.get(format!("https://{}{path}", self.endpoint));
        self.exchange(method, request, &pool, deadline.into()).await
    }

    /// Sends a REST request and reads the whole answer.
    pub(super) async fn json(&self, json: JsonRequest<'_>, deadline: Duration) -> Result<Answer, Error> {
        let url = format!("https://{}{}", self.endpoint, json.path);
        let pool = self.pool();
        let mut request = match json.method {
            HttpMethod::Get => pool.client.get(url),
            HttpMethod::Post => pool.client.post(url),
            HttpMethod::Delete => pool.client.delete(url),
        };
        if let Some((header, id)) = json.session {
            let mut value = HeaderValue::from_str(id.expose_secret())
                .map_err(|_| Error::Unreachable("the session's id is no header value".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header, value);
        }
        if let Some((user, password)) = json.basic {
            // The session is carried by the header alone: no cookie is wanted.
            request = request
                .basic_auth(user, Some(password.expose_secret()))
                .header("vmware-use-header-authn", "true");
        }
        if let Some(body) = json.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.exchange(json.name, request, &pool, deadline.into()).await
    }

    async fn exchange(
        &self,
        method: &'static str,
        request: reqwest::RequestBuilder,
        pool: &Pool,
        patience: Patience,
    ) -> Result<Answer, Error> {
        let begun = Instant::now();
        let outcome = self.attempt(method, request, patience).await;
        if matches!(outcome, Err(Error::Timeout { .. } | Error::Unreachable(_))) {
            self.leave(pool.number);
        }
        self.metrics.exchanged(method, counted(&outcome), begun.elapsed());
        outcome
    }

    async fn attempt(
        &self,
        method: &'static str,
        request: reqwest::RequestBuilder,
        patience: Patience,
    ) -> Result<Answer, Error> {
        let late = |after: Duration| Error::Timeout { method, seconds: after.as_secs() };
        let exchange = async {
            let begun = tokio::time::timeout(patience.begin, request.send()).await;
            let begun = begun.map_err(|_| late(patience.begin))?;
            let mut response = begun.map_err(|e| self.classify(&e))?;
            let status = response.status().as_u16();
            let cookie = session_cookie(response.headers());
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| self.classify(&e))? {
                if body.len() + chunk.len() > MAX_ANSWER {
                    return Err(Error::Unreachable(format!(
                        "{}: the answer to {method} is larger than {MAX_ANSWER} bytes",
                        self.endpoint
                    )));
                }
                body.extend_from_slice(&chunk);
            }
            let body = String::from_utf8(body)
                .map_err(|_| Error::Unreachable(format!("{}: the answer is not UTF-8", self.endpoint)))?;
            Ok(Answer { status, body, cookie })
        };
        tokio::time::timeout(patience.end, exchange).await.unwrap_or(Err(late(patience.end)))
    }

    fn classify(&self, error: &reqwest::Error) -> Error {
        let cause = innermost(error);
        if let Some(start) = cause.find(tls::REFUSED) {
            return Error::Tls(format!("{}: {}", self.endpoint, &cause[start..]));
        }
        if causes(error).any(<dyn std::error::Error>::is::<rustls::Error>) {
            return Error::Tls(format!("{}: TLS failed: {cause}", self.endpoint));
        }
        let what = if causes(error).any(|cause| cause.to_string().starts_with("tunnel error")) {
            "cannot connect through the proxy of the environment"
        } else if error.is_connect() {
            "cannot connect"
        } else {
            "the connection broke"
        };
        Error::Unreachable(format!("{}: {what}: {cause}", self.endpoint))
    }
}

impl Pool {
    /// An empty one.
    fn new(tls: ClientConfig, number: u64) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| Error::Tls(innermost(&e)))?;
        Ok(Self { client, tls, number })
    }
}

/// As what an exchange counts.
fn counted(outcome: &Result<Answer, Error>) -> RequestOutcome {
    match outcome {
        Ok(Answer { status: 200..300, .. }) => RequestOutcome::Ok,
        Ok(Answer { status: 500, .. }) => RequestOutcome::Fault,
        Ok(_) => RequestOutcome::Status,
        Err(Error::Timeout { .. }) => RequestOutcome::Timeout,
        Err(Error::Tls(_)) => RequestOutcome::Tls,
        Err(_) => RequestOutcome::Unreachable,
    }
}

/// The error and all that caused it, outermost first.
fn causes<'e>(error: &'e reqwest::Error) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| match error.downcast_ref::<std::io::Error>() {
        // Its `source` is that of the error inside, which itself would be left out.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
        None => error.source(),
    })
}

/// The text of the first cause; the ones around it only repeat the URL.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Kept by hand and sent back as it came: vCenter quotes the value, and a cookie jar would not.
fn session_cookie(headers: &HeaderMap) -> Option<String> {
    headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(|value| {
        let pair = value.split(';').next()?.trim();
        let (name, content) = pair.split_once('=')?;
        (name.trim() == SESSION_COOKIE && !content.is_empty()).then(|| pair.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_sent_back_as_it_came() {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, "other=1; Path=/".parse().unwrap());
        headers.append(SET_COOKIE, "vmware_soap_session=\"0a1b\"; Path=/; HttpOnly; Secure".parse().unwrap());
        assert_eq!(session_cookie(&headers).as_deref(), Some("vmware_soap_session=\"0a1b\""));
        headers.clear();
        headers.append(SET_COOKIE, "vmware_soap_session=; Max-Age=0".parse().unwrap());
        assert_eq!(session_cookie(&headers), None);
    }
}
