//! What is served, by path.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::auth::Refusal;
use super::health::{Group, Health, Query};
use crate::metrics::Metrics;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) type Answer = Response<Full<Bytes>>;

/// Where the pages get what they say.
#[derive(Clone)]
pub struct Pages {
    health: Health,
    metrics: Metrics,
    configz: Arc<dyn Fn() -> Value + Send + Sync>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("health", &self.health).finish_non_exhaustive()
    }
}

impl Pages {
    /// `configz` makes what `/configz` says, at once and from memory; nothing secret belongs there.
    pub fn new(
        health: Health,
        metrics: Metrics,
        configz: impl Fn() -> Value + Send + Sync + 'static,
    ) -> Self {
        Self { health, metrics, configz: Arc::new(configz) }
    }

    /// The answer to a request that was let through.
    pub(super) fn answer(&self, method: &Method, path: &str, query: &str) -> Answer {
        if method != Method::GET && method != Method::HEAD {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are understood\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        if let Some(answer) = self.health(path, query) {
            return answer;
        }
        match path {
            "/" => json_page(&json!({"paths": self.paths()})),
            "/metrics" => page(StatusCode::OK, METRICS, self.metrics.text()),
            "/metrics/slis" => page(StatusCode::OK, METRICS, self.metrics.slis()),
            "/configz" => json_page(&(self.configz)()),
            _ if path == "/debug/pprof" || path.starts_with("/debug/pprof/") => text(
                StatusCode::NOT_FOUND,
                "there are no profiles here: they are a facility of Go's runtime, and this program has none; \
                 /metrics has what the process uses\n",
            ),
            _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
        }
    }

    fn health(&self, path: &str, query: &str) -> Option<Answer> {
        let (group, rest) = Group::ALL.iter().find_map(|group| {
            let rest = path.strip_prefix('/')?.strip_prefix(group.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((*group, rest))
        })?;
        let report = match rest.trim_matches('/') {
            "" => self.health.ask(group, &Query::parse(query)),
            name => match self.health.ask_one(group, name) {
                Some(report) => report,
                None => return Some(text(StatusCode::NOT_FOUND, "404 page not found\n")),
            },
        };
        let status = StatusCode::from_u16(report.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Some(text(status, report.body))
    }

    /// Every path there is.
    fn paths(&self) -> Vec<String> {
        let mut paths = vec!["/configz".to_owned(), "/metrics".to_owned(), "/metrics/slis".to_owned()];
        for group in Group::ALL {
            let root = format!("/{}", group.as_str());
            paths.extend(self.health.names(Some(*group)).iter().map(|name| format!("{root}/{name}")));
            paths.push(root);
        }
        paths.sort();
        paths
    }
}

/// The answer to a request that was not let through.
pub(super) fn refused(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::FORBIDDEN);
    page(status, JSON, refusal.body())
}

fn json_page(value: &Value) -> Answer {
    page(StatusCode::OK, JSON, format!("{value:#}\n"))
}

fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    page(status, TEXT, body.into())
}

fn page(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers: [(HeaderName, &'static str); 3] = [
        (CONTENT_TYPE, kind),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // All of it is about this moment.
        (CACHE_CONTROL, "no-cache, private"),
    ];
    for (name, value) in headers {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn get(pages: &Pages, method: Method, path: &str, query: &str) -> (u16, String) {
        let answer = pages.answer(&method, path, query);
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn each_path_has_its_page() {
        let metrics = Metrics::default();
        let health = Health::new(metrics.health.clone());
        health.register(&[Group::Readyz], "vcenters", || Err("main: unreachable".to_owned()));
        let pages = Pages::new(health, metrics, || json!({"ccm": {"securePort": 10258}}));
        for (path, query, status, part) in [
            ("/healthz", "", 200, "ok"),
            ("/livez", "verbose", 200, "livez check passed"),
            ("/livez/ping", "", 200, "ok"),
            ("/livez/vcenters", "", 404, "404 page not found"),
            ("/readyz", "", 500, "[-]vcenters failed: main: unreachable"),
            ("/readyz/", "exclude=vcenters", 200, "ok"),
            ("/readyz/vcenters", "", 500, "internal server error: main: unreachable"),
            ("/healthzz", "", 404, "404 page not found"),
            ("/metrics", "", 200, "# TYPE process_cpu_seconds_total counter"),
            ("/metrics/slis", "", 200, "kubernetes_healthcheck{name=\"vcenters\",type=\"readyz\"} 0"),
            ("/configz", "", 200, "\"securePort\": 10258"),
            ("/debug/pprof/heap", "", 404, "no profiles"),
            ("/nothing", "", 404, "404 page not found"),
        ] {
            let (seen, body) = get(&pages, Method::GET, path, query).await;
            assert!(seen == status && body.contains(part), "{path}: {seen} {body}");
        }
        let (status, index) = get(&pages, Method::GET, "/", "").await;
        let index: Value = serde_json::from_str(&index).unwrap();
        assert_eq!(status, 200);
        for path in ["/configz", "/metrics", "/readyz", "/readyz/vcenters", "/livez/ping"] {
            assert!(index["paths"].as_array().unwrap().contains(&json!(path)), "{index}");
        }
        assert_eq!(get(&pages, Method::POST, "/metrics", "").await.0, 405);
        assert_eq!(get(&pages, Method::HEAD, "/healthz", "").await.0, 200);
    }
}
