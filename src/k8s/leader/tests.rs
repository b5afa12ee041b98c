//! Candidates against the API server in memory.
//!
//! The times are real and short: the requests go over real sockets, which paused time does not know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kube::api::{Api, Patch, PatchParams};
use kube::client::ClientBuilder;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;
use crate::k8s::testing::{FakeApi, Fault};
use crate::k8s::{Node, RateLimit};

const KEY: &str = "kube-system/cloud-controller-manager";
const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/cloud-controller-manager";
/// For what happens at once.
const SOON: Duration = Duration::from_secs(5);

fn settings(identity: &str) -> Settings {
    Settings {
        namespace: "kube-system".into(),
        name: "cloud-controller-manager".into(),
        identity: identity.into(),
        lease_duration: Duration::from_secs(2),
        renew_deadline: Duration::from_millis(1500),
        retry_period: Duration::from_millis(100),
    }
}

fn candidate(api: &FakeApi, identity: &str) -> Elector {
    Elector::new(api.client(), settings(identity)).unwrap()
}

fn held_by(holder: &str, renewed: &str, seconds: i32) -> Value {
    json!({"holderIdentity": holder, "leaseDurationSeconds": seconds, "leaseTransitions": 7,
        "acquireTime": "2020-01-01T00:00:00.000000Z", "renewTime": renewed})
}

fn spec(api: &FakeApi) -> Value {
    api.lease(KEY).unwrap()["spec"].clone()
}

#[tokio::test]
async fn a_lease_that_nobody_has_is_ours_at_once() {
    let api = FakeApi::start().await;
    let mut ours = candidate(&api, "a");
    let standing = ours.standing();
    assert!(matches!(*standing.borrow(), Standing::Standby(None)));
    let leadership = timeout(SOON, ours.acquire()).await.unwrap();
    assert!(leadership.is_valid() && leadership.remaining() <= Duration::from_millis(1500));
    assert!(matches!(*standing.borrow(), Standing::Leading(_)));
    assert_eq!(spec(&api)["holderIdentity"], "a");
    assert_eq!(
        (&spec(&api)["leaseTransitions"], &spec(&api)["leaseDurationSeconds"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(api.count(PATH), 1, "one look, and it is created");

    ours.release().await;
    assert!(!leadership.is_valid());
    assert_eq!((&spec(&api)["holderIdentity"], &spec(&api)["leaseDurationSeconds"]), (&json!(""), &json!(1)));

    let mut next = candidate(&api, "b");
    timeout(SOON, next.acquire()).await.unwrap();
    assert_eq!((&spec(&api)["holderIdentity"], &spec(&api)["leaseTransitions"]), (&json!("b"), &json!(1)));
}

#[tokio::test]
async fn both_ends_of_a_leadership_are_told_in_events() {
    let api = FakeApi::start().await;
    let mut ours = candidate(&api, "a");
    ours.acquire().await;
    ours.release().await;
    let told = async {
        while api.events().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, told).await.unwrap();
    let mut messages: Vec<String> = Vec::new();
    for event in api.events().into_values() {
        assert_eq!(event["reason"], "LeaderElection");
        assert_eq!(event["source"]["component"], "cloud-controller-manager");
        assert_eq!((&event["involvedObject"]["kind"], &event["type"]), (&json!("Lease"), &json!("Normal")));
        messages.push(event["message"].as_str().unwrap().to_owned());
    }
    messages.sort();
    assert_eq!(messages, ["a became leader", "a stopped leading"]);
}

#[tokio::test]
async fn a_lease_that_is_renewed_stays_ours_and_costs_one_request_each_time() {
    let api = FakeApi::start().await;
    let mut ours = candidate(&api, "a");
    let leadership = ours.acquire().await;
    let before = api.count(PATH);
    assert!(timeout(Duration::from_secs(2), ours.keep()).await.is_err(), "it was lost");
    assert!(leadership.is_valid());
    let renewals = api.count(&format!("PUT {PATH}"));
    assert!(renewals >= 4, "{renewals}");
    assert_eq!(api.count(PATH), before + renewals);
}

#[tokio::test]
async fn clocks_that_are_wrong_neither_hasten_nor_hinder_a_takeover() {
    for renewed in ["1999-01-01T00:00:00.000000Z", "2199-01-01T00:00:00.000000Z"] {
        let api = FakeApi::start().await;
        api.set_lease(KEY, Some(held_by("b", renewed, 1)));
        let mut ours = candidate(&api, "a");
        let started = Instant::now();
        timeout(SOON, ours.acquire()).await.unwrap();
        let waited = started.elapsed();
        assert!(waited >= Duration::from_secs(1), "{renewed}: {waited:?}");
        assert_eq!(spec(&api)["leaseTransitions"], 8);
    }
}

#[tokio::test]
async fn a_holder_that_renews_keeps_others_waiting() {
    let api = FakeApi::start().await;
    api.set_lease(KEY, Some(held_by("b", "2020-01-01T00:00:00.000000Z", 1)));
    let mut ours = candidate(&api, "a");
    let standing = ours.standing();
    let renewing = async {
        for second in 1..8 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let renewed = format!("2020-01-01T00:00:0{second}.000000Z");
            api.set_lease(KEY, Some(held_by("b", &renewed, 1)));
        }
    };
    tokio::select! {
        _ = ours.acquire() => panic!("the lease is somebody else's"),
        () = renewing => {}
    }
    assert!(matches!(&*standing.borrow(), Standing::Standby(Some(leader)) if leader == "b"));
    // Released: no need to wait for the lease to run out.
    api.set_lease(KEY, Some(held_by("", "2020-01-01T00:00:09.000000Z", 60)));
    timeout(SOON, ours.acquire()).await.unwrap();
}

#[tokio::test]
async fn of_two_that_want_it_one_gets_it() {
    let api = FakeApi::start().await;
    let (mut one, mut other) = (candidate(&api, "a"), candidate(&api, "b"));
    let winner = tokio::select! {
        _ = one.acquire() => "a",
        _ = other.acquire() => "b",
    };
    assert_eq!(spec(&api)["holderIdentity"], winner);
    let loser = if winner == "a" { &mut other } else { &mut one };
    assert!(timeout(Duration::from_millis(500), loser.acquire()).await.is_err());
    assert_eq!(spec(&api)["holderIdentity"], winner);
}

#[tokio::test]
async fn another_name_in_the_lease_ends_it_at_once() {
    for other in
        [held_by("b", "2020-01-01T00:00:00.000000Z", 15), held_by("", "2020-01-01T00:00:00.000000Z", 1)]
    {
        let api = FakeApi::start().await;
        let mut ours = candidate(&api, "a");
        let leadership = ours.acquire().await;
        api.set_lease(KEY, Some(other.clone()));
        timeout(Duration::from_secs(1), ours.keep()).await.expect("it is noticed at the next renewal");
        assert!(!leadership.is_valid());
        assert_eq!(spec(&api), other, "it is left to its holder");
    }
}

#[tokio::test]
async fn a_lease_that_was_deleted_is_made_anew() {
    let api = FakeApi::start().await;
    let mut ours = candidate(&api, "a");
    let leadership = ours.acquire().await;
    api.set_lease(KEY, None);
    assert!(timeout(Duration::from_secs(2), ours.keep()).await.is_err());
    assert!(leadership.is_valid());
    assert_eq!(spec(&api)["holderIdentity"], "a");
}

#[tokio::test]
async fn an_api_server_that_hangs_ends_it_at_the_deadline_and_it_can_be_won_again() {
    let api = FakeApi::start().await;
    let mut ours = candidate(&api, "a");
    let leadership = ours.acquire().await;
    api.set_away(true);
    timeout(SOON, ours.keep()).await.expect("no request outlives the deadline");
    assert!(!leadership.is_valid());
    api.set_away(false);
    let again = timeout(SOON, ours.acquire()).await.unwrap();
    assert!(again.is_valid() && !leadership.is_valid(), "one that is over stays over");
    assert_eq!(spec(&api)["leaseTransitions"], 0, "nobody else had it meanwhile");
}

#[tokio::test]
async fn one_request_that_hangs_is_no_reason_to_lose_it() {
    let api = FakeApi::start().await;
    let mut ours = candidate(&api, "a");
    let leadership = ours.acquire().await;
    api.fault(&format!("PUT {PATH}"), Fault::Hang);
    assert!(timeout(Duration::from_secs(2), ours.keep()).await.is_err());
    assert!(leadership.is_valid());
}

#[tokio::test]
async fn who_was_frozen_does_not_go_on() {
    let api = FakeApi::start().await;
    let (mut ours, slept) = sleeper(&api);
    let leadership = ours.acquire().await;
    let before = api.count(PATH);
    // The clock of timers stood still.
    slept.store(3600, Ordering::SeqCst);
    assert!(!leadership.is_valid());
    timeout(SOON, ours.keep()).await.unwrap();
    assert_eq!(api.count(PATH), before, "not even a renewal");
}

#[tokio::test]
async fn a_standby_that_stops_leaves_the_lease_alone() {
    let api = FakeApi::start().await;
    let foreign = held_by("b", "2020-01-01T00:00:00.000000Z", 15);
    api.set_lease(KEY, Some(foreign.clone()));
    let mut ours = candidate(&api, "a");
    assert!(timeout(Duration::from_millis(300), ours.acquire()).await.is_err());
    let before = api.count(PATH);
    ours.release().await;
    assert_eq!((spec(&api), api.count(PATH)), (foreign, before));
    assert!(api.events().is_empty());
}

/// A candidate, and by how many seconds its machine has slept.
fn sleeper(api: &FakeApi) -> (Elector, Arc<AtomicU64>) {
    let slept = Arc::new(AtomicU64::new(0));
    let (boot, seconds) = (Clock::boot(), Arc::clone(&slept));
    let clock = Clock::of(move || boot.now() + Duration::from_secs(seconds.load(Ordering::SeqCst)));
    (Elector::with_clock(api.client(), settings("a"), clock).unwrap(), slept)
}

/// A client that writes only while this leadership lasts.
fn guarded(api: &FakeApi, leadership: &Leadership) -> Api<Node> {
    let builder = ClientBuilder::try_from(api.config()).unwrap();
    Api::all(builder.with_layer(&WriteGuard::new(leadership.clone())).build())
}

fn refused<T>(outcome: Result<T, kube::Error>) -> bool {
    match outcome {
        Err(kube::Error::Service(error)) => error.is::<LeaseOver>(),
        _ => false,
    }
}

#[tokio::test]
async fn without_the_lease_nothing_is_written_and_everything_read() {
    let api = FakeApi::start().await;
    api.put_node(json!({"metadata": {"name": "n", "uid": "u"}, "spec": {}, "status": {}}));
    let mut ours = candidate(&api, "a");
    let nodes = guarded(&api, &ours.acquire().await);
    let patch = Patch::<()>::Json(serde_json::from_value(json!([])).unwrap());
    let parameters = PatchParams::default();
    let write = || nodes.patch("n", &parameters, &patch);
    write().await.unwrap();
    let nodes_written = || api.writes().iter().filter(|write| write.contains("/nodes/")).count();
    assert_eq!(nodes_written(), 1);

    ours.release().await;
    assert!(refused(write().await));
    assert!(refused(nodes.delete("n", &kube::api::DeleteParams::default()).await));
    assert_eq!(nodes_written(), 1);
    assert_eq!(nodes.get("n").await.unwrap().name(), "n");

    // A new lease is a new right, not the old one.
    let again = ours.acquire().await;
    assert!(refused(write().await));
    guarded(&api, &again).patch("n", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn a_write_that_is_under_way_ends_with_the_lease() {
    let api = FakeApi::start().await;
    api.put_node(json!({"metadata": {"name": "n", "uid": "u"}, "spec": {}, "status": {}}));
    let mut ours = candidate(&api, "a");
    let nodes = guarded(&api, &ours.acquire().await);
    api.fault("PATCH /api/v1/nodes/n", Fault::Hang);
    let patch = Patch::<()>::Json(serde_json::from_value(json!([])).unwrap());
    let parameters = PatchParams::default();
    let write = nodes.patch("n", &parameters, &patch);
    // Nobody renews it.
    assert!(refused(timeout(SOON, write).await.expect("it is abandoned")));
}

#[tokio::test]
async fn a_write_that_waits_its_turn_is_not_made_after_a_sleep() {
    let api = FakeApi::start().await;
    api.put_node(json!({"metadata": {"name": "n", "uid": "u"}, "spec": {}, "status": {}}));
    let (mut ours, slept) = sleeper(&api);
    let leadership = ours.acquire().await;
    let builder = ClientBuilder::try_from(api.config()).unwrap();
    let limit = RateLimit::new(5.0, 1).unwrap();
    let client = builder.with_layer(&WriteGuard::new(leadership)).with_layer(&limit).build();
    let nodes: Api<Node> = Api::all(client);
    let patch = Patch::<()>::Json(serde_json::from_value(json!([])).unwrap());
    let parameters = PatchParams::default();
    let write = || nodes.patch("n", &parameters, &patch);
    write().await.unwrap();
    let asleep = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        slept.store(3600, Ordering::SeqCst);
    };
    let (outcome, ()) = tokio::join!(write(), asleep);
    assert!(refused(outcome));
    assert_eq!(api.count("PATCH /api/v1/nodes/n"), 1);
}
