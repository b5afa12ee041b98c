//! Ours and upstream's manager around the same Lease.

use xtask::testbed::{Manager, ManagerOptions, Vcsim, VcsimOptions, build_peer, eventually};

use super::common::{LEADS, QUICK, STANDS_BY, candidate, holder};
use crate::support::{Cluster, Config, LATER, SOON, specs, tell};

/// Starts upstream's manager; building it takes some minutes, once.
async fn upstream(cluster: &Cluster, config: &Config) -> Manager {
    let binary = tokio::task::spawn_blocking(|| build_peer(&tell)).await.unwrap().unwrap();
    let mut options = ManagerOptions::new(binary, config.ini(), cluster.kubeconfig());
    options.subcommand.clear();
    options.args = QUICK.map(str::to_owned).into();
    options.args.push("--secure-port=0".to_owned());
    Manager::start(&options).unwrap()
}

#[tokio::test]
async fn ours_and_upstreams_exclude_each_other() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("mixed-", 2).await.unwrap();
    let nodes = specs(&vms);
    let config = Config::of(&[&vcsim]);
    let theirs = upstream(&cluster, &config).await;
    eventually("upstream's manager leads", LATER, async || {
        theirs.check()?;
        anyhow::ensure!(!holder(&cluster).await.is_empty(), "nobody leads");
        Ok(())
    })
    .await
    .unwrap();
    let first = holder(&cluster).await;

    // While it renews, ours stands by; when it does no more, ours leads.
    let ours = candidate(&cluster, &config, QUICK);
    ours.wait_for_log(STANDS_BY, SOON).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(holder(&cluster).await, first);
    theirs.kill().unwrap();
    ours.wait_for_log(LEADS, LATER).await.unwrap();
    cluster.register(&nodes[..1]).await;
    cluster.initialised(&["mixed-0"], SOON).await;
    let second = holder(&cluster).await;

    // And the other way round: with the lease that ours gives back upstream's goes on.
    let theirs = upstream(&cluster, &config).await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(holder(&cluster).await, second);
    assert_eq!(ours.stop(SOON).await.unwrap().code(), Some(0), "{}", ours.logs());
    cluster.register(&nodes[1..]).await;
    cluster.initialised(&["mixed-1"], LATER).await;
    theirs.check().unwrap();
    assert!(![first, second, String::new()].contains(&holder(&cluster).await));
    assert_eq!(cluster.lease().await.unwrap().lease_transitions, Some(2));
}
