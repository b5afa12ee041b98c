//! Configurations read while running.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, IntCounter, IntGauge};

use super::Registry;

/// The metrics of reading the configuration again; the default counts for nobody.
#[derive(Clone, Debug)]
pub struct Reload {
    succeeded: IntCounter,
    failed: IntCounter,
    last_successful: IntGauge,
    last_success: Gauge,
}

impl Default for Reload {
    fn default() -> Self {
        Self::new(&mut Registry::default())
    }
}

impl Reload {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let none: &[&str] = &[];
        let total = registry.counters(
            "vsphere_cloud_config_reload_total",
            &["outcome"],
            "Changed configurations that were read while running. Outcomes: success, failure (the one before \
             stays in use).",
        );
        let last_successful = registry.gauges(
            "vsphere_cloud_config_last_reload_successful",
            &[],
            "1 if the configuration in use is the newest, 0 if the newest was refused.",
        );
        let last_success = registry.seconds(
            "vsphere_cloud_config_last_reload_success_timestamp_seconds",
            &[],
            "When the configuration in use was read, in seconds since 1970.",
        );
        let this = Self {
            succeeded: total.with_label_values(&["success"]),
            failed: total.with_label_values(&["failure"]),
            last_successful: last_successful.with_label_values(none),
            last_success: last_success.with_label_values(none),
        };
        // Whoever runs has read one.
        this.in_use();
        this
    }

    /// A new configuration is in use.
    pub fn succeeded(&self) {
        self.succeeded.inc();
        self.in_use();
    }

    /// A new configuration was refused; the one before stays in use.
    pub fn failed(&self) {
        self.failed.inc();
        self.last_successful.set(0);
    }

    fn in_use(&self) {
        self.last_successful.set(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_success.set(now.as_secs_f64());
    }
}
