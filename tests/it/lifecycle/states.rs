//! Machines of which vCenter knows less than usual, and managers that begin in the middle of an outage.

use k8s_openapi::api::core::v1::Node;
use serde_json::json;
use xtask::testbed::{Power, VmSpec};

use super::common::{LONG, MACHINE, has_shutdown_taint, hasty, initialise, vcenter};
use crate::support::{Cluster, Config, LATER, Proxy, QUIET, Vcenter, is_tainted, names, specs};

#[tokio::test]
async fn machines_that_their_hosts_do_not_tell_of_are_neither_deleted_nor_tainted() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let states = ["disconnected", "inaccessible", "orphaned", "invalid"];
    let vms = vcsim.create_vms("lost-", states.len() + 2).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    let (unknown, known) = vms.split_at(states.len());
    for (vm, state) in unknown.iter().zip(states) {
        // In this order: else for a moment a connected host says that it is off.
        let state = VmSpec { connection_state: Some(state.into()), ..VmSpec::default() };
        vcsim.patch_vm(&vm.name, &state).await.unwrap();
        vcsim.power(&vm.name, Power::PoweredOff).await.unwrap();
    }
    // Its host is being maintained, and it runs; the last one is off, and its host says so.
    let host = vcsim.vm(&known[0].name).await.unwrap().host;
    vcsim.patch_host(&host, json!({"inMaintenanceMode": true})).await.unwrap();
    vcsim.power(&known[1].name, Power::PoweredOff).await.unwrap();
    for name in names(&vms) {
        cluster.set_ready(name, false).await;
    }
    cluster.node_when("it is off", &known[1].name, has_shutdown_taint).await;
    tokio::time::sleep(LONG).await;
    for name in &names(&vms)[..=states.len()] {
        assert!(!has_shutdown_taint(&cluster.node(name).await), "{name}");
    }
}

#[tokio::test]
async fn a_manager_that_begins_while_vcenter_is_away_harms_nobody_and_makes_up_for_it() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("early-", 4).await.unwrap();
    let proxy = Proxy::to(vcsim.port());
    let mut way = Vcenter::of(&vcsim);
    way.port = proxy.port();
    let config = Config::with([way]);
    {
        let manager = hasty(&cluster, &config);
        initialise(&cluster, &vms[..3]).await;
        drop(manager);
    }
    // As another manager has left it behind: this one has never seen its machine.
    cluster.annotate("early-2", MACHINE, None).await;
    proxy.take_down();
    vcsim.delete_vm("early-0").await.unwrap();
    vcsim.power("early-1", Power::PoweredOff).await.unwrap();
    for name in &names(&vms)[..3] {
        cluster.set_ready(name, false).await;
    }
    cluster.register(&specs(&vms)[3..]).await;
    let _manager = hasty(&cluster, &config);
    let message = cluster.event("early-3", "InstanceUnknown").await;
    assert!(message.contains(&proxy.port().to_string()), "{message}");
    tokio::time::sleep(QUIET).await;
    for name in names(&vms) {
        assert!(!has_shutdown_taint(&cluster.node(name).await), "{name}");
    }
    assert!(is_tainted(&cluster.node("early-3").await));

    proxy.bring_up();
    cluster.initialised(&["early-3"], LATER).await;
    cluster.node_when("it is off", "early-1", has_shutdown_taint).await;
    cluster.deleted("early-0", LATER).await;
    let remembered =
        |node: &Node| node.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MACHINE));
    cluster.node_when("its machine is remembered", "early-2", remembered).await;
}
