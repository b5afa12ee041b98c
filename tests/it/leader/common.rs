//! Managers that take turns.

use std::time::Duration;

use xtask::testbed::{Manager, ManagerOptions, Vcsim, eventually};

use crate::support::{Cluster, Config};

/// A lease that runs out while a test waits.
pub(super) const QUICK: [&str; 3] = [
    "--leader-elect-lease-duration=3s",
    "--leader-elect-renew-deadline=2s",
    "--leader-elect-retry-period=500ms",
];
/// One that does not: who takes it over was given it.
pub(super) const LONG: [&str; 3] = [
    "--leader-elect-lease-duration=10m",
    "--leader-elect-renew-deadline=9m",
    "--leader-elect-retry-period=500ms",
];

/// What a manager logs when it begins to lead, each time.
pub(super) const LEADS: &str = "the lease is ours";
/// … when somebody else does.
pub(super) const STANDS_BY: &str = "standing by";
/// … when it does no longer.
pub(super) const LOST: &str = "the lease is lost";

/// Starts a manager with leader election.
pub(super) fn candidate(cluster: &Cluster, config: &Config, times: [&str; 3]) -> Manager {
    candidate_with(cluster, config, times, |_| ())
}

/// Starts one in another way.
pub(super) fn candidate_with(
    cluster: &Cluster,
    config: &Config,
    times: [&str; 3],
    change: impl FnOnce(&mut ManagerOptions),
) -> Manager {
    cluster.manager_with(config, |options| {
        options.alone = false;
        options.args = times.map(str::to_owned).into();
        change(options);
    })
}

/// Who has the lease; nobody is empty.
pub(super) async fn holder(cluster: &Cluster) -> String {
    cluster.lease().await.and_then(|lease| lease.holder_identity).unwrap_or_default()
}

/// Waits until this many sessions are open at vCenter.
pub(super) async fn sessions(vcsim: &Vcsim, wanted: usize, deadline: Duration) {
    eventually("the sessions are as they should be", deadline, async || {
        let sessions = vcsim.sessions().await?.len();
        anyhow::ensure!(sessions == wanted, "{sessions} sessions, wanted {wanted}");
        Ok(())
    })
    .await
    .unwrap();
}

/// Waits until a manager has logged this so many times.
pub(super) async fn logged(manager: &Manager, text: &str, times: usize, deadline: Duration) {
    eventually("it is logged", deadline, async || {
        manager.check()?;
        let found = manager.logs().matches(text).count();
        anyhow::ensure!(found >= times, "{text:?}: {found} times");
        Ok(())
    })
    .await
    .unwrap();
}
