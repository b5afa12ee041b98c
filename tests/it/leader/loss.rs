//! A leader that cannot renew its lease.

use xtask::testbed::{Vcsim, VcsimOptions};

use super::common::{LEADS, LOST, QUICK, candidate_with, holder, logged, sessions};
use crate::support::{Cluster, Config, LATER, Proxy, SOON, specs};

#[tokio::test]
async fn without_the_api_server_it_stands_by_and_leads_again_in_the_same_process() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("lost-", 3).await.unwrap();
    let nodes = specs(&vms);
    cluster.register(&nodes[..1]).await;
    let proxy = Proxy::to(cluster.port());
    let manager = candidate_with(&cluster, &Config::of(&[&vcsim]), QUICK, |options| {
        options.kubeconfig = cluster.kubeconfig_via(proxy.port());
    });
    cluster.initialised(&["lost-0"], SOON).await;
    let identity = holder(&cluster).await;

    for (round, node) in nodes[1..].iter().enumerate() {
        proxy.take_down();
        logged(&manager, LOST, round + 1, SOON).await;
        sessions(&vcsim, 0, SOON).await;
        cluster.register(std::slice::from_ref(node)).await;
        proxy.bring_up();
        logged(&manager, LEADS, round + 2, LATER).await;
        cluster.initialised(&[node.name.as_str()], SOON).await;
        sessions(&vcsim, 1, SOON).await;
    }
    assert_eq!(holder(&cluster).await, identity, "the same process");
    assert_eq!(manager.stop(SOON).await.unwrap().code(), Some(0), "{}", manager.logs());
    sessions(&vcsim, 0, SOON).await;
}

#[tokio::test]
async fn a_short_absence_of_the_api_server_costs_nothing() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("brief-", 2).await.unwrap();
    let nodes = specs(&vms);
    cluster.register(&nodes[..1]).await;
    let proxy = Proxy::to(cluster.port());
    let times = [
        "--leader-elect-lease-duration=20s",
        "--leader-elect-renew-deadline=15s",
        "--leader-elect-retry-period=200ms",
    ];
    let manager = candidate_with(&cluster, &Config::of(&[&vcsim]), times, |options| {
        options.kubeconfig = cluster.kubeconfig_via(proxy.port());
    });
    cluster.initialised(&["brief-0"], SOON).await;
    proxy.take_down();
    logged(&manager, "the lease could not be renewed", 2, SOON).await;
    proxy.bring_up();
    cluster.register(&nodes[1..]).await;
    cluster.initialised(&["brief-1"], LATER).await;
    assert!(!manager.logs().contains(LOST), "{}", manager.logs());
    sessions(&vcsim, 1, SOON).await;
}
