//! What it costs vCenter.

use std::time::{Duration, Instant};

use xtask::testbed::{Requests, Vcsim, Vm};

use super::common::{inventory, join, vcsim};

/// Requests that a start makes, polls and pages aside.
fn without_pages(requests: &Requests) -> u64 {
    requests.total_without_polls() - requests.soap("ContinueRetrievePropertiesEx")
}

/// Finds and joins these as the nodes of a cluster; what it took.
async fn start(vcsim: &Vcsim, nodes: &[Vm]) -> Requests {
    let before = vcsim.requests().await.unwrap();
    let started = Instant::now();
    let inventory = inventory(vcsim);
    join(&inventory, nodes).await;
    let took = started.elapsed();
    let made = vcsim.requests().await.unwrap().since(&before);
    assert_eq!(inventory.store().len(), nodes.len(), "nothing but the cluster's own is kept");
    println!(
        "start with {} nodes: {took:?}, {} requests without polls and pages, {} pages, {} kB",
        nodes.len(),
        without_pages(&made),
        made.soap("RetrievePropertiesEx") + made.soap("ContinueRetrievePropertiesEx"),
        made.bytes_out / 1000,
    );
    inventory.close().await;
    made
}

#[tokio::test]
async fn a_start_takes_at_most_twenty_requests() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 300).await.unwrap();
    for nodes in [1, 20, 300] {
        let made = start(&vcsim, &vms[..nodes]).await;
        assert!(without_pages(&made) <= 20, "{nodes} nodes: {:?}", made.by_method());
        assert_eq!(made.soap("Login"), 1);
    }
}

#[tokio::test]
async fn five_thousand_foreign_machines_cost_only_pages() {
    let vcsim = vcsim().await;
    let nodes = vcsim.create_vms("node-", 20).await.unwrap();
    let alone = start(&vcsim, &nodes).await;
    vcsim.create_vms("foreign-", 5000).await.unwrap();
    let crowded = start(&vcsim, &nodes).await;
    assert_eq!(without_pages(&crowded), without_pages(&alone), "{:?}", crowded.by_method());
    assert!(crowded.soap("ContinueRetrievePropertiesEx") <= 11, "{:?}", crowded.by_method());
}

#[tokio::test]
async fn when_nothing_happens_there_is_nothing_but_the_long_poll() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 50).await.unwrap();
    let inventory = inventory(&vcsim);
    join(&inventory, &vms).await;
    let before = vcsim.requests().await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let made = vcsim.requests().await.unwrap().since(&before);
    assert_eq!(made.total_without_polls(), 0, "{:?}", made.by_method());
    assert!((1..=3).contains(&made.total), "{:?}", made.by_method());
}

#[tokio::test]
async fn an_inventory_that_nobody_holds_is_at_rest() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 1).await.unwrap();
    let (busy, fresh) = (inventory(&vcsim), inventory(&vcsim));
    join(&busy, &vms).await;
    drop((busy, fresh));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = vcsim.requests().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(vcsim.requests().await.unwrap(), before);
}
