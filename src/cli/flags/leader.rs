//! Flags of leader election.

use std::time::Duration;

use super::go::{self, Switch};
use crate::k8s::Subject;
use crate::k8s::leader::Settings;

/// Who leads, of several managers.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Leader election flags")]
#[group(skip)]
pub(crate) struct Flags {
    /// Work only while holding a lease, so that of several managers one works and the others stand by.
    #[arg(long, default_value = "true")]
    leader_elect: Switch,

    /// How long a standby waits after the last renewal that it saw before it takes the lease.
    #[arg(long = "leader-elect-lease-duration", value_name = "DURATION", default_value = "15s", value_parser = go::duration)]
    lease_duration: Duration,

    /// How long a leader leads without a renewal; after that it writes nothing, stops its controllers
    /// and stands by. Must be less than the lease duration.
    #[arg(long = "leader-elect-renew-deadline", value_name = "DURATION", default_value = "10s", value_parser = go::duration)]
    renew_deadline: Duration,

    /// The pause between renewals, and at least that between tries to become the leader.
    #[arg(long = "leader-elect-retry-period", value_name = "DURATION", default_value = "2s", value_parser = go::duration)]
    retry_period: Duration,

    /// What the lease is kept in: leases only.
    #[arg(long = "leader-elect-resource-lock", value_name = "KIND", default_value = "leases", value_parser = ["leases"])]
    resource_lock: String,

    /// The name of the Lease. Managers with the same one exclude each other, also upstream's.
    #[arg(
        long = "leader-elect-resource-name",
        value_name = "NAME",
        default_value = "cloud-controller-manager"
    )]
    resource_name: String,

    /// The namespace of the Lease.
    #[arg(long = "leader-elect-resource-namespace", value_name = "NAMESPACE", default_value = "kube-system")]
    resource_namespace: String,
}

impl Flags {
    /// What a candidate of this identity has to know; `None` if there is no election.
    pub(crate) fn settings(&self, identity: String) -> Option<Settings> {
        self.leader_elect.0.then(|| Settings {
            namespace: self.resource_namespace.clone(),
            name: self.resource_name.clone(),
            identity,
            lease_duration: self.lease_duration,
            renew_deadline: self.renew_deadline,
            retry_period: self.retry_period,
        })
    }

    /// The Lease, which Events about the manager are about, also without election.
    pub(crate) fn lease(&self) -> Subject {
        Subject::lease(&self.resource_namespace, &self.resource_name)
    }

    /// What is wrong with them together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Some(settings) = self.settings(String::new()) else { return Ok(()) };
        settings.check().map_err(|error| {
            format!(
                "--leader-elect-lease-duration, --leader-elect-renew-deadline and \
                 --leader-elect-retry-period, or the Lease's name, cannot be used together: {error}"
            )
        })
    }
}
