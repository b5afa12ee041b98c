//! Machines that only seem to be gone.

use std::time::Duration;

use xtask::testbed::{Fault, FaultKind, Nic, NodeSpec, Power, Vcsim, VcsimOptions, VmSpec};

use super::common::{CONFIRM, LONG, has_shutdown_taint, hasty, hasty_with, initialise, machine, vcenter};
use crate::support::{Cluster, Config, LATER, Proxy, SOON, Vcenter, addresses, names, provider_id};

#[tokio::test]
async fn a_machine_that_was_registered_anew_is_the_same_machine() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("moved-", 2).await.unwrap();
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &["--deletion-confirm-after=2500ms"]);
    initialise(&cluster, &vms).await;
    // One is ready all the time, of the other nothing is heard.
    cluster.set_ready("moved-0", false).await;
    let mut anew = Vec::new();
    for name in names(&vms) {
        vcsim.unregister(name).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    for name in names(&vms) {
        anew.push(vcsim.register(name).await.unwrap());
    }
    for (old, new) in vms.iter().zip(&anew) {
        assert_ne!(old.moref, new.moref);
        assert!(old.uuid == new.uuid);
        let follows = |node: &_| machine(node).contains(&new.moref);
        let node = cluster.node_when("the annotation follows", &old.name, follows).await;
        assert_eq!(provider_id(&node), Some(format!("vsphere://{}", old.uuid).as_str()));
    }
    tokio::time::sleep(LONG).await;
    for name in names(&vms) {
        assert!(cluster.has(name).await, "{name}");
    }
}

#[tokio::test]
async fn a_machine_in_a_datacenter_that_is_not_configured_is_not_gone() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions { datacenters: 2, ..VcsimOptions::default() }).await.unwrap();
    let here = |name: &str| VmSpec { datacenter: Some("DC0".into()), ..VmSpec::named(name) };
    let vms = vcsim.create(&[here("emigrant"), here("destroyed")]).await.unwrap();
    let _manager = hasty(&cluster, &Config::with([Vcenter::of(&vcsim).datacenters(&["DC0"])]));
    initialise(&cluster, &vms).await;
    vcsim.move_to("emigrant", "vm", Some("DC1")).await.unwrap();
    vcsim.delete_vm("destroyed").await.unwrap();
    for name in names(&vms) {
        cluster.set_ready(name, false).await;
    }
    cluster.deleted("destroyed", SOON).await;
    tokio::time::sleep(LONG).await;
    assert!(cluster.has("emigrant").await);
}

#[tokio::test]
async fn a_machine_whose_uuids_have_changed_is_still_the_same_object() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("changed-", 2).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    let other = VmSpec {
        uuid: Some("42370000-0000-0000-0000-00000000000a".into()),
        instance_uuid: Some("52370000-0000-0000-0000-00000000000b".into()),
        ..VmSpec::default()
    };
    vcsim.patch_vm("changed-0", &other).await.unwrap();
    vcsim.delete_vm("changed-1").await.unwrap();
    for name in names(&vms) {
        cluster.set_ready(name, false).await;
    }
    cluster.deleted("changed-1", SOON).await;
    tokio::time::sleep(LONG).await;
    assert!(cluster.has("changed-0").await);
}

#[tokio::test]
async fn a_deletion_waits_until_every_vcenter_has_answered() {
    let cluster = Cluster::get().await;
    let (east, west) = (vcenter("east").await, vcenter("west").await);
    let vms = east.create_vms("east-", 3).await.unwrap();
    let others = west.create_vms("west-", 1).await.unwrap();
    let proxy = Proxy::to(west.port());
    let mut way_west = Vcenter::of(&west);
    way_west.port = proxy.port();
    let _manager = hasty(&cluster, &Config::with([Vcenter::of(&east), way_west]));
    initialise(&cluster, &vms).await;
    initialise(&cluster, &others).await;

    proxy.take_down();
    east.delete_vm("east-0").await.unwrap();
    for name in ["east-0", "west-0"] {
        cluster.set_ready(name, false).await;
    }
    let message = cluster.event("east-0", "InstanceExistenceUnknown").await;
    assert!(message.contains(&format!("127.0.0.1:{}", proxy.port())), "{message}");

    // Everything else goes on for the machines of the one that is there.
    initialise(&cluster, &east.create_vms("new-", 1).await.unwrap()).await;
    let nics = vec![Nic { addresses: vec!["10.99.0.7".into()], ..Nic::default() }];
    east.patch_vm("east-1", &VmSpec { nics: Some(nics), ..VmSpec::default() }).await.unwrap();
    let told = |node: &_| addresses(node).contains(&"InternalIP 10.99.0.7".to_owned());
    cluster.node_when("the new address arrives", "east-1", told).await;
    east.power("east-2", Power::PoweredOff).await.unwrap();
    cluster.set_ready("east-2", false).await;
    cluster.node_when("it is off", "east-2", has_shutdown_taint).await;

    tokio::time::sleep(LONG).await;
    assert!(cluster.has("east-0").await);
    assert!(!has_shutdown_taint(&cluster.node("west-0").await), "of that nothing is known");
    proxy.bring_up();
    cluster.deleted("east-0", LATER).await;
    for name in ["east-1", "east-2", "west-0"] {
        assert!(cluster.has(name).await, "{name}");
    }
}

#[tokio::test]
async fn a_vcenter_that_refuses_the_password_proves_nothing() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("locked-", 3).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    vcsim.set_credentials(vcsim.user(), "changed").await.unwrap();
    vcsim.terminate_sessions().await.unwrap();
    vcsim.delete_vm("locked-0").await.unwrap();
    for name in names(&vms) {
        cluster.set_ready(name, false).await;
    }
    let message = cluster.event("locked-0", "InstanceExistenceUnknown").await;
    assert!(message.contains(vcsim.user()), "{message}");
    tokio::time::sleep(LONG).await;
    for name in names(&vms) {
        assert!(cluster.has(name).await, "{name}");
    }
    let failed = vcsim.requests().await.unwrap().failed_logins;
    assert!(failed <= 2, "{failed} failed logins lock an account");
}

#[tokio::test]
async fn sessions_that_end_while_machines_are_looked_for_prove_nothing() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("evicted-", 5).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    vcsim.delete_vm("evicted-0").await.unwrap();
    for name in names(&vms) {
        cluster.set_ready(name, false).await;
    }
    for _ in 0..6 {
        vcsim.terminate_sessions().await.unwrap();
        tokio::time::sleep(CONFIRM / 2).await;
    }
    cluster.deleted("evicted-0", LATER).await;
    for name in &names(&vms)[1..] {
        assert!(cluster.has(name).await, "{name}");
    }
}

#[tokio::test]
async fn answers_that_are_no_answers_prove_nothing() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("doubted-", 3).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    let cases = [
        ("FindAllByUuid", FaultKind::Soap("NoPermission".into())),
        ("FindAllByUuid", FaultKind::Status(503)),
        ("RetrievePropertiesEx", FaultKind::Soap("NoPermission".into())),
        ("RetrievePropertiesEx", FaultKind::Soap("ManagedObjectNotFound".into())),
        ("*", FaultKind::Malformed),
    ];
    for name in names(&vms) {
        cluster.set_ready(name, false).await;
    }
    for (method, kind) in cases {
        let rule = vcsim.add_fault(&Fault::new(method, kind.clone())).await.unwrap();
        tokio::time::sleep(CONFIRM * 3 / 2).await;
        vcsim.remove_fault(&rule).await.unwrap();
        for name in names(&vms) {
            assert!(cluster.has(name).await, "{method} {kind:?}: {name}");
        }
    }
    vcsim.delete_vm("doubted-0").await.unwrap();
    cluster.deleted("doubted-0", LATER).await;
}

#[tokio::test]
async fn a_search_that_breaks_off_in_the_middle_proves_nothing() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    // They fill the first page of the search.
    vcsim.create_vms("foreign-", 600).await.unwrap();
    let vms = vcsim.create_vms("late-", 4).await.unwrap();
    let initialised = |vm: &xtask::testbed::Vm| {
        let provider_id = Some(format!("vsphere://{}", vm.uuid));
        NodeSpec { provider_id, taints: Vec::new(), ..NodeSpec::new(&vm.name, &vm.uuid) }
    };
    cluster.register(&vms.iter().map(initialised).collect::<Vec<_>>()).await;
    vcsim.delete_vm("late-0").await.unwrap();
    for name in names(&vms) {
        cluster.set_ready(name, false).await;
    }
    let breaks_off = async |kind: FaultKind| {
        vcsim.add_fault(&Fault::new("ContinueRetrievePropertiesEx", kind)).await.unwrap()
    };
    let mut rule = breaks_off(FaultKind::Truncate).await;
    // One that is asked about alone is looked up by its uuid, which takes no second page.
    let alone = Fault::new("FindAllByUuid", FaultKind::Soap("NoPermission".into()));
    let alone = vcsim.add_fault(&alone).await.unwrap();
    // Without the node controller no machine is watched, so that all are searched for.
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &["--controllers=cloud-node-lifecycle"]);
    cluster.event("late-0", "InstanceExistenceUnknown").await;
    let fault = |kind: &str| FaultKind::Soap(kind.into());
    for kind in [fault("NoPermission"), fault("ManagedObjectNotFound"), FaultKind::Malformed] {
        let next = breaks_off(kind.clone()).await;
        vcsim.remove_fault(&rule).await.unwrap();
        rule = next;
        tokio::time::sleep(CONFIRM * 3 / 2).await;
        for name in names(&vms) {
            assert!(cluster.has(name).await, "{kind:?}: {name}");
        }
    }
    for rule in [&rule, &alone] {
        vcsim.remove_fault(rule).await.unwrap();
    }
    cluster.deleted("late-0", LATER).await;
    for name in &names(&vms)[1..] {
        assert!(cluster.has(name).await, "{name}");
    }
}

#[tokio::test]
async fn an_account_that_has_lost_its_rights_on_a_folder_sees_no_machine_and_proves_nothing() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("unseen-", 2).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let manager = hasty(&cluster, &config);
    initialise(&cluster, &vms).await;
    let recorded: serde_json::Value = serde_json::from_str(machine(&cluster.node("unseen-0").await)).unwrap();
    let folder = recorded["folder"].as_str().unwrap();
    // Searches come back empty and the object is as if it did not exist; so is the folder.
    let denied = FaultKind::Soap("NoPermission".into());
    let fault = Fault::new("RetrievePropertiesEx", denied).containing(format!(">{folder}<"));
    let rule = vcsim.add_fault(&fault).await.unwrap();
    for name in names(&vms) {
        vcsim.unregister(name).await.unwrap();
        cluster.set_ready(name, false).await;
    }
    let message = cluster.event("unseen-0", "InstanceExistenceUnknown").await;
    assert!(message.contains("the folder it was in cannot be read"), "{message}");
    tokio::time::sleep(LONG).await;
    // Nor does a manager that begins now know better.
    manager.stop(SOON).await.unwrap();
    let _manager = hasty(&cluster, &config);
    tokio::time::sleep(LONG).await;
    for name in names(&vms) {
        let node = cluster.node(name).await;
        assert!(!has_shutdown_taint(&node), "{name}");
    }
    // The rights are back, and one machine is really gone.
    vcsim.register("unseen-1").await.unwrap();
    vcsim.remove_fault(&rule).await.unwrap();
    cluster.deleted("unseen-0", LATER).await;
    tokio::time::sleep(LONG).await;
    assert!(cluster.has("unseen-1").await);
}

#[tokio::test]
async fn one_silent_node_is_not_deleted_while_the_machines_of_all_others_have_vanished_too() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("blink-", 4).await.unwrap();
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &["--deletion-breaker-fraction=0.1"]);
    initialise(&cluster, &vms).await;
    for name in names(&vms) {
        vcsim.unregister(name).await.unwrap();
    }
    cluster.set_ready("blink-0", false).await;
    cluster.event("blink-0", "NodeDeletionHeld").await;
    tokio::time::sleep(LONG).await;
    for name in names(&vms) {
        assert!(cluster.has(name).await, "{name}");
        vcsim.register(name).await.unwrap();
    }
    tokio::time::sleep(LONG).await;
    for name in names(&vms) {
        assert!(cluster.has(name).await, "{name}");
    }
}

#[tokio::test]
async fn a_vcenter_whose_inventory_is_empty_for_a_while_costs_no_node() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("vanished-", 4).await.unwrap();
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &["--deletion-breaker-fraction=0.1"]);
    initialise(&cluster, &vms).await;
    // As after a restore of vCenter's database: it answers, and has no machine.
    for name in names(&vms) {
        vcsim.unregister(name).await.unwrap();
        cluster.set_ready(name, false).await;
    }
    cluster.event("vanished-0", "NodeDeletionHeld").await;
    tokio::time::sleep(LONG).await;
    for name in names(&vms) {
        assert!(cluster.has(name).await, "{name}");
        vcsim.register(name).await.unwrap();
    }
    // They are found again by their uuids, and looked after as before.
    for name in names(&vms) {
        cluster.set_ready(name, true).await;
    }
    let nics = vec![Nic { addresses: vec!["10.99.0.9".into()], ..Nic::default() }];
    vcsim.patch_vm("vanished-3", &VmSpec { nics: Some(nics), ..VmSpec::default() }).await.unwrap();
    let told = |node: &_| addresses(node).contains(&"InternalIP 10.99.0.9".to_owned());
    cluster.node_when("the new address arrives", "vanished-3", told).await;
    tokio::time::sleep(LONG).await;
    for name in names(&vms) {
        assert!(cluster.has(name).await, "{name}");
    }
}
