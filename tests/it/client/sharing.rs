//! A session that shares another one's, by tickets of a session manager.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use vsphere_cloud::config::{Credentials, Tls, Vcenter};
use vsphere_cloud::vsphere::soap::{DecodeError, Reader, Request, Writer};
use vsphere_cloud::vsphere::{CredentialFeed, Error, MoRef, Session, Tags};
use xtask::testbed::{Object, RunDir, Vcsim, VcsimOptions};

use super::common::{ask, change, credentials, session, vcenter_at, vcsim};
use super::front::{Authority, Front, Identity};
use crate::support::{Cluster, Config, SOON, label, names, specs};

/// `SessionManager.AcquireCloneTicket`, which only a session manager calls.
#[derive(Debug)]
struct AcquireCloneTicket(MoRef);

impl Request for AcquireCloneTicket {
    const METHOD: &'static str = "AcquireCloneTicket";
    const IDEMPOTENT: bool = false;
    type Response = String;

    fn this(&self) -> &MoRef {
        &self.0
    }
    fn write(&self, _: &mut Writer) {}
    fn read(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
        reader.returnval()
    }
}

async fn ticket(owner: &Session) -> String {
    owner.call(&AcquireCloneTicket(MoRef::new("SessionManager", "SessionManager"))).await.unwrap()
}

/// A session manager that gives these answers in turn, then 404.
struct Manager {
    front: Front,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
}

const HOST: &str = "127.0.0.1";

impl Manager {
    async fn start(identity: &Identity) -> Self {
        let answers: Arc<Mutex<VecDeque<(u16, String)>>> = Arc::default();
        let queue = answers.clone();
        let front = Front::start(None, identity, rustls::DEFAULT_VERSIONS, move |_| {
            queue.lock().unwrap().pop_front()
        })
        .await;
        Self { front, answers }
    }

    fn will_answer(&self, status: u16, body: impl Into<String>) {
        self.answers.lock().unwrap().push_back((status, body.into()));
    }

    fn will_give(&self, ticket: &str) {
        self.will_answer(200, format!("{{\"token\": \"{ticket}\"}}"));
    }

    fn credentials(&self) -> Arc<Credentials> {
        Arc::new(Credentials::SessionManager {
            url: format!("https://{HOST}:{}/session?of=c1", self.front.port).into(),
            token: Some("t0k3n".to_owned().into()),
        })
    }

    fn feed(&self) -> CredentialFeed {
        watch::channel(Ok(self.credentials())).1
    }

    fn account(&self) -> String {
        format!("session manager {HOST}:{}", self.front.port)
    }
}

fn trusting(vcsim: &Vcsim, authority: &Authority) -> Vcenter {
    let ca_files = vec![vcsim.ca().to_owned(), authority.file()];
    vcenter_at(vcsim.port(), Tls { ca_files, ..Tls::default() })
}

#[tokio::test]
async fn the_ticket_begins_a_session_for_soap_and_rest() {
    let vcsim = vcsim().await;
    let authority = Authority::new("ca");
    let manager = Manager::start(&authority.issue(&[HOST])).await;
    let owner = session(&vcsim);
    manager.will_give(&ticket(&owner).await);
    let session = Session::new(&trusting(&vcsim, &authority), manager.feed()).unwrap();
    let mut tags = Tags::new(session.clone());
    ask(&session).await.unwrap();
    tags.attached(&[MoRef::new("Datacenter", "datacenter-2")]).await.unwrap();

    let seen = manager.front.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].head.starts_with("GET /session?of=c1 HTTP/1.1\n"), "{seen:?}");
    assert_eq!(seen[0].header("authorization"), Some("Bearer t0k3n"));
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.soap("CloneSession")), (1, 1), "the owner's login");
    assert_eq!((requests.rest("POST /api/session"), requests.failed_logins), (0, 0), "{:?}", requests.rest);

    // All sessions end: with a new ticket, both go on.
    vcsim.terminate_sessions().await.unwrap();
    manager.will_give(&ticket(&owner).await);
    tags.attached(&[MoRef::new("Datacenter", "datacenter-2")]).await.unwrap();
    ask(&session).await.unwrap();
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("CloneSession"), requests.rest("POST /api/session")), (2, 0));

    // At the end there is one session to end, not two.
    tags.close().await;
    session.close().await;
    owner.close().await;
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Logout"), requests.rest("DELETE ")), (2, 0), "{:?}", requests.rest);
    assert!(vcsim.sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_vcenter_that_is_too_old_to_share_with_rest_is_told_of() {
    let vcsim = vcsim().await;
    let authority = Authority::new("ca");
    let identity = authority.issue(&[HOST]);
    let manager = Manager::start(&identity).await;
    let old = Front::of(&vcsim, &identity, |seen| {
        seen.head.lines().next()?.contains(" /api/").then(|| (401, String::new()))
    })
    .await;
    manager.will_give(&ticket(&session(&vcsim)).await);
    let tls = Tls { ca_files: vec![authority.file()], ..Tls::default() };
    let session = Session::new(&vcenter_at(old.port, tls), manager.feed()).unwrap();
    let error = Tags::new(session).attached(&[MoRef::new("Datacenter", "datacenter-2")]).await.unwrap_err();
    assert!(error.to_string().contains("needs vSphere 8.0 U3 or newer"), "{error}");
    assert_eq!(vcsim.requests().await.unwrap().soap("CloneSession"), 1, "the SOAP session is not given up");
}

#[tokio::test]
async fn nodes_get_their_zones_without_any_password() {
    let cluster = Cluster::get().await;
    let vcsim =
        Vcsim::start(VcsimOptions { seed: "sharing".into(), ..VcsimOptions::default() }).await.unwrap();
    for (category, tag) in [("k8s-region", "r"), ("k8s-zone", "z")] {
        vcsim.tag(category, tag, Object::Named("Datacenter", "DC0")).await.unwrap();
    }
    let authority = Authority::new("ca");
    let manager = Manager::start(&authority.issue(&[HOST])).await;
    let owner = session(&vcsim);
    manager.will_give(&ticket(&owner).await);
    let directory = RunDir::new().unwrap();
    let url = format!("https://{HOST}:{}/session", manager.front.port);
    directory.write("127.0.0.1.vc-session-manager-url", url).unwrap();
    directory.write("127.0.0.1.vc-session-manager-token", "t0k3n\n").unwrap();
    let text = format!(
        "global: {{secretsDirectory: {}}}\nlabels: {{region: k8s-region, zone: k8s-zone}}\nvcenter:\n  vc: {{server: \
         {HOST}, port: {}, caFile: '{}:{}'}}\n",
        directory.path().display(),
        vcsim.port(),
        vcsim.ca().display(),
        authority.file().display(),
    );
    let vms = vcsim.create_vms("sharing-", 2).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let _manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.config = text);
    for node in cluster.initialised(&names(&vms), SOON).await {
        assert_eq!(label(&node, "topology.kubernetes.io/zone"), Some("z"));
    }
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.soap("CloneSession"), requests.failed_logins), (1, 1, 0));
}

#[tokio::test]
async fn a_session_manager_in_trouble_is_no_refused_login() {
    let vcsim = vcsim().await;
    let authority = Authority::new("ca");
    let manager = Manager::start(&authority.issue(&[HOST])).await;
    let session = Session::new(&trusting(&vcsim, &authority), manager.feed()).unwrap();
    for (status, body, want) in [
        (503, "", "answered with HTTP 503"),
        (302, "", "answered with HTTP 302"),
        (401, "", "refuses the token, with HTTP 401; is it the one it expects?"),
        (200, "hunter2", "its answer is not understood; expected {\"token\": \"<clone ticket>\"}"),
    ] {
        manager.will_answer(status, body);
        let problem = want.to_owned();
        assert_eq!(ask(&session).await, Err(Error::SessionManager { name: manager.account(), problem }));
    }
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("CloneSession"), requests.failed_logins), (0, 0));
    manager.will_give(&ticket(&super::common::session(&vcsim)).await);
    ask(&session).await.unwrap();
}

#[tokio::test]
async fn a_ticket_that_vcenter_refuses_is_tried_twice_and_other_credentials_at_once() {
    let vcsim = vcsim().await;
    let authority = Authority::new("ca");
    let manager = Manager::start(&authority.issue(&[HOST])).await;
    for _ in 0..5 {
        manager.will_give("used-up");
    }
    let (sender, receiver) = watch::channel(Ok(manager.credentials()));
    let session = Session::new(&trusting(&vcsim, &authority), receiver).unwrap();
    for _ in 0..4 {
        assert_eq!(ask(&session).await, Err(Error::TicketRefused { account: manager.account() }));
    }
    assert_eq!(manager.front.seen().len(), 2, "it is not even asked for a ticket");
    assert_eq!(vcsim.requests().await.unwrap().failed_logins, 2);
    change(&sender, credentials(vcsim.user(), vcsim.password()));
    ask(&session).await.unwrap();
}

#[tokio::test]
async fn the_session_managers_certificate_is_checked_even_if_vcenters_is_not() {
    let vcsim = vcsim().await;
    let authority = Authority::new("ca");
    let manager = Manager::start(&authority.issue(&[HOST])).await;
    let insecure = vcenter_at(vcsim.port(), Tls { insecure: true, ..Tls::default() });
    let session = Session::new(&insecure, manager.feed()).unwrap();
    let Err(Error::SessionManager { problem, .. }) = ask(&session).await else { panic!("it was trusted") };
    assert!(problem.contains("certificate"), "{problem}");
    assert!(manager.front.seen().is_empty(), "the token is told to nobody");
}

#[tokio::test]
async fn a_session_manager_that_is_silent_does_not_hold_up_for_long() {
    let vcsim = vcsim().await;
    let silent = tokio::net::TcpListener::bind((HOST, 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("http://{HOST}:{port}/").into();
    let feed = watch::channel(Ok(Arc::new(Credentials::SessionManager { url, token: Some("t".into()) }))).1;
    let session = Session::new(&super::common::vcenter(&vcsim), feed).unwrap();
    let began = std::time::Instant::now();
    let error = ask(&session).await.unwrap_err();
    assert!(error.to_string().ends_with("no answer within 5 s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(15));
}
