//! From upstream's manager to ours and back, with upstream's real one: the lease goes from hand to hand,
//! and nothing that anybody looks at changes.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use xtask::testbed::{Manager, ManagerOptions, Vcsim, VcsimOptions, build_peer, eventually};

use super::objects::Objects;
use crate::support::{Cluster, Config, LATER, QUIET, Request, SOON, addresses, names, product, specs, tell};

/// How many nodes change hands: `TAKEOVER_NODES=1000 cargo test --test it deployment::takeover`.
const NODES: &str = "TAKEOVER_NODES";
const FEW: usize = 30;
/// For upstream's manager to initialise one node; it is slow with many.
const EACH: Duration = Duration::from_millis(100);

const OURS: &str = "vsphere-cloud-controller";
const THEIRS: &str = "cloud-controller-manager";
/// What we write down about an adopted node.
const MACHINE: &str = "vsphere-cloud.io/machine";

/// Shorter than usual: upstream does not give the lease back, it has to run out.
const LEASE: [&str; 3] = [
    "--leader-elect-lease-duration=4s",
    "--leader-elect-renew-deadline=3s",
    "--leader-elect-retry-period=500ms",
];

fn start(options: ManagerOptions, more: &[&str]) -> Manager {
    let mut options = options;
    options.args.extend(LEASE.iter().chain(more).map(ToString::to_string));
    Manager::start(&options).unwrap()
}

/// Upstream's, with its limits raised, and with its eye on the addresses all the time.
fn start_theirs(binary: &std::path::Path, config: &Config, cluster: &Cluster) -> Manager {
    let mut options = ManagerOptions::new(binary, config.ini(), cluster.kubeconfig());
    options.subcommand.clear();
    let fast = ["--kube-api-qps=2000", "--kube-api-burst=4000", "--concurrent-node-syncs=16"];
    let more = [&fast[..], &["--node-status-update-frequency=1s", "--secure-port=0"]].concat();
    start(options, &more)
}

async fn start_ours(config: &Config, cluster: &Cluster) -> Manager {
    let token = cluster.token_of(OURS).await;
    let kubeconfig = cluster.kube().kubeconfig_with_token("ours", &token).unwrap();
    start(ManagerOptions::new(product(), config.yaml(), kubeconfig), &["--secure-port=0"])
}

fn node_writes(cluster: &Cluster, account: &str) -> Vec<Request> {
    let mut requests = cluster.requests_of(account);
    requests.retain(|request| {
        request.resource.starts_with("nodes") && !["get", "list", "watch"].contains(&request.verb.as_str())
    });
    requests
}

/// Waits until the lease is somebody's, and says whose.
async fn leader(cluster: &Cluster, not: Option<&str>, deadline: Duration) -> String {
    eventually("somebody else leads", deadline, async || {
        let holder = cluster.lease().await.and_then(|lease| lease.holder_identity).unwrap_or_default();
        anyhow::ensure!(!holder.is_empty() && Some(holder.as_str()) != not, "{holder:?}");
        Ok(holder)
    })
    .await
    .unwrap()
}

async fn sessions(vcsim: &Vcsim) -> usize {
    vcsim.sessions().await.unwrap().len()
}

#[tokio::test]
async fn nodes_go_from_upstream_to_us_and_back_and_nothing_changes_but_an_annotation() {
    let binary = tokio::task::spawn_blocking(|| build_peer(&tell).unwrap()).await.unwrap();
    let count = std::env::var(NODES).map_or(FEW, |count| count.parse().expect(NODES));
    let patience = LATER + EACH * u32::try_from(count).unwrap();
    let cluster = Cluster::of_its_own().await;
    Objects::rendered("base").apply(&cluster).await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let vms = vcsim.create_vms("handed-", count).await.unwrap();

    // Upstream's manager initialises the nodes. It writes the addresses after it has removed the taint.
    let theirs = start_theirs(&binary, &config, &cluster);
    cluster.register(&specs(&vms)).await;
    cluster.initialised(&names(&vms), patience).await;
    eventually("the addresses are there", patience, async || {
        let nodes = cluster.nodes().list(&kube::api::ListParams::default()).await?;
        anyhow::ensure!(nodes.iter().all(|node| !addresses(node).is_empty()));
        Ok(())
    })
    .await
    .unwrap();
    let first = leader(&cluster, None, SOON).await;
    let before = cluster.nodes_but_annotations().await;

    // Beside it we stand by: without a login, without a write.
    let ours = start_ours(&config, &cluster).await;
    ours.wait_for_log("waiting for the lease", SOON).await.unwrap();
    tokio::time::sleep(QUIET).await;
    assert_eq!(leader(&cluster, None, SOON).await, first);
    assert_eq!(sessions(&vcsim).await, 1, "upstream's");
    assert_eq!(node_writes(&cluster, OURS), []);

    // When it is gone the nodes are ours.
    theirs.stop(SOON).await.unwrap();
    let second = leader(&cluster, Some(&first), LATER).await;
    let adopted = |node: &Node| node.metadata.annotations.iter().flatten().any(|(key, _)| key == MACHINE);
    eventually("all nodes are adopted", patience, async || {
        let nodes = cluster.nodes().list(&kube::api::ListParams::default()).await?;
        let left = nodes.iter().filter(|node| !adopted(node)).count();
        anyhow::ensure!(left == 0, "{left} are not");
        Ok(())
    })
    .await
    .unwrap();
    tokio::time::sleep(QUIET).await;
    let writes = node_writes(&cluster, OURS);
    let mut times = BTreeMap::<&str, usize>::new();
    for write in &writes {
        assert_eq!((write.verb.as_str(), write.resource.as_str()), ("patch", "nodes"), "{write:?}");
        let operations = write.body.as_array().unwrap();
        let changed = operations.iter().filter(|operation| operation["op"] != "test");
        for path in changed.map(|operation| operation["path"].as_str().unwrap()) {
            assert!(path.starts_with("/metadata/annotations"), "{write:?}");
        }
        *times.entry(&write.name).or_default() += 1;
    }
    assert_eq!(times.len(), count);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert!(cluster.nodes_but_annotations().await == before, "something has changed");

    // And back. While we lead, upstream's manager stands by.
    let untouched = node_writes(&cluster, THEIRS).len();
    let theirs = start_theirs(&binary, &config, &cluster);
    tokio::time::sleep(QUIET).await;
    assert_eq!(leader(&cluster, None, SOON).await, second);
    ours.stop(SOON).await.unwrap();
    let third = leader(&cluster, Some(&second), SOON).await;
    assert_ne!(third, first, "another process");
    // It is at work, and has looked at the addresses a few times.
    eventually("upstream's manager has logged in", SOON, async || match sessions(&vcsim).await {
        1 => Ok(()),
        other => anyhow::bail!("{other} sessions"),
    })
    .await
    .unwrap();
    tokio::time::sleep(QUIET * 2).await;
    let again = node_writes(&cluster, THEIRS).split_off(untouched);
    assert_eq!(again, [], "upstream's manager found something to correct");
    assert!(cluster.nodes_but_annotations().await == before, "something has changed");
    drop(theirs);
}
