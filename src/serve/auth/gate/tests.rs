//! Who is let through, with an API server that says what the test wants.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;

/// Knows tokens by their user; everybody but `nobody` may read `/metrics`.
#[derive(Default)]
struct Script {
    tokens: BTreeMap<&'static str, User>,
    unanswered: Mutex<Option<Unanswered>>,
    log: Mutex<Vec<String>>,
}

impl Reviews for Arc<Script> {
    fn token<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<User>, Unanswered>> {
        async move {
            lock(&self.log).push(format!("token {token}"));
            match lock(&self.unanswered).clone() {
                Some(unanswered) => Err(unanswered),
                None => Ok(self.tokens.get(token).cloned()),
            }
        }
        .boxed()
    }

    fn access<'a>(
        &'a self,
        user: &'a User,
        verb: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<bool, Unanswered>> {
        async move {
            lock(&self.log).push(format!("access {} {verb} {path}", user.name));
            match lock(&self.unanswered).clone() {
                Some(unanswered) => Err(unanswered),
                None => {
                    Ok(path == "/metrics" && !["nobody", "system:anonymous"].contains(&user.name.as_str()))
                }
            }
        }
        .boxed()
    }
}

fn named(name: &str, groups: &[&str]) -> User {
    let groups = groups.iter().map(ToString::to_string).collect();
    User { name: name.to_owned(), groups, ..User::default() }.authenticated()
}

fn gate() -> (Gate, Arc<Script>) {
    let tokens = [
        ("t-prometheus", named("prometheus", &[])),
        ("t-nobody", named("nobody", &[])),
        ("t-root", named("root", &["system:masters"])),
    ];
    let script = Arc::new(Script { tokens: tokens.into(), ..Script::default() });
    let nowhere = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    let options = AuthOptions::new(kube::Client::try_from(nowhere).unwrap());
    (Gate::new(&options, Box::new(Arc::clone(&script))), script)
}

/// The status of the refusal; 200 if there is none.
async fn get(gate: &Gate, path: &str, authorization: Option<&str>) -> u16 {
    let mut headers = HeaderMap::new();
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
    }
    let request = Request { verb: "get", path, headers: &headers, certificates: &[] };
    gate.admit(&request).await.map_or_else(|refusal| refusal.status, |()| 200)
}

#[tokio::test]
async fn a_token_is_worth_what_its_user_may_do() {
    let (gate, script) = gate();
    for (path, authorization, expected) in [
        ("/healthz", None, 200),
        ("/healthz", Some("Bearer wrong"), 200),
        ("/healthz/ping", None, 401),
        ("/metrics", None, 401),
        ("/metrics", Some("Bearer t-prometheus"), 200),
        ("/metrics", Some("bearer   t-prometheus"), 200),
        ("/metrics", Some("Bearer t-nobody"), 403),
        ("/metrics", Some("Bearer wrong"), 401),
        ("/metrics", Some("Bearer "), 401),
        ("/metrics", Some("Basic dDp0"), 401),
        ("/configz", Some("Bearer t-prometheus"), 403),
        ("/configz", Some("Bearer t-root"), 200),
    ] {
        assert_eq!(get(&gate, path, authorization).await, expected, "{path} {authorization:?}");
    }
    let log = lock(&script.log).clone();
    assert!(!log.iter().any(|line| line.contains("healthz\n") || line.contains("root get")), "{log:?}");
    assert!(log.contains(&"access system:anonymous get /metrics".to_owned()), "as upstream asks: {log:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_hold_for_a_while() {
    let (gate, script) = gate();
    let asked = |script: &Script| std::mem::take(&mut *lock(&script.log)).len();
    for (authorization, first) in
        [(Some("Bearer t-prometheus"), 2), (Some("Bearer t-nobody"), 2), (Some("Bearer wrong"), 1), (None, 1)]
    {
        get(&gate, "/metrics", authorization).await;
        assert_eq!(asked(&script), first, "{authorization:?}");
        get(&gate, "/metrics", authorization).await;
        assert_eq!(asked(&script), 0, "{authorization:?}");
    }
    tokio::time::advance(REFUSED_TOKEN_TTL).await;
    get(&gate, "/metrics", Some("Bearer wrong")).await;
    assert_eq!(asked(&script), 1, "a token that was refused is soon tried again");
    get(&gate, "/metrics", Some("Bearer t-prometheus")).await;
    assert_eq!(asked(&script), 0);
    tokio::time::advance(Duration::from_secs(8)).await;
    get(&gate, "/metrics", Some("Bearer t-prometheus")).await;
    assert_eq!(asked(&script), 2);
}

#[tokio::test]
async fn without_the_right_to_ask_health_is_all_there_is() {
    let (gate, script) = gate();
    *lock(&script.unanswered) = Some(Unanswered::Forbidden);
    assert_eq!(get(&gate, "/healthz", None).await, 200);
    assert_eq!(get(&gate, "/metrics", None).await, 401);
    assert_eq!(get(&gate, "/metrics", Some("Bearer t-prometheus")).await, 401);
    *lock(&script.unanswered) = Some(Unanswered::Unavailable("away".to_owned()));
    assert_eq!(get(&gate, "/metrics", Some("Bearer t-prometheus")).await, 503);
    // Nothing of that is remembered.
    *lock(&script.unanswered) = None;
    assert_eq!(get(&gate, "/metrics", Some("Bearer t-prometheus")).await, 200);
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_refused_unless_there_is_a_token() {
    let (gate, _) = gate();
    let stranger = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap().cert.der().clone();
    let mut headers = HeaderMap::new();
    let certificates = [stranger];
    let request = Request { verb: "get", path: "/metrics", headers: &headers, certificates: &certificates };
    let refusal = gate.admit(&request).await.unwrap_err();
    assert_eq!(refusal.status, 401);
    assert!(refusal.message.contains("certificate"), "{refusal:?}");
    headers.insert(AUTHORIZATION, "Bearer t-prometheus".parse().unwrap());
    let request = Request { verb: "get", path: "/metrics", headers: &headers, certificates: &certificates };
    assert_eq!(gate.admit(&request).await, Ok(()));
}
