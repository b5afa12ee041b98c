//! Nodes that hold volumes.

use super::*;
use crate::controllers::lifecycle::OutOfService;
use crate::controllers::lifecycle::out_of_service::ANNOTATION;
use crate::k8s::TAINT_OUT_OF_SERVICE;

fn marked(cluster: &Cluster) -> bool {
    let node = cluster.api.node("node-1");
    let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let tainted = taints.iter().any(|taint| taint["key"] == TAINT_OUT_OF_SERVICE);
    assert_eq!(tainted, node["metadata"]["annotations"][ANNOTATION].is_string(), "both or none");
    tainted
}

/// The taint after a moment.
fn at_once() -> Options {
    let out_of_service = OutOfService { grace: Duration::from_millis(50), ..OutOfService::default() };
    Options { out_of_service, ..hurried() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_with_volumes_is_out_of_service_until_it_is_back() {
    let cluster =
        Cluster::start([(node("node-1", "Unknown"), Some(exists(Power::Off(Duration::ZERO))))], at_once())
            .await;
    settle().await;
    assert!(!marked(&cluster), "it holds nothing");
    cluster.api.attach("csi-1", "node-1");
    eventually("out of service", || marked(&cluster)).await;
    settle().await;
    let listed = cluster.api.count("volumeattachments");
    settle().await;
    assert_eq!(cluster.api.count("volumeattachments"), listed, "what is done needs no more looks");
    cluster.change("node-1", |node| ready(node, "True"));
    eventually("back in service", || !marked(&cluster)).await;
    eventually("untainted", || cluster.api.node("node-1")["spec"]["taints"] == json!([])).await;
    eventually("told", || cluster.reasons() == ["BackInService", "OutOfService"]).await;
    assert_eq!((cluster.count(Count::OutOfService), cluster.count(Count::BackInService)), (1, 1));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_healthy_cluster_nobody_looks_for_volumes() {
    let nodes = [(node("node-1", "True"), None), (node("node-2", "Unknown"), Some(exists(Power::On)))];
    let cluster = Cluster::start(nodes, at_once()).await;
    eventually("asked", || cluster.machines.asked() > 5).await;
    assert_eq!(cluster.api.count("volumeattachments"), 0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_speaks_up_before_the_taint_arrives_has_none() {
    let cluster =
        Cluster::start([(tainted(node("node-1", "Unknown")), Some(exists(Power::On)))], at_once()).await;
    cluster.api.attach("csi-1", "node-1");
    cluster
        .api
        .fault(&format!("PATCH {NODE}"), Fault::Before("node-1".to_owned(), |node| ready(node, "True")));
    cluster.machines.set("node-1", exists(Power::Off(Duration::from_secs(9))));
    eventually("tried", || cluster.api.count(&format!("PATCH {NODE}")) >= 1).await;
    settle().await;
    assert!(!marked(&cluster));
    assert_eq!(cluster.count(Count::OutOfService), 0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_machine_that_is_off_at_this_moment_is_out_of_service() {
    let off = || exists(Power::Off(Duration::from_secs(9)));
    let cluster = Cluster::start([(node("node-1", "Unknown"), Some(exists(Power::On)))], at_once()).await;
    cluster.api.attach("csi-1", "node-1");
    let now = |answer| cluster.machines.now.lock().unwrap().insert("node-1".to_owned(), answer);
    now(exists(Power::On));
    cluster.machines.set("node-1", off());
    for answer in [
        exists(Power::On),
        exists(Power::Suspended),
        exists(Power::Unknown),
        gone(),
        Existence::Unknown("away".to_owned()),
    ] {
        now(answer.clone());
        settle().await;
        assert!(!marked(&cluster), "{answer:?}");
    }
    now(off());
    eventually("out of service", || marked(&cluster)).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_deleted_when_its_volumes_are_released_or_the_wait_is_over() {
    let release_timeout = Duration::from_secs(3);
    let options =
        Options { out_of_service: OutOfService { release_timeout, ..OutOfService::default() }, ..hurried() };
    for released in [true, false] {
        let cluster =
            Cluster::start([(node("node-1", "Unknown"), Some(exists(Power::On)))], options.clone()).await;
        cluster.api.attach("csi-1", "node-1");
        let started = std::time::Instant::now();
        cluster.machines.set("node-1", gone());
        eventually("out of service", || marked(&cluster)).await;
        settle().await;
        assert!(cluster.api.has_node("node-1"));
        if released {
            cluster.api.detach("csi-1");
        }
        eventually("deleted", || !cluster.api.has_node("node-1")).await;
        assert_eq!(started.elapsed() < release_timeout, released, "{:?}", started.elapsed());
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_see_volumes_nothing_is_tainted_and_deletions_go_on() {
    let list = "GET /apis/storage.k8s.io/v1/volumeattachments";
    for (answer, deleted) in [(exists(Power::Off(Duration::from_secs(9))), false), (gone(), true)] {
        let cluster =
            Cluster::start([(tainted(node("node-1", "Unknown")), Some(exists(Power::On)))], at_once()).await;
        cluster.api.attach("csi-1", "node-1");
        cluster.api.fault(list, Fault::Status(403));
        cluster.machines.set("node-1", answer);
        eventually("asked", || cluster.api.count(list) == 1).await;
        settle().await;
        assert_eq!(cluster.api.has_node("node-1"), !deleted);
        assert_eq!((cluster.api.count(list), cluster.count(Count::OutOfService)), (1, 0));
        cluster.stop().await;
    }
}
