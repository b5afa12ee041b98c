//! Machines that share a BIOS uuid: what one says is not said of the other.

use xtask::testbed::{NodeSpec, Power, VmSpec};

use super::common::{LONG, MACHINE, has_shutdown_taint, hasty, vcenter};
use crate::support::{Cluster, Config, Proxy, QUIET, SOON, Vcenter, addresses};

const UUID: &str = "4237aaaa-5c1c-0b7d-6f2e-0123456789ab";

fn twin(name: &str) -> VmSpec {
    VmSpec { uuid: Some(UUID.into()), host_name: Some("x".into()), ..VmSpec::named(name) }
}

#[tokio::test]
async fn of_clones_only_the_nodes_own_machine_says_whether_it_runs() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    vcsim.create(&[twin("mine")]).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let manager = hasty(&cluster, &config);
    cluster.register(&[NodeSpec::new("node-1", UUID)]).await;
    cluster.initialised(&["node-1"], SOON).await;
    vcsim.create(&[twin("clone")]).await.unwrap();
    vcsim.power("clone", Power::PoweredOff).await.unwrap();
    cluster.set_ready("node-1", false).await;
    tokio::time::sleep(QUIET).await;
    assert!(!has_shutdown_taint(&cluster.node("node-1").await), "its own machine runs");
    manager.stop(SOON).await.unwrap();

    // The other way round, also for a manager that finds both.
    vcsim.power("clone", Power::PoweredOn).await.unwrap();
    vcsim.power("mine", Power::PoweredOff).await.unwrap();
    let _manager = hasty(&cluster, &config);
    cluster.node_when("it is off", "node-1", has_shutdown_taint).await;
    assert!(cluster.has("node-1").await);
}

#[tokio::test]
async fn a_node_whose_machine_nobody_can_tell_is_neither_deleted_nor_tainted() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    vcsim.create(&[twin("a")]).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let manager = hasty(&cluster, &config);
    cluster.register(&[NodeSpec::new("node-1", UUID)]).await;
    cluster.initialised(&["node-1"], SOON).await;
    manager.stop(SOON).await.unwrap();
    cluster.annotate("node-1", MACHINE, None).await;
    vcsim.create(&[twin("b"), twin("c")]).await.unwrap();

    let _manager = hasty(&cluster, &config);
    cluster.event("node-1", "AmbiguousInstance").await;
    vcsim.power("b", Power::PoweredOff).await.unwrap();
    cluster.set_ready("node-1", false).await;
    vcsim.delete_vm("a").await.unwrap();
    tokio::time::sleep(LONG).await;
    let node = cluster.node("node-1").await;
    assert!(!has_shutdown_taint(&node), "one of those that it could be runs");
}

#[tokio::test]
async fn a_replica_in_another_vcenter_is_not_the_machine_whose_vcenter_is_away() {
    let cluster = Cluster::get().await;
    let (home, abroad) = (vcenter("home").await, vcenter("abroad").await);
    home.create(&[twin("mine")]).await.unwrap();
    let proxy = Proxy::to(home.port());
    let mut way_home = Vcenter::of(&home);
    way_home.port = proxy.port();
    let config = Config::with([way_home, Vcenter::of(&abroad)]);
    let manager = hasty(&cluster, &config);
    cluster.register(&[NodeSpec::new("node-1", UUID)]).await;
    let before = cluster.initialised(&["node-1"], SOON).await.remove(0);
    manager.stop(SOON).await.unwrap();

    abroad.create(&[VmSpec { power: Some(Power::PoweredOff), ..twin("replica") }]).await.unwrap();
    proxy.take_down();
    cluster.set_ready("node-1", false).await;
    let manager = hasty(&cluster, &config);
    manager.wait_for_log("vCenter cannot be asked", SOON).await.unwrap();
    tokio::time::sleep(QUIET).await;
    let node = cluster.node("node-1").await;
    assert!(!has_shutdown_taint(&node), "its own machine is another one");
    assert_eq!(addresses(&node), addresses(&before));
    proxy.bring_up();
    home.power("mine", Power::PoweredOff).await.unwrap();
    cluster.node_when("it is off", "node-1", has_shutdown_taint).await;
}
