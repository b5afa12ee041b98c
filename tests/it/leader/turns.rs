//! Of several managers one works, and another goes on when it ends.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ListParams, PostParams};
use serde_json::json;
use xtask::testbed::{Vcsim, VcsimOptions, eventually};

use super::common::{LEADS, LONG, QUICK, STANDS_BY, candidate, holder, sessions};
use crate::support::{Cluster, Config, LATER, QUIET, SOON, specs};

#[tokio::test]
async fn one_works_the_other_stands_by_and_takes_over_what_is_given_back() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("turn-", 2).await.unwrap();
    let nodes = specs(&vms);
    cluster.register(&nodes[..1]).await;
    let first = candidate(&cluster, &Config::of(&[&vcsim]), LONG);
    first.wait_for_log(LEADS, SOON).await.unwrap();
    let second = candidate(&cluster, &Config::of(&[&vcsim]), LONG);
    second.wait_for_log(STANDS_BY, SOON).await.unwrap();
    cluster.initialised(&["turn-0"], SOON).await;
    tokio::time::sleep(QUIET).await;
    sessions(&vcsim, 1, SOON).await;
    let leader = holder(&cluster).await;
    assert!(!second.logs().contains(LEADS), "{}", second.logs());

    // The lease would last for minutes: it is taken because it was given back.
    assert_eq!(first.stop(SOON).await.unwrap().code(), Some(0), "{}", first.logs());
    second.wait_for_log(LEADS, SOON).await.unwrap();
    assert_ne!(holder(&cluster).await, leader);
    assert_eq!(cluster.lease().await.unwrap().lease_transitions, Some(1));
    cluster.register(&nodes[1..]).await;
    cluster.initialised(&["turn-1"], SOON).await;
    sessions(&vcsim, 1, SOON).await;

    // A standby that stops takes nothing with it; the last one leaves the lease free.
    assert_eq!(second.stop(SOON).await.unwrap().code(), Some(0), "{}", second.logs());
    assert_eq!(holder(&cluster).await, "");
    sessions(&vcsim, 0, SOON).await;
    told(&cluster, &[(&leader, "became leader"), (&leader, "stopped leading")]).await;
}

/// Waits for these Events on the Lease.
async fn told(cluster: &Cluster, wanted: &[(&str, &str)]) {
    let events: Api<Event> = Api::namespaced(cluster.client(), "kube-system");
    eventually("the Events are there", SOON, async || {
        let of_lease = ListParams::default().fields("involvedObject.kind=Lease,reason=LeaderElection");
        let messages: Vec<String> =
            events.list(&of_lease).await?.into_iter().filter_map(|event| event.message).collect();
        let missing = wanted.iter().find(|(who, what)| !messages.contains(&format!("{who} {what}")));
        anyhow::ensure!(missing.is_none(), "{missing:?} in {messages:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_lease_of_one_that_was_killed_runs_out() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("killed-", 2).await.unwrap();
    let nodes = specs(&vms);
    let first = candidate(&cluster, &Config::of(&[&vcsim]), QUICK);
    first.wait_for_log(LEADS, SOON).await.unwrap();
    let second = candidate(&cluster, &Config::of(&[&vcsim]), QUICK);
    second.wait_for_log(STANDS_BY, SOON).await.unwrap();
    cluster.register(&nodes[..1]).await;
    cluster.initialised(&["killed-0"], SOON).await;
    first.kill().unwrap();
    cluster.register(&nodes[1..]).await;
    second.wait_for_log(LEADS, LATER).await.unwrap();
    cluster.initialised(&["killed-1"], SOON).await;
}

#[tokio::test]
async fn a_holder_whose_clock_is_wrong_is_believed_while_it_renews() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let leases = cluster.leases();
    let long_ago: Timestamp = "1999-01-01T00:00:00Z".parse().unwrap();
    let lease = json!({
        "metadata": {"name": "cloud-controller-manager"},
        "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 2, "leaseTransitions": 4,
            "acquireTime": MicroTime(long_ago), "renewTime": MicroTime(long_ago)},
    });
    let mut lease: Lease =
        leases.create(&PostParams::default(), &serde_json::from_value(lease).unwrap()).await.unwrap();
    let manager = candidate(&cluster, &Config::of(&[&vcsim]), QUICK);
    manager.wait_for_log(STANDS_BY, SOON).await.unwrap();
    // For two lease durations, by a clock that goes backwards.
    for beat in 1..=8 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let renewed = long_ago - SignedDuration::from_secs(beat);
        lease.spec.as_mut().unwrap().renew_time = Some(MicroTime(renewed));
        lease = leases.replace("cloud-controller-manager", &PostParams::default(), &lease).await.unwrap();
    }
    assert_eq!(holder(&cluster).await, "somebody");
    assert!(!manager.logs().contains(LEADS), "{}", manager.logs());
    manager.wait_for_log(LEADS, LATER).await.unwrap();
    assert_eq!(cluster.lease().await.unwrap().lease_transitions, Some(5));
}
