//! Events written to the API server.

use prometheus::IntCounterVec;

use super::Registry;

/// The metrics of Events; the default counts for nobody.
#[derive(Clone, Debug)]
pub struct Events(IntCounterVec);

impl Default for Events {
    fn default() -> Self {
        Self::new(&mut Registry::default())
    }
}

impl Events {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self(registry.counters(
            "vsphere_cloud_events_total",
            &["component", "reason", "outcome"],
            "Kubernetes Events, by the component that tells them, their reason, and outcome: written, failed.",
        ))
    }

    /// An Event was written, or could not be. Both names are ours, never from outside.
    pub fn told(&self, component: &'static str, reason: &'static str, written: bool) {
        let outcome = if written { "written" } else { "failed" };
        self.0.with_label_values(&[component, reason, outcome]).inc();
    }
}
