//! Several machines that could be a node: told apart where there is proof, refused with all names where not.

use std::time::{Duration, Instant};

use xtask::testbed::{
    Manager, ManagerOptions, Nic, NodeSpec, Vcsim, VcsimOptions, Vm, VmSpec, eventually, guest_uuid,
};

use crate::support::{
    Cluster, Config, LATER, Proxy, QUIET, SOON, Vcenter, addresses, is_tainted, provider_id,
};

const UUID: &str = "4237aaaa-5c1c-0b7d-6f2e-0123456789ab";
/// What is remembered of a node's machine.
const MACHINE: &str = "vsphere-cloud.io/machine";

async fn vcenter() -> Vcsim {
    Vcsim::start(VcsimOptions { datacenters: 2, ..VcsimOptions::default() }).await.unwrap()
}

/// A change after which the guest has this address and no other.
fn address(ip: &str) -> VmSpec {
    VmSpec { nics: Some(vec![Nic { addresses: vec![ip.to_owned()], ..Nic::default() }]), ..VmSpec::default() }
}

/// One of several machines with the same BIOS uuid.
fn clone(name: &str, host_name: &str, ip: &str) -> VmSpec {
    let (uuid, host_name) = (Some(UUID.into()), Some(host_name.into()));
    VmSpec { uuid, host_name, name: Some(name.into()), ..address(ip) }
}

fn at(node: &str, uuid: &str, ip: Option<&str>) -> NodeSpec {
    NodeSpec { provided_node_ip: ip.map(str::to_owned), ..NodeSpec::new(node, uuid) }
}

/// Logs how often it asks.
fn talkative(options: &mut ManagerOptions) {
    options.args.push("--v=4".into());
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

/// Waits for the Event that names all of these, and sees that nothing was written.
async fn refused(cluster: &Cluster, node: &str, vms: &[Vm]) -> String {
    let message = cluster.event(node, "AmbiguousInstance").await;
    for vm in vms {
        assert!(message.contains(&format!("{} ({})", vm.moref, vm.name)), "{message}");
    }
    assert!(message.contains("--node-ip") && message.contains(MACHINE), "what would help: {message}");
    assert!(cluster.node_writes().is_empty(), "{:?}", cluster.node_writes());
    message
}

/// Whose address a node has; of its machines each has another one.
async fn has_address(cluster: &Cluster, node: &str, ip: &str) {
    let internal = format!("InternalIP {ip}");
    cluster.node_when("it has the address", node, |node| addresses(node).contains(&internal)).await;
}

#[tokio::test]
async fn machines_with_one_uuid_that_nothing_tells_apart_are_named_and_none_is_taken() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vms = vcsim.create(&[clone("a", "x", "10.1.0.1"), clone("b", "x", "10.1.0.2")]).await.unwrap();
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), talkative);
    cluster.register(&[at("original", UUID, Some("10.1.0.9"))]).await;
    let message = refused(&cluster, "original", &vms).await;
    assert!(message.contains("--node-ip 10.1.0.9"), "what was looked for: {message}");

    asked_often(&manager).await;
    let gone = Instant::now();
    vcsim.patch_vm("a", &address("10.1.0.9")).await.unwrap();
    cluster.initialised(&["original"], SOON).await;
    assert!(gone.elapsed() < Duration::from_millis(1500), "{:?}", gone.elapsed());
    has_address(&cluster, "original", "10.1.0.9").await;
}

#[tokio::test]
async fn the_machine_that_remains_is_taken_at_once() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vms = vcsim.create(&[clone("a", "x", "10.1.0.1"), clone("b", "x", "10.1.0.2")]).await.unwrap();
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), talkative);
    cluster.register(&[at("original", UUID, None)]).await;
    refused(&cluster, "original", &vms).await;
    asked_often(&manager).await;
    let gone = Instant::now();
    vcsim.delete_vm("a").await.unwrap();
    cluster.initialised(&["original"], SOON).await;
    assert!(gone.elapsed() < Duration::from_millis(1500), "{:?}", gone.elapsed());
    has_address(&cluster, "original", "10.1.0.2").await;
}

#[tokio::test]
async fn of_guests_with_one_host_name_in_two_datacenters_the_address_tells_which_is_meant() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let twin = |datacenter: &str, ip: &str| VmSpec {
        name: Some("twin".into()),
        datacenter: Some(datacenter.into()),
        ..address(ip)
    };
    let vms = vcsim.create(&[twin("DC0", "10.2.0.1"), twin("DC1", "10.2.0.2")]).await.unwrap();
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), talkative);
    cluster.register(&[at("twin", "", None)]).await;
    refused(&cluster, "twin", &vms).await;

    // Its kubelet is started anew, with --node-ip.
    asked_often(&manager).await;
    let restarted = Instant::now();
    cluster.annotate("twin", "alpha.kubernetes.io/provided-node-ip", Some("10.2.0.2")).await;
    let nodes = cluster.initialised(&["twin"], SOON).await;
    assert!(restarted.elapsed() < Duration::from_millis(1500), "{:?}", restarted.elapsed());
    assert_eq!(provider_id(&nodes[0]), Some(format!("vsphere://{}", vms[1].uuid).as_str()));
}

#[tokio::test]
async fn of_guests_with_one_host_name_the_one_that_keeps_it_is_taken_at_once() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let twin = |name: &str| VmSpec { host_name: Some("twin".into()), ..VmSpec::named(name) };
    let vms = vcsim.create(&[twin("castor"), twin("pollux")]).await.unwrap();
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), talkative);
    cluster.register(&[at("twin", "", None)]).await;
    refused(&cluster, "twin", &vms).await;

    asked_often(&manager).await;
    let renamed = Instant::now();
    let other = VmSpec { host_name: Some("pollux".into()), ..VmSpec::default() };
    vcsim.patch_vm("pollux", &other).await.unwrap();
    let nodes = cluster.initialised(&["twin"], SOON).await;
    assert!(renamed.elapsed() < Duration::from_millis(1500), "{:?}", renamed.elapsed());
    assert_eq!(provider_id(&nodes[0]), Some(format!("vsphere://{}", vms[0].uuid).as_str()));
}

#[tokio::test]
async fn clones_in_one_cluster_are_told_apart_by_address_and_by_host_name_in_any_case() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let clones = [
        clone("a", "NODE-A", "10.3.0.1"),
        clone("b", "Node-B", "10.3.0.2"),
        clone("c", "localhost", "10.3.0.3"),
        clone("d", "localhost", "10.3.0.4"),
    ];
    vcsim.create(&clones).await.unwrap();
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    let swapped = guest_uuid(UUID);
    cluster
        .register(&[
            at("node-a", UUID, None),
            at("node-b", &swapped, None),
            at("node-c", UUID, Some("10.3.0.3")),
            at("node-d", &swapped.to_uppercase(), Some("10.3.0.4")),
        ])
        .await;
    let names = ["node-a", "node-b", "node-c", "node-d"];
    let nodes = cluster.initialised(&names, SOON).await;
    for (i, node) in nodes.iter().enumerate() {
        let ip = format!("InternalIP 10.3.0.{}", i + 1);
        assert!(addresses(node).contains(&ip), "{}: {:?}", names[i], addresses(node));
        assert_eq!(provider_id(node), Some(format!("vsphere://{UUID}").as_str()));
    }
}

#[tokio::test]
async fn a_machine_that_another_node_has_is_still_a_candidate() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let mut clones = [clone("a", "node-a", ""), clone("b", "x", "10.9.0.2"), clone("c", "x", "10.9.0.3")];
    let both = vec!["10.9.0.1".to_owned(), "10.9.0.3".to_owned()];
    clones[0].nics = Some(vec![Nic { addresses: both, ..Nic::default() }]);
    vcsim.create(&clones).await.unwrap();
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), talkative);
    cluster.register(&[at("node-b", UUID, Some("10.9.0.9")), at("node-c", UUID, Some("10.9.0.3"))]).await;
    for name in ["node-b", "node-c"] {
        cluster.event(name, "AmbiguousInstance").await;
    }
    cluster.register(&[at("node-a", UUID, None)]).await;
    cluster.initialised(&["node-a"], SOON).await;
    asked_often(&manager).await;

    // One that node-a was found not to have tells whose it is, and so does the one that it has.
    for (vm, ip, node, expected) in
        [("b", "10.9.0.9", "node-b", "10.9.0.9"), ("a", "10.9.0.1", "node-c", "10.9.0.3")]
    {
        let told = Instant::now();
        vcsim.patch_vm(vm, &address(ip)).await.unwrap();
        cluster.initialised(&[node], SOON).await;
        assert!(told.elapsed() < Duration::from_millis(1500), "{node}: {:?}", told.elapsed());
        has_address(&cluster, node, expected).await;
    }
    has_address(&cluster, "node-a", "10.9.0.1").await;
}

#[tokio::test]
async fn proofs_that_contradict_each_other_are_told_and_none_is_believed() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let vms = vcsim.create(&[clone("a", "torn", "10.4.0.1"), clone("b", "x", "10.4.0.2")]).await.unwrap();
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), talkative);
    cluster.register(&[at("torn", UUID, Some("10.4.0.2"))]).await;
    let message = refused(&cluster, "torn", &vms).await;
    for (vm, proof) in vms.iter().zip(["the Node's name", "the kubelet's --node-ip"]) {
        let told = message.split(';').find(|part| part.contains(&format!("({})", vm.name)));
        assert!(told.is_some_and(|told| told.contains(proof)), "{message}");
    }
    asked_often(&manager).await;
    assert!(is_tainted(&cluster.node("torn").await));
    assert!(cluster.node_writes().is_empty(), "{:?}", cluster.node_writes());
    vcsim.patch_vm("a", &VmSpec { host_name: Some("y".into()), ..VmSpec::default() }).await.unwrap();
    cluster.initialised(&["torn"], SOON).await;
    has_address(&cluster, "torn", "10.4.0.2").await;
}

#[tokio::test]
async fn a_node_keeps_its_machine_when_a_clone_appears_and_knows_it_after_a_restart() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    vcsim.create(&[clone("mine", "x", "10.5.0.1")]).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let manager = cluster.manager(&config);
    cluster.register(&[at("kept", UUID, None)]).await;
    cluster.initialised(&["kept"], SOON).await;

    // The clone looks more like the node than its own machine does.
    vcsim.create(&[clone("clone", "kept", "10.5.0.2")]).await.unwrap();
    let change = async |vm: &str, ip: &str| {
        vcsim.patch_vm(vm, &address(ip)).await.unwrap();
    };
    change("clone", "10.5.0.3").await;
    change("mine", "10.5.0.4").await;
    has_address(&cluster, "kept", "10.5.0.4").await;
    manager.stop(SOON).await.unwrap();

    // Nobody else is called like the node; only the annotation tells.
    vcsim.patch_vm("clone", &VmSpec { host_name: Some("x".into()), ..VmSpec::default() }).await.unwrap();
    let manager = cluster.manager(&config);
    change("mine", "10.5.0.5").await;
    has_address(&cluster, "kept", "10.5.0.5").await;
    assert!(
        cluster
            .events("kept")
            .await
            .iter()
            .all(|event| { event.reason.as_deref() != Some("AmbiguousInstance") })
    );
    manager.stop(SOON).await.unwrap();

    // And without it nothing does.
    cluster.annotate("kept", MACHINE, None).await;
    let _manager = cluster.manager(&config);
    cluster.event("kept", "AmbiguousInstance").await;
    change("clone", "10.5.0.6").await;
    change("mine", "10.5.0.7").await;
    tokio::time::sleep(QUIET).await;
    let kept = cluster.node("kept").await;
    assert!(addresses(&kept).contains(&"InternalIP 10.5.0.5".to_owned()), "{:?}", addresses(&kept));
}

#[tokio::test]
async fn an_address_proves_nothing_while_a_vcenter_is_away_that_may_have_it_too() {
    let cluster = Cluster::get().await;
    let (east, west) = (vcenter().await, vcenter().await);
    let clones = [clone("a", "x", "10.6.0.1"), clone("b", "x", "10.6.0.2")];
    east.create(&clones).await.unwrap();
    let proxy = Proxy::to(west.port());
    proxy.take_down();
    let mut way_west = Vcenter::of(&west);
    way_west.port = proxy.port();
    let _manager = cluster.manager(&Config::with([Vcenter::of(&east), way_west]));
    cluster.register(&[at("half", UUID, Some("10.6.0.2"))]).await;
    let message = cluster.event("half", "InstanceUnknown").await;
    for part in ["(a) in vCenter", "(b) in vCenter", &proxy.port().to_string()] {
        assert!(message.contains(part), "{message}");
    }
    assert!(cluster.node_writes().is_empty(), "{:?}", cluster.node_writes());
    proxy.bring_up();
    cluster.initialised(&["half"], SOON).await;
    has_address(&cluster, "half", "10.6.0.2").await;
}

#[tokio::test]
async fn one_uuid_in_two_vcenters_is_told_with_both() {
    let cluster = Cluster::get().await;
    let (east, west) = (vcenter().await, vcenter().await);
    east.create(&[clone("east", "x", "10.7.0.1")]).await.unwrap();
    west.create(&[clone("west", "x", "10.7.0.2")]).await.unwrap();
    let _manager = cluster.manager(&Config::of(&[&east, &west]));
    cluster.register(&[at("node-1", UUID, None)]).await;
    let message = cluster.event("node-1", "AmbiguousInstance").await;
    for (name, vcsim) in [("east", &east), ("west", &west)] {
        assert!(message.contains(&format!("({name}) in vCenter 127.0.0.1:{}", vcsim.port())), "{message}");
    }
    west.unregister("west").await.unwrap();
    cluster.initialised(&["node-1"], SOON).await;
}

#[tokio::test]
async fn a_clone_that_has_no_uuid_for_a_while_is_waited_for() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter().await;
    let uuid = "4237bbbb-5c1c-0b7d-6f2e-0123456789ab";
    let vms = [clone("template", "x", "10.8.0.1"), clone("cloned", "cloned", "10.8.0.2")];
    vcsim.create(&vms).await.unwrap();
    let assign = async |uuid: &str| {
        let spec = VmSpec { uuid: Some(uuid.into()), ..VmSpec::default() };
        vcsim.patch_vm("cloned", &spec).await.unwrap();
    };
    assign("").await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.register(&[at("cloned", uuid, None)]).await;
    let message = cluster.event("cloned", "InstanceNotFound").await;
    assert!(message.contains("has no BIOS uuid"), "{message}");
    assert!(cluster.node_writes().is_empty(), "{:?}", cluster.node_writes());
    assign(uuid).await;
    let nodes = cluster.initialised(&["cloned"], SOON).await;
    assert_eq!(provider_id(&nodes[0]), Some(format!("vsphere://{uuid}").as_str()));
    has_address(&cluster, "cloned", "10.8.0.2").await;
}
