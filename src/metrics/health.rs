//! Outcomes of health checks, as every component of Kubernetes tells them on a page of its own.

use prometheus::{IntCounterVec, IntGaugeVec};

use super::Registry;

/// The metrics of health checks; the default counts for nobody.
#[derive(Clone, Debug)]
pub struct Health {
    last: IntGaugeVec,
    total: IntCounterVec,
}

impl Default for Health {
    fn default() -> Self {
        Self::new(&mut Registry::default())
    }
}

impl Health {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            last: registry.gauges(
                "kubernetes_healthcheck",
                &["name", "type"],
                "The last outcome of a health check: 1 for success. The type is healthz, livez or readyz.",
            ),
            total: registry.counters(
                "kubernetes_healthchecks_total",
                &["name", "type", "status"],
                "Outcomes of health checks. The status is success or error.",
            ),
        }
    }

    /// A check was made for somebody who asked.
    pub fn checked(&self, kind: &'static str, name: &str, passed: bool) {
        let status = if passed { "success" } else { "error" };
        self.last.with_label_values(&[name, kind]).set(passed.into());
        self.total.with_label_values(&[name, kind, status]).inc();
    }
}
