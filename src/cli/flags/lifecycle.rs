//! The flags of the node lifecycle controller.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::go::{Switch, duration};
use crate::controllers::lifecycle::{Options, OutOfService};

/// If this environment variable is set, whatever to, no Node is deleted; upstream's escape hatch.
const SKIP_DELETION: &str = "SKIP_NODE_DELETION";

/// When a Node may be deleted.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Cloud node lifecycle controller flags")]
#[group(skip)]
pub(crate) struct Flags {
    /// How often nodes that are not ready are looked at, unless something tells of them sooner.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    node_monitor_period: Duration,

    /// How long after the proof that a node's VM is gone it must hold once more.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    deletion_confirm_after: Duration,

    /// Over how long a VM of which nothing is recorded must be missing three times.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    deletion_absence_window: Duration,

    /// The share of all nodes that may go within the breaker's window; one may always.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    deletion_breaker_fraction: f64,

    /// The breaker's window: when more VMs are gone within it, no node is deleted.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    deletion_breaker_window: Duration,

    /// How long the proof must hold until a node that the breaker held back is deleted.
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    deletion_breaker_hold: Duration,

    /// The most questions about the existence of VMs that are under way at the same time.
    #[arg(long, value_name = "N", default_value = "64")]
    concurrent_existence_checks: NonZeroUsize,

    /// Taint a node that holds volumes with node.kubernetes.io/out-of-service when its VM is proved to be
    /// switched off or gone, so that the volumes can be attached elsewhere at once.
    #[arg(long, default_value = "true")]
    out_of_service_taint: Switch,

    /// How long a VM must have been switched off before its node is out of service.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    out_of_service_grace: Duration,

    /// How long the deletion of a node whose VM is gone waits for its volumes to be released.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    out_of_service_release_timeout: Duration,
}

impl Flags {
    /// The controller's options.
    pub(crate) fn options(&self) -> Options {
        Options {
            monitor_period: self.node_monitor_period,
            confirm_after: self.deletion_confirm_after,
            absence_window: self.deletion_absence_window,
            breaker_fraction: self.deletion_breaker_fraction,
            breaker_window: self.deletion_breaker_window,
            held_for: self.deletion_breaker_hold,
            concurrency: self.concurrent_existence_checks,
            out_of_service: OutOfService {
                enabled: self.out_of_service_taint.0,
                grace: self.out_of_service_grace,
                release_timeout: self.out_of_service_release_timeout,
            },
            skip_deletion: std::env::var_os(SKIP_DELETION).is_some(),
            ..Options::default()
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_shares() {
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(["1.1", "-0.1", "NaN", "10%"].iter().all(|text| share(text).is_err()));
    }
}
