//! One manager, and one thing after the other that goes wrong around it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams};
use xtask::testbed::{Requests, eventually};

use super::common::World;
use super::faults::{Readiness, Trouble};
use super::load::Done;
use super::pulse::Beat;

/// What is promised is 5 s; this is for a machine that is busy with other tests as well.
const RECOVERED: Duration = Duration::from_secs(15);
/// What is promised is 10 %: a page here or there makes no flaky test.
const GROWTH_PERCENT: u64 = 15;

#[tokio::test]
async fn whatever_fails_and_comes_back_the_same_process_goes_on() {
    let world = World::start().await;
    let started = world.load.settled(&world.cluster, Instant::now()).await;
    println!("registered: {started:.1?}");
    // The first one is part of warming up: every path was taken once.
    episode(&world, &Trouble::SessionsEnd).await;
    let warm = world.resident();
    let pid = world.manager.pid();
    println!("warm: {} kB", warm / 1024);
    let mut outcomes = Vec::new();
    for trouble in Trouble::all() {
        outcomes.push(episode(&world, &trouble).await);
    }
    world.manager.check().unwrap();
    assert_eq!(world.manager.pid(), pid);
    world.pulse.was_always_alive();
    nothing_is_told_twice(&world).await;
    no_node_was_harmed(&world).await;
    let slowest = outcomes.iter().max_by_key(|outcome| outcome.recovered).unwrap();
    println!("slowest: {} s after {}", slowest.recovered.as_secs_f64(), slowest.name);
    let now = world.resident();
    println!("resident memory: {} kB, {} kB when warm", now / 1024, warm / 1024);
    assert!(now <= warm + warm * GROWTH_PERCENT / 100, "{now} bytes, {warm} when warm");
}

/// How it went.
struct Outcome {
    name: String,
    lasted: Duration,
    done: Done,
    recovered: Duration,
    unready: Option<Duration>,
    ready: Duration,
    /// By SOAP and by REST.
    logins: (u64, u64),
    failed_logins: u64,
    /// That are open afterwards.
    sessions: usize,
}

impl Outcome {
    fn check(&self) {
        let Self { name, recovered, ready, logins, failed_logins, sessions, .. } = self;
        assert!(*recovered < RECOVERED && *ready < RECOVERED, "{name}: {recovered:?}, ready {ready:?}");
        assert!(logins.0 <= 1 && logins.1 <= 1, "{name}: {logins:?} logins");
        assert_eq!(*failed_logins, 0, "{name}");
        assert!(*sessions <= 2, "{name}: {sessions} sessions, one of SOAP and one of REST are enough");
    }

    fn line(&self) -> String {
        let unready = self.unready.map_or("ready".to_owned(), |after| format!("unready after {after:.1?}"));
        format!(
            "{:22} lasted {:>4.1} s: {:>3} nodes registered, {:>3} machines changed; {unready:20}; done {:>5.2} s \
             after, ready {:>4.2} s after; logins: {} SOAP, {} REST",
            self.name,
            self.lasted.as_secs_f64(),
            self.done.registered,
            self.done.changed,
            self.recovered.as_secs_f64(),
            self.ready.as_secs_f64(),
            self.logins.0,
            self.logins.1,
        )
    }
}

async fn episode(world: &World, trouble: &Trouble) -> Outcome {
    let before = world.vcsim.requests().await.unwrap();
    let begun = Instant::now();
    let stop = AtomicBool::new(false);
    let strike = async {
        let lasted = trouble.strike(world).await;
        stop.store(true, Ordering::Relaxed);
        (lasted, Instant::now())
    };
    let ((lasted, end), done) = tokio::join!(strike, world.load.press(&world.cluster, &world.vcsim, &stop));
    let recovered = world.load.settled(&world.cluster, end).await;
    let ready = ready_again(world, end).await;
    let sessions = world.vcsim.sessions().await.unwrap().len();
    let beats = world.pulse.since(begun);
    let during: Vec<Beat> = beats.iter().filter(|beat| beat.until < lasted).cloned().collect();
    let unready = during.iter().find(|beat| !is_ready(beat)).map(|beat| beat.at - begun);
    let made = world.vcsim.requests().await.unwrap().since(&before);
    let outcome = Outcome {
        name: trouble.name(),
        lasted: end - begun,
        done,
        recovered,
        unready,
        ready,
        logins: logins(&made),
        failed_logins: made.failed_logins,
        sessions,
    };
    println!("{}", outcome.line());
    outcome.check();
    told_the_truth(trouble, &during);
    outcome
}

/// Readiness says what is the matter, and nothing when nothing is.
fn told_the_truth(trouble: &Trouble, during: &[Beat]) {
    let wrong = match trouble.readiness() {
        Readiness::Kept => during.iter().find(|beat| !is_ready(beat)),
        Readiness::Shaken => None,
        Readiness::Lost(why) => {
            let says = |beat: &&Beat| matches!(&beat.ready, Ok((500, told)) if told.contains(why));
            during.last().filter(|beat| !says(beat))
        }
    };
    assert!(wrong.is_none(), "{trouble:?}: {wrong:?}");
}

fn is_ready(beat: &Beat) -> bool {
    matches!(beat.ready, Ok((200, _)))
}

fn logins(made: &Requests) -> (u64, u64) {
    (made.soap("Login"), made.rest("POST /api/session"))
}

/// How long after `end` the manager says that it is ready, and for good.
async fn ready_again(world: &World, end: Instant) -> Duration {
    eventually("it is ready again", RECOVERED, async || {
        let beats = world.pulse.since(end);
        let last = beats.iter().rposition(|beat| !is_ready(beat)).map_or(0, |last| last + 1);
        beats.get(last).map(|beat| beat.at - end).ok_or_else(|| format!("{:?}", beats.last()))
    })
    .await
    .unwrap()
}

/// The same about the same Node is one Event.
async fn nothing_is_told_twice(world: &World) {
    let events: Api<Event> = Api::all(world.cluster.client());
    let mut told: BTreeMap<[String; 4], usize> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for event in events.list(&ListParams::default()).await.unwrap() {
        let (about, reason) = (event.involved_object, event.reason.unwrap_or_default());
        *reasons.entry(reason.clone()).or_default() += 1;
        let what = [about.name, about.uid, Some(reason), event.message].map(Option::unwrap_or_default);
        *told.entry(what).or_default() += 1;
    }
    println!("Events: {reasons:?}");
    assert!(
        !reasons.contains_key("InstanceNotFound"),
        "nobody can know that a machine is not there: {reasons:?}"
    );
    let twice: Vec<_> = told.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{} are told more than once, such as {:?}", twice.len(), twice[0]);
}

/// The manager deleted no Node and tainted none.
async fn no_node_was_harmed(world: &World) {
    let deleted: Vec<_> = world
        .cluster
        .requests_of("cloud-controller-manager")
        .into_iter()
        .filter(|request| request.resource == "nodes" && request.verb.starts_with("delete"))
        .collect();
    assert!(deleted.is_empty(), "{deleted:?}");
    for node in world.cluster.nodes().list(&ListParams::default()).await.unwrap() {
        let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
        assert!(taints.is_empty(), "{:?}: {taints:?}", node.metadata.name);
    }
}
