//! Machines that are switched off.

use serde_json::json;
use xtask::testbed::{Power, VmSpec};

use super::common::{has_shutdown_taint, hasty, initialise, vcenter};
use crate::support::{Cluster, Config, QUIET};

#[tokio::test]
async fn a_machine_that_is_off_or_suspended_taints_its_node_until_the_node_is_ready() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("power-", 3).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;

    // A node that is not ready on a machine that runs is somebody else's trouble.
    for vm in &vms {
        cluster.set_ready(&vm.name, false).await;
    }
    vcsim.power("power-0", Power::PoweredOff).await.unwrap();
    vcsim.power("power-1", Power::Suspended).await.unwrap();
    for name in ["power-0", "power-1"] {
        cluster.node_when("the taint is there", name, has_shutdown_taint).await;
    }
    for name in ["power-0", "power-1"] {
        vcsim.power(name, Power::PoweredOn).await.unwrap();
        cluster.set_ready(name, true).await;
        cluster.node_when("the taint is gone", name, |node| !has_shutdown_taint(node)).await;
    }
    let writes = cluster.node_writes();
    assert_eq!(writes.get("patch nodes power-0"), Some(&3), "{writes:?}");
    assert_eq!(writes.get("patch nodes power-2"), Some(&1), "{writes:?}");
}

#[tokio::test]
async fn a_machine_that_is_off_under_a_node_that_is_ready_is_left_alone() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("ready-", 1).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    vcsim.power("ready-0", Power::PoweredOff).await.unwrap();
    tokio::time::sleep(QUIET).await;
    assert!(!has_shutdown_taint(&cluster.node("ready-0").await));
    cluster.set_ready("ready-0", false).await;
    cluster.node_when("the taint is there", "ready-0", has_shutdown_taint).await;
}

#[tokio::test]
async fn the_power_state_of_a_machine_whose_host_is_disconnected_is_not_believed() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let host = VmSpec { host: Some("DC0_C0_H1".into()), ..VmSpec::named("cut-off") };
    let known = VmSpec { host: Some("DC0_C0_H0".into()), ..VmSpec::named("known") };
    let vms = vcsim.create(&[host, known]).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    // vCenter says so of the host and of each of its machines.
    vcsim.patch_host("DC0_C0_H1", json!({"connectionState": "disconnected"})).await.unwrap();
    let cut_off = VmSpec { connection_state: Some("disconnected".into()), ..VmSpec::default() };
    vcsim.patch_vm("cut-off", &cut_off).await.unwrap();
    for vm in &vms {
        vcsim.power(&vm.name, Power::PoweredOff).await.unwrap();
        cluster.set_ready(&vm.name, false).await;
    }
    cluster.node_when("the taint is there", "known", has_shutdown_taint).await;
    tokio::time::sleep(QUIET).await;
    assert!(!has_shutdown_taint(&cluster.node("cut-off").await));

    let connected = VmSpec { connection_state: Some("connected".into()), ..VmSpec::default() };
    vcsim.patch_vm("cut-off", &connected).await.unwrap();
    cluster.node_when("the taint is there", "cut-off", has_shutdown_taint).await;
}
