//! A watch that cannot go on where it was, because what happened since is forgotten.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use xtask::testbed::{Vcsim, VcsimOptions, eventually};

use crate::support::{Cluster, Config, LATER, Proxy, SOON, names, specs};

/// Watches on Nodes are etcd's own, and etcd forgets what is older than a second or two.
const FORGETFUL: [&str; 2] = ["--watch-cache-sizes=nodes#0", "--etcd-compaction-interval=1s"];
/// By then it has forgotten.
const FORGOTTEN: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_watch_that_has_expired_begins_anew_and_nothing_is_lost() {
    let cluster = Cluster::with_flags(&FORGETFUL).await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("expired-", 8).await.unwrap();
    let nodes = specs(&vms);
    let proxy = Proxy::to(cluster.port());
    let kubeconfig = cluster.kubeconfig_via(proxy.port());
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.kubeconfig = kubeconfig);
    cluster.register(&nodes[..6]).await;
    cluster.initialised(&names(&vms)[..6], SOON).await;
    let before = lists(&cluster);

    proxy.take_down();
    let away = Instant::now();
    // One goes, one is another one of the same name afterwards, two are new.
    for vm in &vms[..2] {
        cluster.nodes().delete(&vm.name, &DeleteParams::default()).await.unwrap();
    }
    cluster.register(&nodes[1..2]).await;
    cluster.register(&nodes[6..]).await;
    while away.elapsed() < FORGOTTEN {
        cluster.annotate("expired-2", "test/time", Some(&away.elapsed().as_millis().to_string())).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proxy.bring_up();
    let back = Instant::now();
    cluster.initialised(&names(&vms)[1..], LATER).await;
    println!("watch expired: all is done {:.2} s after the return", back.elapsed().as_secs_f64());
    let logs = manager.logs();
    assert!(logs.contains("too old") || logs.contains("Expired"), "it did not expire: {logs}");
    assert!(lists(&cluster) > before, "it was not listed anew");

    // The one that went while nobody watched is nobody's any longer: its machine is given up.
    let left: Vec<String> = nodes_of(&cluster).await.iter().map(ResourceExt::name_any).collect();
    assert_eq!(left.len(), 7, "{left:?}");
    eventually("the machine is given up", SOON, async || {
        let made = vcsim.requests().await?.soap("ModifyListView");
        anyhow::ensure!(made >= 2, "{made} changes of the views");
        Ok(())
    })
    .await
    .unwrap();
    manager.check().unwrap();
}

async fn nodes_of(cluster: &Cluster) -> Vec<Node> {
    cluster.nodes().list(&ListParams::default()).await.unwrap().items
}

/// How often the manager has listed Nodes.
fn lists(cluster: &Cluster) -> usize {
    let requests = cluster.requests_of("cloud-controller-manager");
    requests.iter().filter(|request| request.verb == "list" && request.resource == "nodes").count()
}
