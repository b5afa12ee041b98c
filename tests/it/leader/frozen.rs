//! A leader that sleeps through the end of its lease.

use kube::api::ListParams;
use xtask::testbed::{Signal, Vcsim, VcsimOptions, eventually};

use super::common::{LEADS, LOST, QUICK, STANDS_BY, candidate, candidate_with, holder, logged, sessions};
use crate::support::{Cluster, Config, LATER, QUIET, SOON, is_tainted, names, specs};

#[tokio::test]
async fn one_that_was_frozen_in_the_middle_of_its_writes_makes_none_when_it_wakes() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("frozen-", 30).await.unwrap();
    let config = Config::of(&[&vcsim]);
    // Its writes queue up: some of them are due while it sleeps.
    let frozen = candidate_with(&cluster, &config, QUICK, |options| {
        options.args.extend(["--kube-api-qps=2".to_owned(), "--kube-api-burst=8".to_owned()]);
    });
    frozen.wait_for_log(LEADS, SOON).await.unwrap();
    let other = candidate(&cluster, &config, QUICK);
    other.wait_for_log(STANDS_BY, SOON).await.unwrap();
    cluster.register(&specs(&vms)).await;
    eventually("it writes", SOON, async || {
        // More than for the very first node: the others wait their turn by now.
        let writes = cluster.node_writes().len();
        anyhow::ensure!(writes > 4, "{writes} writes");
        Ok(())
    })
    .await
    .unwrap();
    frozen.signal(Signal::STOP).unwrap();
    let tainted =
        cluster.nodes().list(&ListParams::default()).await.unwrap().iter().filter(|n| is_tainted(n)).count();
    assert!(tainted > vms.len() / 2, "it was too fast: {tainted}");

    other.wait_for_log(LEADS, LATER).await.unwrap();
    cluster.initialised(&names(&vms), LATER).await;
    let (before, leader) = (cluster.node_writes(), holder(&cluster).await);
    frozen.signal(Signal::CONT).unwrap();
    frozen.wait_for_log(LOST, SOON).await.unwrap();
    tokio::time::sleep(QUIET).await;
    assert_eq!(cluster.node_writes(), before, "{}", frozen.logs());
    assert_eq!(holder(&cluster).await, leader);

    // It is a standby like any other: without a session, and ready.
    sessions(&vcsim, 1, SOON).await;
    assert_eq!(other.stop(SOON).await.unwrap().code(), Some(0));
    logged(&frozen, LEADS, 2, LATER).await;
}
