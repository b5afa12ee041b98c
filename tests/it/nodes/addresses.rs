//! Addresses, and what happens while there are none.

use std::time::{Duration, Instant};

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use xtask::testbed::{Nic, NodeSpec, Vcsim, VcsimOptions, Vm, VmSpec};

use crate::support::{Cluster, Config, SOON, addresses, is_tainted, label, names, provider_id, specs};

async fn vcenter() -> Vcsim {
    Vcsim::start(VcsimOptions::default()).await.unwrap()
}

async fn create(vcsim: &Vcsim, vm: VmSpec) -> Vm {
    vcsim.create(&[vm]).await.unwrap().remove(0)
}

fn nics(addresses: &[&str]) -> Vec<Nic> {
    let addresses = addresses.iter().map(ToString::to_string).collect();
    vec![Nic { network: Some("VM Network".into()), addresses, ..Nic::default() }]
}

fn silent(name: &str) -> VmSpec {
    VmSpec { tools: Some("none".into()), ..VmSpec::named(name) }
}

#[tokio::test]
async fn a_guest_without_tools_has_all_but_addresses_until_it_speaks() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vm = create(&vcsim, silent("mute-0")).await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.register(&[NodeSpec::new(&vm.name, &vm.uuid)]).await;

    let node = cluster.node_when("providerID is set", &vm.name, |node| provider_id(node).is_some()).await;
    assert_eq!(provider_id(&node), Some(format!("vsphere://{}", vm.uuid).as_str()));
    assert_eq!(label(&node, "node.kubernetes.io/instance-type"), Some("vsphere-vm.cpu-2.mem-4gb.os-ubuntu"));
    let message = cluster.event(&vm.name, "NoAddresses").await;
    assert!(message.contains("VMware Tools") && message.contains("--node-ip"), "{message}");
    assert!(is_tainted(&cluster.node(&vm.name).await));

    let speaks = VmSpec {
        tools: Some("running".into()),
        host_name: Some("mute-0".into()),
        nics: Some(nics(&["10.20.30.40"])),
        ..VmSpec::default()
    };
    let spoken = Instant::now();
    vcsim.patch_vm("mute-0", &speaks).await.unwrap();
    let nodes = cluster.initialised(&["mute-0"], SOON).await;
    assert!(spoken.elapsed() < Duration::from_secs(2), "{:?}", spoken.elapsed());
    assert_eq!(addresses(&nodes[0]), ["Hostname mute-0", "InternalIP 10.20.30.40", "ExternalIP 10.20.30.40"]);
}

#[tokio::test]
async fn a_guest_without_tools_gets_the_address_of_its_kubelet() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vm = create(&vcsim, silent("told-0")).await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let node = NodeSpec { provided_node_ip: Some("10.9.8.7".into()), ..NodeSpec::new(&vm.name, &vm.uuid) };
    cluster.register(&[node]).await;
    let nodes = cluster.initialised(&["told-0"], SOON).await;
    assert_eq!(addresses(&nodes[0]), ["InternalIP 10.9.8.7", "Hostname told-0"]);
}

#[tokio::test]
async fn the_address_of_the_kubelet_comes_first_and_a_wrong_one_is_told() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let config = Config::of(&[&vcsim])
        .nodes("internalNetworkSubnetCidr", "10.1.0.0/16")
        .nodes("externalNetworkSubnetCidr", "10.2.0.0/16");
    let _manager = cluster.manager(&config);
    let addresses_of_guest = ["10.3.0.5", "10.2.0.5", "10.1.0.5", "fe80::5"];
    let many = ["many-0", "many-1", "many-2"]
        .map(|name| VmSpec { nics: Some(nics(&addresses_of_guest)), ..VmSpec::named(name) });
    let vms = vcsim.create(&many).await.unwrap();
    let mut nodes = specs(&vms);
    for (node, ip) in nodes.iter_mut().zip(["10.2.0.5", "10.3.0.5", "10.4.0.5"]) {
        node.provided_node_ip = Some(ip.into());
    }
    cluster.register(&nodes).await;

    let nodes = cluster.initialised(&["many-0", "many-1"], SOON).await;
    assert_eq!(addresses(&nodes[0]), ["ExternalIP 10.2.0.5", "Hostname many-0", "InternalIP 10.1.0.5"]);
    // One that the configuration would not have chosen.
    assert_eq!(addresses(&nodes[1]), ["InternalIP 10.3.0.5", "Hostname many-1", "ExternalIP 10.2.0.5"]);

    let message = cluster.event("many-2", "ProvidedNodeIPMismatch").await;
    for part in ["--node-ip 10.4.0.5", "InternalIP 10.1.0.5", "ExternalIP 10.2.0.5"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(is_tainted(&cluster.node("many-2").await));

    // The kubelet is started with another address.
    let annotation =
        json!({"metadata": {"annotations": {"alpha.kubernetes.io/provided-node-ip": "10.1.0.5"}}});
    cluster.nodes().patch("many-2", &PatchParams::default(), &Patch::Merge(annotation)).await.unwrap();
    let nodes = cluster.initialised(&["many-2"], SOON).await;
    assert_eq!(addresses(&nodes[0]), ["InternalIP 10.1.0.5", "Hostname many-2", "ExternalIP 10.2.0.5"]);
}

#[tokio::test]
async fn an_address_that_changes_in_the_guest_changes_in_the_node() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vm = create(&vcsim, VmSpec { nics: Some(nics(&["10.0.0.1"])), ..VmSpec::named("moving-0") }).await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.register(&[NodeSpec::new(&vm.name, &vm.uuid)]).await;
    cluster.initialised(&["moving-0"], SOON).await;

    let changed = Instant::now();
    vcsim
        .patch_vm("moving-0", &VmSpec { nics: Some(nics(&["10.0.0.2"])), ..VmSpec::default() })
        .await
        .unwrap();
    let expected = ["Hostname moving-0", "InternalIP 10.0.0.2", "ExternalIP 10.0.0.2"];
    cluster.node_when("the new address is there", "moving-0", |node| addresses(node) == expected).await;
    assert!(changed.elapsed() < Duration::from_secs(2), "{:?}", changed.elapsed());

    // Tools that stop do not take the address away.
    let before = cluster.node("moving-0").await.metadata.resource_version;
    vcsim.patch_vm("moving-0", &VmSpec { tools: Some("none".into()), ..VmSpec::default() }).await.unwrap();
    tokio::time::sleep(crate::support::QUIET).await;
    assert_eq!(cluster.node("moving-0").await.metadata.resource_version, before);
}

#[tokio::test]
async fn a_node_that_comes_back_on_another_machine_gets_the_identity_of_that_one() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let host_name = || Some("phoenix".to_owned());
    let old = create(
        &vcsim,
        VmSpec { host_name: host_name(), nics: Some(nics(&["10.0.0.1"])), ..VmSpec::named("old") },
    )
    .await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.register(&[NodeSpec::new("phoenix", &old.uuid)]).await;
    cluster.initialised(&["phoenix"], SOON).await;

    let new = create(
        &vcsim,
        VmSpec { host_name: host_name(), nics: Some(nics(&["10.0.0.2"])), ..VmSpec::named("new") },
    )
    .await;
    cluster.nodes().delete("phoenix", &DeleteParams::default()).await.unwrap();
    cluster.register(&[NodeSpec::new("phoenix", &new.uuid)]).await;
    let nodes = cluster.initialised(&["phoenix"], SOON).await;
    assert_eq!(provider_id(&nodes[0]), Some(format!("vsphere://{}", new.uuid).as_str()));
    assert_eq!(addresses(&nodes[0]), ["Hostname phoenix", "InternalIP 10.0.0.2", "ExternalIP 10.0.0.2"]);
}

#[tokio::test]
async fn a_machine_that_is_registered_anew_is_still_the_nodes() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vm = create(&vcsim, VmSpec { nics: Some(nics(&["10.0.0.1"])), ..VmSpec::named("again") }).await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.register(&[NodeSpec::new("again", &vm.uuid)]).await;
    cluster.initialised(&["again"], SOON).await;

    vcsim.unregister("again").await.unwrap();
    let message = cluster.event("again", "InstanceNotFound").await;
    assert!(message.contains(&vm.uuid), "{message}");
    let back = vcsim.register("again").await.unwrap();
    assert_ne!(back.moref, vm.moref);
    vcsim.patch_vm("again", &VmSpec { nics: Some(nics(&["10.0.0.2"])), ..VmSpec::default() }).await.unwrap();
    let expected = ["Hostname again", "InternalIP 10.0.0.2", "ExternalIP 10.0.0.2"];
    cluster.node_when("the new address is there", "again", |node| addresses(node) == expected).await;
}

#[tokio::test]
async fn nodes_that_come_and_go_in_a_hurry_are_initialised_in_the_end() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vms = vcsim.create_vms("hasty-", 20).await.unwrap();
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let nodes = cluster.nodes();
    let hasty = vms.iter().map(async |vm| {
        // A reboot into another machine, and back.
        let other = &vms[(vm.name.len() + 1) % vms.len()];
        for uuid in [&vm.uuid, &other.uuid] {
            cluster.register(&[NodeSpec::new(&vm.name, uuid)]).await;
            nodes.delete(&vm.name, &DeleteParams::default()).await.unwrap();
        }
        cluster.register(&[NodeSpec::new(&vm.name, &vm.uuid)]).await;
    });
    futures::future::join_all(hasty).await;
    for (node, vm) in cluster.initialised(&names(&vms), SOON).await.iter().zip(&vms) {
        assert_eq!(provider_id(node), Some(format!("vsphere://{}", vm.uuid).as_str()));
    }
}
