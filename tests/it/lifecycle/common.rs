//! What these tests share.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use xtask::testbed::{Manager, ManagerOptions, Vcsim, VcsimOptions, Vm};

use crate::support::{Cluster, Config, SOON, names, specs};

/// How long after a proof the managers of these tests look again before they delete.
pub(super) const CONFIRM: Duration = Duration::from_secs(1);
/// Longer than a deletion takes that is going to happen.
pub(super) const LONG: Duration = Duration::from_secs(3);
/// What is remembered of a node's machine.
pub(super) const MACHINE: &str = "vsphere-cloud.io/machine";
/// What an administrator says to confirm a deletion.
pub(super) const CONFIRMED: &str = "vsphere-cloud.io/confirm-deletion";

pub(super) async fn vcenter(seed: &str) -> Vcsim {
    Vcsim::start(VcsimOptions { seed: seed.into(), ..VcsimOptions::default() }).await.unwrap()
}

/// Starts a manager for which a second is a minute and a crowd is no reason to wait.
pub(super) fn hasty(cluster: &Cluster, config: &Config) -> Manager {
    hasty_with(cluster, config, &[])
}

/// The same, with more flags; they win.
pub(super) fn hasty_with(cluster: &Cluster, config: &Config, flags: &[&str]) -> Manager {
    hasty_by(cluster, config, flags, |_| ())
}

/// The same, started in another way.
pub(super) fn hasty_by(
    cluster: &Cluster,
    config: &Config,
    flags: &[&str],
    change: impl FnOnce(&mut ManagerOptions),
) -> Manager {
    let defaults = [
        ("--node-monitor-period", "300ms"),
        ("--deletion-confirm-after", "1s"),
        ("--deletion-absence-window", "1s"),
        ("--deletion-breaker-fraction", "1"),
    ];
    cluster.manager_with(config, |options| {
        let left = defaults.iter().filter(|(flag, _)| !flags.iter().any(|given| given.starts_with(flag)));
        options.args.extend(left.map(|(flag, value)| format!("{flag}={value}")));
        options.args.extend(flags.iter().map(ToString::to_string));
        change(options);
    })
}

/// Registers the nodes of these machines and waits until they are initialised.
pub(super) async fn initialise(cluster: &Cluster, vms: &[Vm]) {
    cluster.register(&specs(vms)).await;
    cluster.initialised(&names(vms), SOON).await;
}

pub(super) fn has_shutdown_taint(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    taints
        .into_iter()
        .flatten()
        .any(|taint| taint.key == "node.cloudprovider.kubernetes.io/shutdown" && taint.effect == "NoSchedule")
}

pub(super) fn machine(node: &Node) -> &str {
    &node.metadata.annotations.as_ref().unwrap()[MACHINE]
}
