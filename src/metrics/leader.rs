//! Who leads, and what runs.

use prometheus::{IntGauge, IntGaugeVec};

use super::Registry;

/// What runs them, as upstream calls it.
const MANAGER: &str = "cloud-controller-manager";

/// The metrics of leader election; the default counts for nobody.
#[derive(Clone, Debug)]
pub struct Leader {
    master: IntGaugeVec,
    running: IntGaugeVec,
}

impl Default for Leader {
    fn default() -> Self {
        Self::new(&mut Registry::default())
    }
}

impl Leader {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            master: registry.gauges(
                "leader_election_master_status",
                &["name"],
                "1 if this process holds the lease of this name, 0 if another one does.",
            ),
            running: registry.gauges(
                "running_managed_controllers",
                &["name", "manager"],
                "1 if this controller runs in this process.",
            ),
        }
    }

    /// Whether this process holds the lease of this name.
    pub fn set_leading(&self, lease: &str, leading: bool) {
        self.master.with_label_values(&[lease]).set(leading.into());
    }

    /// A controller runs until the result is dropped.
    #[must_use]
    pub fn running(&self, controller: &'static str) -> Running {
        let gauge = self.running.with_label_values(&[controller, MANAGER]);
        gauge.set(1);
        Running(gauge)
    }
}

/// A controller that runs.
#[derive(Debug)]
pub struct Running(IntGauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(0);
    }
}
