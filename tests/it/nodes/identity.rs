//! Which machine is this node? Found, or refused with a reason, never guessed.

use std::time::{Duration, Instant};

use xtask::testbed::{
    Manager, ManagerOptions, NodeSpec, Vcsim, VcsimOptions, VmSpec, eventually, guest_uuid,
};

use crate::support::{
    Cluster, Config, LATER, QUIET, SOON, Vcenter, addresses, is_tainted, label, provider_id,
};

async fn vcenter() -> Vcsim {
    Vcsim::start(VcsimOptions { datacenters: 2, ..VcsimOptions::default() }).await.unwrap()
}

const UUID: &str = "4237aaaa-5c1c-0b7d-6f2e-0123456789ab";

fn vm(name: &str, uuid: &str) -> VmSpec {
    VmSpec { uuid: Some(uuid.into()), ..VmSpec::named(name) }
}

/// Waits until the product has asked in vain so often that it is not about to ask again soon.
async fn asked_often(manager: &Manager) {
    eventually("it was looked for a few times", LATER, async || {
        let asked = manager.logs().matches("looking for machines").count();
        if asked >= 3 { Ok(()) } else { Err(format!("{asked} times")) }
    })
    .await
    .unwrap();
}

/// Logs how often it asks.
fn talkative(options: &mut ManagerOptions) {
    options.args.push("--v=4".into());
}

#[tokio::test]
async fn a_machine_that_appears_after_its_node_is_seen_at_once() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), talkative);
    cluster.register(&[NodeSpec::new("early", UUID)]).await;
    let message = cluster.event("early", "InstanceNotFound").await;
    assert!(message.contains(UUID) && message.contains(&format!("127.0.0.1:{}", vcsim.port())), "{message}");
    asked_often(&manager).await;

    let created = Instant::now();
    vcsim.create(&[vm("early", UUID)]).await.unwrap();
    cluster.initialised(&["early"], SOON).await;
    assert!(created.elapsed() < Duration::from_millis(1500), "{:?}", created.elapsed());
}

#[tokio::test]
async fn a_provider_id_that_is_there_is_understood_and_left_as_it_is() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vms = vcsim.create_vms("given-", 3).await.unwrap();
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let ids = [
        format!("vsphere://{}", vms[0].uuid.to_uppercase()),
        format!("vsphere://{}", guest_uuid(&vms[1].uuid)),
        format!("vsphere://{}", vms[2].uuid),
    ];
    let mut nodes: Vec<NodeSpec> = crate::support::specs(&vms);
    for (node, id) in nodes.iter_mut().zip(&ids) {
        node.provider_id = Some(id.clone());
    }
    // Kubernetes lets nobody change a providerID, so a kubelet without a uuid is all the more lost.
    nodes[2].system_uuid = String::new();
    cluster.register(&nodes).await;
    let nodes = cluster.initialised(&crate::support::names(&vms), SOON).await;
    for (node, id) in nodes.iter().zip(&ids) {
        assert_eq!(provider_id(node), Some(id.as_str()));
    }
}

#[tokio::test]
async fn nodes_of_other_clouds_are_left_alone() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vms = vcsim.create_vms("foreign-", 1).await.unwrap();
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let mut node = NodeSpec::new("foreign-0", &vms[0].uuid);
    node.provider_id = Some("aws:///eu-west-1a/i-0123456789abcdef0".into());
    cluster.register(&[node]).await;
    let message = cluster.event("foreign-0", "ForeignProviderID").await;
    assert!(message.contains("aws:///eu-west-1a/i-0123456789abcdef0"), "{message}");
    tokio::time::sleep(QUIET).await;
    assert!(cluster.node_writes().is_empty(), "{:?}", cluster.node_writes());
    assert!(is_tainted(&cluster.node("foreign-0").await));
}

#[tokio::test]
async fn a_node_that_names_two_machines_is_refused() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vms = vcsim.create_vms("torn-", 2).await.unwrap();
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let mut node = NodeSpec::new("torn-0", &vms[0].uuid);
    node.provider_id = Some(format!("vsphere://{}", vms[1].uuid));
    cluster.register(&[node]).await;
    let message = cluster.event("torn-0", "InstanceMismatch").await;
    for vm in &vms {
        assert!(message.contains(&format!("{} ({})", vm.moref, vm.name)), "{message}");
    }
    tokio::time::sleep(QUIET).await;
    assert!(cluster.node_writes().is_empty(), "{:?}", cluster.node_writes());
}

#[tokio::test]
async fn a_machine_in_another_datacenter_is_named_and_not_taken() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let there = VmSpec { datacenter: Some("DC1".into()), ..VmSpec::named("abroad") };
    let vms = vcsim.create(&[there]).await.unwrap();
    let _manager = cluster.manager(&Config::with([Vcenter::of(&vcsim).datacenters(&["DC0"])]));
    cluster.register(&[NodeSpec::new("abroad", &vms[0].uuid)]).await;
    let message = cluster.event("abroad", "InstanceNotFound").await;
    for part in
        [format!("{} (abroad)", vms[0].moref), "is in datacenter DC1".into(), "datacenters DC0".into()]
    {
        assert!(message.contains(&part), "{message}");
    }
    assert!(cluster.node_writes().is_empty(), "{:?}", cluster.node_writes());
}

#[tokio::test]
async fn a_datacenter_that_does_not_exist_is_told_with_those_that_do() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vms = vcsim.create_vms("nowhere-", 1).await.unwrap();
    let manager = cluster.manager(&Config::with([Vcenter::of(&vcsim).datacenters(&["DC7"])]));
    cluster.register(&crate::support::specs(&vms)).await;
    let message = cluster.event("nowhere-0", "InstanceUnknown").await;
    let reason = r#"datacenter "DC7" does not exist in this vCenter; there are: DC0, DC1"#;
    assert!(message.contains(reason), "{message}");
    manager.wait_for_log(reason, SOON).await.unwrap();
}

#[tokio::test]
async fn a_machine_gets_its_uuid_after_its_node_registered() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    vcsim.create_vms("cloned-", 1).await.unwrap();
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.register(&[NodeSpec::new("cloned", UUID)]).await;
    cluster.event("cloned", "InstanceNotFound").await;
    let assigned = VmSpec { uuid: Some(UUID.into()), ..VmSpec::default() };
    vcsim.patch_vm("cloned-0", &assigned).await.unwrap();
    cluster.initialised(&["cloned"], SOON).await;
}

#[tokio::test]
async fn nodes_without_a_uuid_are_found_by_their_names_in_any_case() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let windows = |number: usize| VmSpec {
        host_name: Some(format!("WIN-{number}")),
        guest_id: Some("windows9Server64Guest".into()),
        ..VmSpec::named(format!("vm-of-{number}"))
    };
    let vms = vcsim.create(&[windows(0), windows(1), windows(2)]).await.unwrap();
    cluster.register(&["win-0", "win-1", "win-2"].map(|name| NodeSpec::new(name, ""))).await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let nodes = cluster.initialised(&["win-0", "win-1", "win-2"], SOON).await;
    for (node, vm) in nodes.iter().zip(&vms) {
        assert_eq!(provider_id(node), Some(format!("vsphere://{}", vm.uuid).as_str()));
        assert_eq!(addresses(node)[0], format!("Hostname {}", vm.host_name));
        let kind = label(node, "node.kubernetes.io/instance-type");
        assert_eq!(kind, Some("vsphere-vm.cpu-2.mem-4gb.os-win10server"));
    }
}
