//! The manager's wall clock jumps.

use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use xtask::testbed::{ManagerOptions, Power, WallClock, eventually};

use super::common::{has_shutdown_taint, hasty_by, initialise, vcenter};
use crate::support::{Cluster, Config, QUIET, SOON, names};

const LEASE: [&str; 4] = [
    "--leader-elect=true",
    "--leader-elect-lease-duration=10s",
    "--leader-elect-renew-deadline=8s",
    "--leader-elect-retry-period=300ms",
];

/// By how many hours the lease was renewed in the future, as the manager's clock has it.
async fn renewed_ahead(cluster: &Cluster, hours: i64) {
    let shown = eventually("the lease is renewed by the other time", SOON, async || {
        let renewed = cluster.lease().await.and_then(|lease| lease.renew_time);
        let renewed = renewed.ok_or_else(|| anyhow::anyhow!("there is no lease"))?;
        let minutes = renewed.0.duration_since(Timestamp::now()).as_mins();
        anyhow::ensure!((minutes - hours * 60).abs() <= 2, "{minutes} minutes ahead");
        Ok(())
    });
    shown.await.unwrap();
}

#[tokio::test]
async fn hours_forward_and_back_neither_hurry_nor_delay_anything() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("clock-", 4).await.unwrap();
    let [fine, first, second, off] = ["clock-0", "clock-1", "clock-2", "clock-3"];
    // Ahead, so that certificates are valid all the time.
    let clock = WallClock::ahead(12).unwrap();
    let confirm = Duration::from_secs(3);
    let flag = format!("--deletion-confirm-after={}s", confirm.as_secs());
    let manager = hasty_by(&cluster, &Config::of(&[&vcsim]), &[&flag], |options| {
        options.alone = false;
        options.args.extend(LEASE.map(str::to_owned));
        options.env.extend(clock.env());
    });
    initialise(&cluster, &vms).await;
    renewed_ahead(&cluster, 12).await;
    cluster.set_ready(fine, false).await;

    // A machine is gone, and while that is to be confirmed the clock jumps: once forward, once back.
    for (gone, hours) in [(first, 72), (second, 0)] {
        vcsim.delete_vm(gone).await.unwrap();
        let silent = Instant::now();
        cluster.set_ready(gone, false).await;
        tokio::time::sleep(confirm / 3).await;
        clock.set_ahead(hours).unwrap();
        renewed_ahead(&cluster, hours).await;
        cluster.deleted(gone, SOON).await;
        assert!(silent.elapsed() >= confirm, "{hours} h: {:?}", silent.elapsed());
        assert!(cluster.has(fine).await, "{hours} h");
        assert!(!has_shutdown_taint(&cluster.node(fine).await), "{hours} h");
    }

    // It works on as before.
    clock.set_ahead(24).unwrap();
    vcsim.power(off, Power::PoweredOff).await.unwrap();
    cluster.set_ready(off, false).await;
    cluster.node_when("it is off", off, has_shutdown_taint).await;
    let deletions = cluster.node_writes().keys().filter(|write| write.starts_with("delete")).count();
    assert_eq!(deletions, 2, "of {:?}", names(&vms));
    assert!(!manager.logs().contains("the lease is lost"), "{}", manager.logs());
    let transitions = cluster.lease().await.unwrap().lease_transitions;
    assert_eq!(transitions.unwrap_or_default(), 0);
}

#[tokio::test]
async fn a_standby_whose_clock_is_days_ahead_or_behind_does_not_take_the_lease() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let config = Config::of(&[&vcsim]);
    let flags = |clock: Option<&WallClock>| {
        let env = clock.map(WallClock::env).into_iter().flatten().collect::<Vec<_>>();
        move |options: &mut ManagerOptions| {
            options.alone = false;
            options.args.extend(LEASE.map(str::to_owned));
            options.env.extend(env);
        }
    };
    let leader = cluster.manager_with(&config, flags(None));
    leader.wait_for_log("the lease is ours", SOON).await.unwrap();
    let clock = WallClock::ahead(96).unwrap();
    let standby = cluster.manager_with(&config, flags(Some(&clock)));
    standby.wait_for_log("standing by", SOON).await.unwrap();
    tokio::time::sleep(QUIET).await;
    clock.set_ahead(0).unwrap();
    tokio::time::sleep(QUIET).await;
    assert!(!standby.logs().contains("the lease is ours"), "{}", standby.logs());
    assert!(!leader.logs().contains("the lease is lost"), "{}", leader.logs());
    // And takes it when it is free.
    leader.stop(SOON).await.unwrap();
    standby.wait_for_log("the lease is ours", SOON).await.unwrap();
}
