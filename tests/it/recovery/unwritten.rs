//! What could not be written is written when the API server is back, not when a pause is over.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use xtask::testbed::{Nic, Vcsim, VcsimOptions, VmSpec};

use crate::support::{Cluster, Config, LATER, Proxy, SOON, addresses, names, specs};

/// A pause that tries have come to, and what it must not last. As the log has it.
const LONG: (&str, Duration) = ("pause=10.24s", Duration::from_secs(8));

#[tokio::test]
async fn a_node_that_could_not_be_written_sleeps_out_no_pause() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("unwritten-", 1).await.unwrap();
    let proxy = Proxy::to(cluster.port());
    let kubeconfig = cluster.kubeconfig_via(proxy.port());
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.kubeconfig = kubeconfig);
    cluster.register(&specs(&vms)).await;
    cluster.initialised(&names(&vms), SOON).await;

    proxy.take_down();
    let nic = Nic { addresses: vec!["10.88.0.1".to_owned()], ..Nic::default() };
    let moved = VmSpec { nics: Some(vec![nic]), ..VmSpec::default() };
    vcsim.patch_vm("unwritten-0", &moved).await.unwrap();
    manager.wait_for_log(LONG.0, LATER).await.unwrap();
    // It has tried about once a second; the reason may have changed once or twice.
    let told = manager.logs().matches("the watch on Nodes was interrupted").count();
    assert!((1..=3).contains(&told), "told {told} times: {}", manager.logs());
    proxy.bring_up();
    let back = Instant::now();
    let arrived = |node: &Node| addresses(node).contains(&"InternalIP 10.88.0.1".to_owned());
    cluster.node_within(LATER, "the new address is there", "unwritten-0", arrived).await;
    println!("not written for 10 s: done {:.2} s after the return", back.elapsed().as_secs_f64());
    assert!(back.elapsed() < LONG.1, "{:?}", back.elapsed());
}
