//! The inventory survives whatever happens to its session.

use std::time::{Duration, Instant};

use vsphere_cloud::vsphere::Error;
use vsphere_cloud::vsphere::inventory::{Change, Health, Inventory, PowerState};
use xtask::testbed::{Fault, FaultKind, Power, Requests, Vcsim, VcsimOptions, Vm, VmSpec, eventually};

use super::common::{News, by_name, by_uuid, inventory, join, moref, until, up, vcsim};

struct Bench {
    vcsim: Vcsim,
    inventory: Inventory,
    vms: Vec<Vm>,
    before: Requests,
}

/// An inventory that watches 20 machines.
async fn bench() -> Bench {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 20).await.unwrap();
    let inventory = inventory(&vcsim);
    join(&inventory, &vms).await;
    polling(&vcsim, 1).await;
    let before = vcsim.requests().await.unwrap();
    Bench { vcsim, inventory, vms, before }
}

async fn polling(vcsim: &Vcsim, polls: u64) {
    eventually("the watch polls", Duration::from_secs(5), async || {
        let requests = vcsim.requests().await.unwrap();
        if requests.soap("WaitForUpdatesEx") >= polls { Ok(()) } else { Err(format!("{requests:?}")) }
    })
    .await
    .unwrap();
}

impl Bench {
    /// A change that only a watch that works again can tell of; how long it took since `started`.
    async fn sees_changes(&self, what: &str, started: Instant) -> Duration {
        self.vcsim.power(&self.vms[7].name, Power::PoweredOff).await.unwrap();
        until(&self.inventory, &moref(&self.vms[7]), what, |vm| vm.power_state == PowerState::Off).await;
        let took = started.elapsed();
        println!("{what}: the store is current again after {took:?}");
        assert_eq!(self.inventory.store().len(), 20);
        took
    }

    async fn made(&self) -> Requests {
        self.vcsim.requests().await.unwrap().since(&self.before)
    }
}

#[tokio::test]
async fn a_session_that_ends_is_replaced_unnoticed() {
    let bench = bench().await;
    let mut health = bench.inventory.health();
    health.mark_unchanged();
    let started = Instant::now();
    bench.vcsim.terminate_sessions().await.unwrap();
    // Whoever asks meanwhile gets an answer.
    bench.inventory.find(vec![by_name("node-1")]).await.unwrap();
    assert_eq!(bench.inventory.store().len(), 20, "what was known stays known");
    let took = bench.sees_changes("session ended", started).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!matches!(*health.borrow_and_update(), Health::Down(_)));
    let made = bench.made().await;
    assert_eq!((made.soap("Login"), made.failed_logins), (1, 0), "{made:?}");
    assert!(made.total_without_polls() <= 20, "{made:?}");
}

#[tokio::test]
async fn what_is_asked_while_sessions_end_is_answered() {
    let bench = bench().await;
    bench.vcsim.set_latency(Duration::from_millis(3)).await.unwrap();
    let askers: Vec<_> = (0..8)
        .map(|i| {
            let (inventory, query) = (bench.inventory.clone(), by_uuid(&bench.vms[i]));
            tokio::spawn(async move {
                for _ in 0..60 {
                    assert_eq!(inventory.find(vec![query.clone()]).await?[0].len(), 1);
                }
                Ok::<(), Error>(())
            })
        })
        .collect();
    let searches = async |wanted: u64| {
        eventually("the load goes on", Duration::from_secs(10), async || {
            let made = bench.made().await.soap("FindAllByUuid");
            if made >= wanted { Ok(()) } else { Err(made) }
        })
        .await
        .unwrap();
    };
    searches(100).await;
    bench.vcsim.terminate_sessions().await.unwrap();
    searches(200).await;
    bench.vcsim.terminate_sessions().await.unwrap();
    for asker in askers {
        asker.await.unwrap().unwrap();
    }
    let made = bench.made().await;
    assert_eq!((made.soap("Login"), made.failed_logins), (2, 0), "{made:?}");
}

#[tokio::test]
async fn a_restart_costs_one_login() {
    let bench = bench().await;
    let mut news = News::of(&bench.inventory);
    let restart = tokio::spawn(async move {
        bench.vcsim.restart(Duration::from_secs(1)).await.unwrap();
        (Instant::now(), bench)
    });
    // While it is down the store says what was true last.
    let (started, bench) = restart.await.unwrap();
    assert_eq!(bench.inventory.store().len(), 20);
    let took = bench.sees_changes("restart, 1 s down", started).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    let told = news.so_far();
    assert!(told.contains(&Change::Up), "{told:?}");
    let made = bench.made().await;
    assert_eq!((made.soap("Login"), made.failed_logins), (1, 0), "{made:?}");
}

#[tokio::test]
async fn a_renewed_certificate_of_the_same_authority_costs_nothing_but_a_connection() {
    let bench = bench().await;
    let started = Instant::now();
    bench.vcsim.renew_certificate(false, &[]).await.unwrap();
    let took = bench.sees_changes("certificate renewed", started).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    let made = bench.made().await;
    assert_eq!(made.soap("Login"), 0, "the session is still there: {made:?}");
}

#[tokio::test]
async fn what_happens_while_vcenter_is_away_is_seen_afterwards() {
    let bench = bench().await;
    bench.vcsim.add_fault(&Fault::new("*", FaultKind::Status(503)).running()).await.unwrap();
    let health = bench.inventory.health();
    eventually("the trouble is noticed", Duration::from_secs(5), async || match &*health.borrow() {
        Health::Down(Error::Status { status: 503, .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    assert!(
        bench.inventory.find(vec![by_name("node-1")]).await.is_err(),
        "no answer is better than a wrong one"
    );
    assert_eq!(bench.inventory.store().len(), 20);
    let renamed = VmSpec { host_name: Some("meanwhile".into()), ..VmSpec::default() };
    bench.vcsim.patch_vm(&bench.vms[3].name, &renamed).await.unwrap();
    bench.vcsim.delete_vm(&bench.vms[4].name).await.unwrap();
    let mut news = News::of(&bench.inventory);
    bench.vcsim.clear_faults().await.unwrap();
    let started = Instant::now();
    until(&bench.inventory, &moref(&bench.vms[3]), "news", |vm| vm.host_name.as_deref() == Some("meanwhile"))
        .await;
    println!("503 until just now: the store is current again after {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    // One that was destroyed meanwhile is not told of by the new watch: it never had it.
    eventually("the destroyed machine leaves", Duration::from_secs(3), async || {
        match bench.inventory.store().vm(&moref(&bench.vms[4])) {
            None => Ok(()),
            Some(vm) => Err(format!("{} is still there", vm.name)),
        }
    })
    .await
    .unwrap();
    news.wait_for(&Change::Vm(moref(&bench.vms[4]))).await;
}

#[tokio::test]
async fn a_hang_costs_at_most_four_seconds_after_it_ends() {
    let bench = bench().await;
    let hang = Duration::from_secs(3);
    bench.vcsim.add_fault(&Fault::new("*", FaultKind::Hang).lasting(hang).running()).await.unwrap();
    let started = Instant::now();
    let (found, took) = tokio::join!(
        async {
            let found = bench.inventory.find(vec![by_name("node-1")]).await;
            (found, started.elapsed())
        },
        bench.sees_changes("hang of 3 s, polls included", started),
    );
    println!("find into a hang of 3 s: {:?}", found.1);
    assert!(took < hang + Duration::from_secs(4), "{took:?}");
    assert!(found.1 < hang + Duration::from_secs(4), "{found:?}");
    let made = bench.made().await;
    assert_eq!(made.soap("Login"), 0, "the session is still there: {made:?}");
}

#[tokio::test]
async fn a_hang_that_swallows_only_what_comes_in_is_noticed_too() {
    let bench = bench().await;
    let hang = Duration::from_secs(4);
    // Polls that wait are answered; the next one is not.
    bench.vcsim.add_fault(&Fault::new("*", FaultKind::Hang).lasting(hang)).await.unwrap();
    let started = Instant::now();
    tokio::time::sleep(hang).await;
    let took = bench.sees_changes("hang of 4 s, polls let go", started).await;
    assert!(took < hang + Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn polls_that_fail_again_and_again_leave_nothing_behind() {
    let bench = bench().await;
    bench.inventory.watch_arrivals();
    // The last request of all that make a watch.
    let filters = async |wanted: u64| {
        eventually("the watch is whole", Duration::from_secs(8), async || {
            let made = bench.made().await.soap("CreateFilter");
            if made == wanted { Ok(()) } else { Err(made) }
        })
        .await
        .unwrap();
    };
    filters(1).await;
    let kinds = [FaultKind::Reset, FaultKind::Malformed, FaultKind::Status(500)];
    for (times, kind) in (1..).zip(kinds) {
        let fault = Fault::new("WaitForUpdatesEx", kind).times(1).running();
        bench.vcsim.add_fault(&fault).await.unwrap();
        filters(1 + 3 * times).await;
    }
    let took = bench.sees_changes("polls failed", Instant::now()).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    let all = bench.vcsim.requests().await.unwrap();
    assert_eq!(all.soap("Login"), 1, "{all:?}");
    for (create, destroy) in [
        ("CreatePropertyCollector", "DestroyPropertyCollector"),
        ("CreateListView", "DestroyView"),
        ("CreateCollectorForEvents", "DestroyCollector"),
    ] {
        let alive = if create == "CreateListView" { 2 } else { 1 };
        // The scan at the start had a view of its own.
        let other = if create == "CreateListView" { all.soap("CreateContainerView") } else { 0 };
        assert_eq!(all.soap(create) + other - all.soap(destroy), alive, "{create}: {all:?}");
    }
}

#[tokio::test]
async fn a_vcenter_that_forgets_every_session_is_not_stormed_with_logins() {
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    vcsim
        .add_fault(&Fault::new("WaitForUpdatesEx", FaultKind::Soap("NotAuthenticated".into())))
        .await
        .unwrap();
    let inventory = inventory(&vcsim);
    let vms = vcsim.create_vms("node-", 1).await.unwrap();
    let _ = inventory.find(vec![by_name("node-0")]).await;
    let _ = inventory.join(vec![moref(&vms[0])]).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let requests = vcsim.requests().await.unwrap();
    println!("logins within 4 s at a vCenter that forgets its sessions: {}", requests.soap("Login"));
    assert!((2..=8).contains(&requests.soap("Login")), "{requests:?}");
    vcsim.clear_faults().await.unwrap();
    up(&inventory).await;
}
