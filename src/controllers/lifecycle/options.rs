//! How the controller behaves, and what it counts.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::metrics::Metrics;
pub use crate::metrics::{Count, Lifecycle as Counters};

/// Questions to the infrastructure at the same time, unless told otherwise.
const CONCURRENCY: NonZeroUsize = match NonZeroUsize::new(64) {
    Some(number) => number,
    None => NonZeroUsize::MIN,
};

/// How the node lifecycle controller behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often a Node is asked about again that is not ready and whose machine exists or cannot be
    /// seen (`--node-monitor-period`). Changes are pushed, so this is but a safety net.
    pub monitor_period: Duration,
    /// How long after a proof it is checked again before the Node is deleted (`--deletion-confirm-after`).
    pub confirm_after: Duration,
    /// Over what time a machine of which nothing is recorded has to be seen missing three times
    /// (`--deletion-absence-window`).
    pub absence_window: Duration,
    /// Which share of the Nodes may be gone within the window; one always may
    /// (`--deletion-breaker-fraction`).
    pub breaker_fraction: f64,
    /// The breaker's window (`--deletion-breaker-window`).
    pub breaker_window: Duration,
    /// How long a proof must hold for a Node to be deleted in spite of the breaker
    /// (`--deletion-breaker-hold`).
    pub held_for: Duration,
    /// The most questions to the infrastructure at the same time (`--concurrent-existence-checks`).
    pub concurrency: NonZeroUsize,
    /// When Nodes are taken out of service so that their volumes are released.
    pub out_of_service: OutOfService,
    /// No Node is ever deleted (the environment variable `SKIP_NODE_DELETION`, whatever its value).
    pub skip_deletion: bool,
    /// What is counted, for whoever publishes it.
    pub counters: Counters,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            monitor_period: Duration::from_secs(5),
            confirm_after: Duration::from_mins(1),
            absence_window: Duration::from_mins(5),
            breaker_fraction: 0.1,
            breaker_window: Duration::from_mins(10),
            held_for: Duration::from_mins(30),
            concurrency: CONCURRENCY,
            out_of_service: OutOfService::default(),
            skip_deletion: false,
            counters: Counters::default(),
        }
    }
}

/// When Nodes are taken out of service so that their volumes are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfService {
    /// Whether they are at all (`--out-of-service-taint`).
    pub enabled: bool,
    /// How long a machine must have been switched off (`--out-of-service-grace`): a restart is no death.
    pub grace: Duration,
    /// How long a deletion waits for the volumes of a Node whose machine is gone
    /// (`--out-of-service-release-timeout`).
    pub release_timeout: Duration,
}

impl Default for OutOfService {
    fn default() -> Self {
        Self { enabled: true, grace: Duration::from_secs(30), release_timeout: Duration::from_mins(1) }
    }
}

impl Options {
    /// The same, with what is counted published there.
    #[must_use]
    pub(in crate::controllers) fn observed(self, metrics: &Metrics) -> Self {
        Self { counters: metrics.lifecycle.clone(), ..self }
    }

    /// The pause between two looks at what is settled and only has to stay true.
    pub(super) fn settled_pause(&self) -> Duration {
        self.confirm_after.max(self.monitor_period)
    }
}
