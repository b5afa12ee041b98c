//! Machines: found, watched, and let go.

use std::time::{Duration, Instant};

use vsphere_cloud::vsphere::inventory::{
    Change, ConnectionState, FoundBy, Hit, Inventory, PowerState, Query, Scope,
};
use vsphere_cloud::vsphere::{Error, MoRef};
use xtask::testbed::{Fault, FaultKind, Nic, Power, Vcsim, VcsimOptions, VmSpec, eventually};

use super::common::{
    News, by_ip, by_name, by_uuid, down, feed, inventory, join, moref, morefs, swapped, until, up, uuid,
    vcenter, vcsim,
};

/// Within so long after it happened, a change is in the store.
const SOON: Duration = Duration::from_secs(10);

fn vm(uuid: &str, name: &str) -> VmSpec {
    VmSpec { uuid: Some(uuid.into()), ..VmSpec::named(name) }
}

#[tokio::test]
async fn machines_are_found_by_all_that_is_known_of_them() {
    let vcsim = vcsim().await;
    let twin = "42370000-0000-0000-0000-000000000777";
    let vms = vcsim
        .create(&[
            vm("42371111-2222-3333-4444-555555555555", "a"),
            vm("42372222-2222-3333-4444-555555555555", "b"),
            VmSpec { host_name: Some("named.example".into()), ..VmSpec::named("c") },
            VmSpec {
                nics: Some(vec![Nic { addresses: vec!["10.9.9.9".into()], ..Nic::default() }]),
                ..VmSpec::named("d")
            },
            vm(twin, "twin-1"),
            vm(twin, "twin-2"),
            VmSpec { host_name: Some("WIN-1".into()), ..VmSpec::named("w") },
        ])
        .await
        .unwrap();
    let system = |system_uuid| Query { system_uuid: Some(system_uuid), ..Query::default() };
    let provider = |provider_uuid| Query { provider_uuid: Some(provider_uuid), ..Query::default() };
    let cases: Vec<(Query, &[usize], FoundBy)> = vec![
        (system(uuid(&vms[0].uuid)), &[0], FoundBy::SystemUuid),
        (system(swapped(&vms[0].uuid)), &[0], FoundBy::SystemUuid),
        (provider(uuid(&vms[1].uuid)), &[1], FoundBy::ProviderId),
        (provider(swapped(&vms[1].uuid)), &[1], FoundBy::ProviderId),
        (provider(uuid(&vms[1].instance_uuid)), &[1], FoundBy::InstanceUuid),
        (by_name("named.example"), &[2], FoundBy::DnsName),
        (by_name("win-1"), &[6], FoundBy::DnsName),
        (by_ip("10.9.9.9"), &[3], FoundBy::Ip),
        (system(uuid(twin)), &[4, 5], FoundBy::SystemUuid),
        // The uuid counts, though another machine has the name.
        (Query { dns_name: "named.example".into(), ..system(uuid(&vms[0].uuid)) }, &[0], FoundBy::SystemUuid),
        (
            Query { dns_name: "nobody".into(), ..system(uuid("00000000-1111-0000-0000-000000000001")) },
            &[],
            FoundBy::Ip,
        ),
    ];
    let inventory = inventory(&vcsim);
    let expected: Vec<Vec<(MoRef, FoundBy)>> =
        cases.iter().map(|(_, found, by)| found.iter().map(|i| (moref(&vms[*i]), *by)).collect()).collect();
    let queries: Vec<Query> = cases.into_iter().map(|(query, ..)| query).collect();
    let sorted = |hits: Vec<Hit>| {
        let mut hits: Vec<(MoRef, FoundBy)> = hits.into_iter().map(|hit| (hit.moref, hit.by)).collect();
        hits.sort();
        hits
    };

    // One by one: with searches.
    for (query, expected) in queries.iter().zip(&expected) {
        let hits = inventory.find(vec![query.clone()]).await.unwrap().remove(0);
        assert_eq!(sorted(hits), *expected, "{query:?}");
    }
    let requests = vcsim.requests().await.unwrap();
    assert_eq!(
        (requests.soap("CreateContainerView"), requests.soap("RetrievePropertiesEx")),
        (0, 0),
        "{requests:?}"
    );

    // All at once: with one scan.
    let hits = inventory.find(queries).await.unwrap();
    assert_eq!(hits.into_iter().map(sorted).collect::<Vec<_>>(), expected);
    let scan = vcsim.requests().await.unwrap().since(&requests);
    let made: Vec<&str> =
        scan.soap.keys().map(String::as_str).filter(|method| *method != "WaitForUpdatesEx").collect();
    assert!(
        ["CreateContainerView", "DestroyView", "RetrievePropertiesEx"]
            .iter()
            .all(|method| scan.soap(method) == 1)
            && scan.soap("FindAllByUuid") == 0,
        "{made:?}"
    );
}

#[tokio::test]
async fn the_byte_order_that_was_right_is_tried_first() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 4).await.unwrap();
    let inventory = inventory(&vcsim);
    for (i, vm) in vms.iter().enumerate() {
        let before = vcsim.requests().await.unwrap();
        let query = Query { system_uuid: Some(swapped(&vm.uuid)), ..Query::default() };
        assert_eq!(inventory.find(vec![query]).await.unwrap()[0][0].moref, moref(vm));
        let searches = vcsim.requests().await.unwrap().since(&before).soap("FindAllByUuid");
        assert_eq!(searches, if i == 0 { 2 } else { 1 });
    }
}

#[tokio::test]
async fn the_store_has_the_state_of_a_machine_that_was_joined() {
    let vcsim = vcsim().await;
    let spec = VmSpec {
        guest_id: Some("rockylinux_64Guest".into()),
        num_cpu: Some(6),
        memory_mb: Some(12_288),
        host_name: Some("node-1.example".into()),
        host: Some("DC0_C0_H1".into()),
        nics: Some(vec![
            Nic {
                network: Some("VM Network".into()),
                addresses: vec!["10.1.2.3".into(), "fe80::1".into()],
                ..Nic::default()
            },
            Nic { addresses: vec!["172.17.0.1".into()], device_config_id: Some(-1), ..Nic::default() },
        ]),
        extra_config: Some([("guestinfo.metadata".to_owned(), "Zm9v".to_owned())].into()),
        ..VmSpec::named("node-1")
    };
    let created = vcsim.create(&[spec]).await.unwrap().remove(0);
    let inventory = inventory(&vcsim);
    join(&inventory, std::slice::from_ref(&created)).await;
    let vm = inventory.store().vm(&moref(&created)).unwrap();
    assert_eq!(vm.name, "node-1");
    assert_eq!(
        (vm.bios_uuid, vm.instance_uuid),
        (Some(uuid(&created.uuid)), Some(uuid(&created.instance_uuid)))
    );
    assert_eq!(vm.guest_id.as_deref(), Some("rockylinux_64Guest"));
    assert_eq!((vm.num_cpu, vm.memory_mb), (Some(6), Some(12_288)));
    assert_eq!(vm.host_name.as_deref(), Some("node-1.example"));
    assert_eq!(vm.nics.len(), 2, "{vm:?}");
    assert_eq!(vm.nics[0].network.as_deref(), Some("VM Network"));
    assert_eq!(vm.nics[0].addresses, ["10.1.2.3", "fe80::1"]);
    assert_eq!((vm.nics[0].device_config_id, vm.nics[1].device_config_id), (4000, -1));
    assert_eq!(vm.metadata.as_deref(), Some("Zm9v"));
    assert_eq!((vm.power_state, vm.connection_state), (PowerState::On, ConnectionState::Connected));
    assert_eq!(vm.host.as_ref().map(|host| &*host.id), Some(created.host.as_str()));
    assert!(vm.parent.is_some() && vm.resource_pool.is_some(), "{vm:?}");
    assert_eq!(inventory.store().scope_of(&vm), Scope::Inside);
}

#[tokio::test]
async fn changes_of_a_joined_machine_arrive_within_a_second() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 2).await.unwrap();
    let inventory = inventory(&vcsim);
    join(&inventory, &vms).await;
    let (node, other) = (&vms[0], inventory.store().vm(&moref(&vms[1])).unwrap());
    let watched = moref(node);
    let mut news = News::of(&inventory);

    let nics = vec![Nic { addresses: vec!["10.77.0.1".into()], ..Nic::default() }];
    let guest = VmSpec { nics: Some(nics), host_name: Some("renamed".into()), ..VmSpec::default() };
    vcsim.patch_vm(&node.name, &guest).await.unwrap();
    let mut times = vec![
        until(&inventory, &watched, "guest data", |vm| {
            vm.host_name.as_deref() == Some("renamed") && vm.nics[0].addresses == ["10.77.0.1"]
        })
        .await,
    ];
    news.wait_for(&Change::Vm(watched.clone())).await;

    vcsim.power(&node.name, Power::PoweredOff).await.unwrap();
    times.push(until(&inventory, &watched, "off", |vm| vm.power_state == PowerState::Off).await);
    times.push(
        until(&inventory, &watched, "no guest", |vm| vm.nics.is_empty() && vm.host_name.is_none()).await,
    );
    vcsim.power(&node.name, Power::PoweredOn).await.unwrap();
    times.push(
        until(&inventory, &watched, "on", |vm| vm.power_state == PowerState::On && !vm.nics.is_empty()).await,
    );

    let elsewhere = ["DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2"];
    let mut hosts = Vec::new();
    for host in elsewhere {
        let relocated = vcsim.relocate(&node.name, host).await.unwrap();
        times.push(
            until(&inventory, &watched, "host", |vm| {
                vm.host.as_ref().is_some_and(|h| *h.id == *relocated.host)
            })
            .await,
        );
        hosts.push(relocated.host);
    }
    hosts.dedup();
    assert_eq!(hosts.len(), 3);

    let before = inventory.store().vm(&watched).unwrap().parent.clone();
    vcsim.move_to(&node.name, "moved/here", None).await.unwrap();
    times.push(until(&inventory, &watched, "folder", |vm| vm.parent.is_some() && vm.parent != before).await);
    vcsim.patch_vm(&node.name, &VmSpec::named("other-name")).await.unwrap();
    times.push(until(&inventory, &watched, "name", |vm| vm.name == "other-name").await);
    let stale = VmSpec { connection_state: Some("disconnected".into()), ..VmSpec::default() };
    vcsim.patch_vm("other-name", &stale).await.unwrap();
    times.push(
        until(&inventory, &watched, "connection", |vm| vm.connection_state == ConnectionState::Stale).await,
    );

    println!("until a change was in the store: {times:?}");
    assert!(times.iter().all(|time| *time < SOON), "{times:?}");
    let told = news.so_far();
    assert!(told.len() >= 8 && told.iter().all(|change| *change == Change::Vm(watched.clone())), "{told:?}");
    assert_eq!(inventory.store().vm(&other.moref).unwrap(), other, "the other machine is left alone");
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.soap("CreatePropertyCollector")), (1, 1), "{requests:?}");
}

#[tokio::test]
async fn a_machine_that_is_gone_leaves_the_store() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 3).await.unwrap();
    let inventory = inventory(&vcsim);
    join(&inventory, &vms).await;
    let mut news = News::of(&inventory);
    for (i, vm) in vms.iter().take(2).enumerate() {
        let started = Instant::now();
        if i == 0 {
            vcsim.delete_vm(&vm.name).await.unwrap();
        } else {
            vcsim.unregister(&vm.name).await.unwrap();
        }
        news.wait_for(&Change::Vm(moref(vm))).await;
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
        assert_eq!(inventory.store().vm(&moref(vm)), None);
    }
    assert_eq!(inventory.store().len(), 1);

    // Registered again it is another object, which nobody has asked for.
    let back = vcsim.register(&vms[1].name).await.unwrap();
    assert_ne!(back.moref, vms[1].moref);
    join(&inventory, std::slice::from_ref(&back)).await;
    assert_eq!(inventory.store().vm(&moref(&back)).unwrap().bios_uuid, Some(uuid(&vms[1].uuid)));

    // One that does not exist (any longer) spoils nothing.
    inventory.join(morefs(&vms)).await.unwrap();
    assert_eq!(inventory.store().len(), 2);
}

#[tokio::test]
async fn a_batch_of_machines_is_joined_with_one_request_per_view() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 120).await.unwrap();
    let inventory = inventory(&vcsim);
    join(&inventory, &vms[..1]).await;
    let counted = async |batch: &[xtask::testbed::Vm]| {
        let before = vcsim.requests().await.unwrap();
        inventory.join(morefs(batch)).await.unwrap();
        let made = vcsim.requests().await.unwrap().since(&before);
        assert!(batch.iter().all(|vm| inventory.store().vm(&moref(vm)).is_some()));
        (made.soap("ModifyListView"), made.soap("RetrievePropertiesEx"), made.total_without_polls())
    };
    assert_eq!(counted(&vms[1..11]).await, (1, 1, 2));
    assert_eq!(counted(&vms[11..]).await, (2, 1, 3), "many are spread over the views");
    assert_eq!(counted(&vms).await, (0, 0, 0), "they are known");

    let mut news = News::of(&inventory);
    inventory.leave(morefs(&vms[..10]));
    eventually("ten have left", SOON, async || match inventory.store().len() {
        110 => Ok(()),
        other => Err(other),
    })
    .await
    .unwrap();
    vcsim.power(&vms[3].name, Power::PoweredOff).await.unwrap();
    vcsim.power(&vms[20].name, Power::PoweredOff).await.unwrap();
    news.wait_for(&Change::Vm(moref(&vms[20]))).await;
    assert_eq!(inventory.store().vm(&moref(&vms[3])), None, "nobody wants to know of it any longer");
}

#[tokio::test]
async fn a_machine_that_could_not_be_watched_can_be_joined_again() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 2).await.unwrap();
    let inventory = inventory(&vcsim);
    join(&inventory, &vms[..1]).await;
    vcsim
        .add_fault(&Fault::new("ModifyListView", FaultKind::Soap("NoPermission".into())).times(1))
        .await
        .unwrap();
    let refused = inventory.join(morefs(&vms)).await.unwrap_err();
    assert!(matches!(refused, Error::Fault { method: "ModifyListView", .. }), "{refused:?}");
    inventory.join(morefs(&vms)).await.unwrap();
    vcsim.power(&vms[1].name, Power::PoweredOff).await.unwrap();
    until(&inventory, &moref(&vms[1]), "off", |vm| vm.power_state == PowerState::Off).await;
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 1);
}

#[tokio::test]
async fn arrivals_are_told_once_somebody_wants_to_know() {
    let vcsim = vcsim().await;
    let first = vcsim.create_vms("node-", 1).await.unwrap();
    let inventory = inventory(&vcsim);
    let mut news = News::of(&inventory);
    join(&inventory, &first).await;
    vcsim.create_vms("early-", 1).await.unwrap();
    assert_eq!(vcsim.requests().await.unwrap().soap("CreateCollectorForEvents"), 0);

    inventory.watch_arrivals();
    inventory.watch_arrivals();
    eventually("the events are watched", Duration::from_secs(5), async || {
        let requests = vcsim.requests().await.unwrap();
        // Two for the views, one for the events.
        if requests.soap("CreateFilter") == 3 { Ok(()) } else { Err(format!("{requests:?}")) }
    })
    .await
    .unwrap();
    news.so_far();
    let started = Instant::now();
    vcsim.create_vms("late-", 1).await.unwrap();
    news.wait_for(&Change::Appeared).await;
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_eq!(vcsim.requests().await.unwrap().soap("CreateCollectorForEvents"), 1);

    // Also after the session was lost, which takes the collector of events along.
    vcsim.terminate_sessions().await.unwrap();
    news.wait_for(&Change::Up).await;
    eventually("the events are watched again", Duration::from_secs(5), async || {
        let requests = vcsim.requests().await.unwrap();
        if requests.soap("CreateFilter") == 6 { Ok(()) } else { Err(format!("{requests:?}")) }
    })
    .await
    .unwrap();
    vcsim.create_vms("later-", 1).await.unwrap();
    news.wait_for(&Change::Appeared).await;
}

#[tokio::test]
async fn an_account_that_may_not_read_events_does_without() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 1).await.unwrap();
    vcsim
        .add_fault(&Fault::new("CreateCollectorForEvents", FaultKind::Soap("NoPermission".into())))
        .await
        .unwrap();
    let inventory = inventory(&vcsim);
    inventory.watch_arrivals();
    join(&inventory, &vms).await;
    vcsim.power(&vms[0].name, Power::PoweredOff).await.unwrap();
    until(&inventory, &moref(&vms[0]), "off", |vm| vm.power_state == PowerState::Off).await;
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("CreateCollectorForEvents"), requests.soap("Login")), (1, 1), "{requests:?}");
}

async fn two_datacenters() -> (Vcsim, Vec<xtask::testbed::Vm>) {
    let vcsim = Vcsim::start(VcsimOptions { datacenters: 2, ..VcsimOptions::default() }).await.unwrap();
    let place = |name: &str, datacenter: &str, folder: &str| VmSpec {
        datacenter: Some(datacenter.into()),
        folder: Some(folder.into()),
        ..VmSpec::named(name)
    };
    let vms = vcsim.create(&[place("in", "DC0", "a/b/c"), place("out", "DC1", "x")]).await.unwrap();
    (vcsim, vms)
}

fn restricted(vcsim: &Vcsim, datacenters: &[&str]) -> Inventory {
    let mut vcenter = vcenter(vcsim);
    vcenter.datacenters = datacenters.iter().map(|name| (*name).to_owned()).collect();
    Inventory::start(&vcenter, None, feed(vcsim)).unwrap()
}

#[tokio::test]
async fn machines_outside_the_configured_datacenters_are_told_apart() {
    let (vcsim, vms) = two_datacenters().await;
    let scope_of = |inventory: &Inventory, vm| {
        let vm = inventory.store().vm(&moref(vm)).unwrap();
        inventory.store().scope_of(&vm)
    };
    for datacenters in [&["DC0"][..], &["/DC0"], &["DC0", "DC0"]] {
        let inventory = restricted(&vcsim, datacenters);
        join(&inventory, &vms).await;
        assert_eq!(scope_of(&inventory, &vms[0]), Scope::Inside, "{datacenters:?}");
        assert_eq!(scope_of(&inventory, &vms[1]), Scope::Outside("DC1".into()), "{datacenters:?}");
        inventory.close().await;
    }
    let inventory = restricted(&vcsim, &["DC0", "DC1"]);
    join(&inventory, &vms).await;
    assert_eq!(scope_of(&inventory, &vms[0]), Scope::Inside);
    assert_eq!(scope_of(&inventory, &vms[1]), Scope::Inside);
}

#[tokio::test]
async fn a_machine_in_a_folder_that_is_new_is_not_taken_for_an_outsider() {
    let (vcsim, vms) = two_datacenters().await;
    let inventory = restricted(&vcsim, &["DC0"]);
    join(&inventory, &vms).await;
    let watched = moref(&vms[0]);
    let before = inventory.store().vm(&watched).unwrap().parent.clone();
    vcsim.move_to(&vms[0].name, "brand/new", None).await.unwrap();
    until(&inventory, &watched, "moved", |vm| vm.parent != before).await;
    let scope = || inventory.store().scope_of(&inventory.store().vm(&watched).unwrap());
    assert_ne!(scope(), Scope::Outside("DC0".into()));
    // Whoever asks for it has the new folder read.
    inventory.join(vec![watched.clone()]).await.unwrap();
    assert_eq!(scope(), Scope::Inside);
}

#[tokio::test]
async fn a_datacenter_that_does_not_exist_is_told_with_those_that_do() {
    let (vcsim, _) = two_datacenters().await;
    let inventory = restricted(&vcsim, &["DC0", "DC7"]);
    let error = down(&inventory, |_| true).await;
    assert_eq!(
        error,
        Error::Configuration("datacenter \"DC7\" does not exist in this vCenter; there are: DC0, DC1".into())
    );
    assert_eq!(inventory.find(vec![by_name("in")]).await.unwrap_err(), error);
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.soap("CreatePropertyCollector")), (1, 0), "{requests:?}");
}

#[tokio::test]
async fn a_vcenter_that_hangs_or_is_down_does_not_delay_another() {
    let options = |seed: &str| VcsimOptions { seed: seed.into(), ..VcsimOptions::default() };
    let (good, hanging, gone) = tokio::join!(
        Vcsim::start(options("good")),
        Vcsim::start(options("hanging")),
        Vcsim::start(options("gone")),
    );
    let (good, hanging, gone) = (good.unwrap(), hanging.unwrap(), gone.unwrap());
    let vms = good.create_vms("node-", 1).await.unwrap();
    hanging.add_fault(&Fault::new("*", FaultKind::Hang)).await.unwrap();
    let silent = inventory(&hanging);
    let absent = inventory(&gone);
    drop(gone);
    let started = Instant::now();
    let healthy = inventory(&good);
    up(&healthy).await;
    join(&healthy, &vms).await;
    let took = started.elapsed();
    println!("start next to two broken vCenters: {took:?}");
    assert!(took < Duration::from_millis(2500), "{took:?}");
    // What is asked of the others ends in an error, in time.
    let (unanswered, refused) =
        tokio::join!(silent.find(vec![by_uuid(&vms[0])]), absent.find(vec![by_uuid(&vms[0])]));
    assert!(matches!(unanswered, Err(Error::Timeout { .. })), "{unanswered:?}");
    assert!(matches!(refused, Err(Error::Unreachable(_))), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_machine_that_leaves_and_is_joined_again_is_watched() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 40).await.unwrap();
    let inventory = inventory(&vcsim);
    join(&inventory, &vms).await;
    // As when a node is deleted and registers anew: an answer to the poll is on its way meanwhile.
    for vm in &vms {
        inventory.leave(vec![moref(vm)]);
        inventory.find(vec![by_uuid(vm)]).await.unwrap();
        inventory.join(vec![moref(vm)]).await.unwrap();
    }
    for vm in &vms {
        vcsim.power(&vm.name, Power::PoweredOff).await.unwrap();
    }
    for vm in &vms {
        until(&inventory, &moref(vm), "off", |vm| vm.power_state == PowerState::Off).await;
    }
}
