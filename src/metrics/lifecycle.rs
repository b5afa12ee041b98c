//! What the node lifecycle controller has done.

use prometheus::{IntCounter, IntGauge};

use super::Registry;

/// One of the things that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Nodes deleted.
    Deleted,
    /// Deletions that the API server refused or did not answer.
    DeletionsFailed,
    /// Deletions that the breaker did not let through, each Node once.
    DeletionsHeld,
    /// Nodes that the breaker holds now.
    Held,
    /// Whether the breaker is tripped now: 1 or 0.
    Tripped,
    /// Shutdown taints set.
    Tainted,
    /// Shutdown taints removed.
    Untainted,
    /// Nodes taken out of service, so that their volumes are released.
    OutOfService,
    /// Nodes put back into service.
    BackInService,
}

/// The metrics of the node lifecycle controller; the default counts for nobody.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    deleted: IntCounter,
    deletions_failed: IntCounter,
    deletions_held: IntCounter,
    held: IntGauge,
    tripped: IntGauge,
    tainted: IntCounter,
    untainted: IntCounter,
    out_of_service: IntCounter,
    back_in_service: IntCounter,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new(&mut Registry::default())
    }
}

impl Lifecycle {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let none: &[&str] = &[];
        let deletions = registry.counters(
            "vsphere_cloud_node_deletions_total",
            &["outcome"],
            "Nodes whose machines are proved to be gone. Outcomes: deleted, failed (the API server refused or \
             did not answer), held (the breaker did not let it through; each node once).",
        );
        let taints = registry.counters(
            "vsphere_cloud_shutdown_taints_total",
            &["action"],
            "Taints node.cloudprovider.kubernetes.io/shutdown that were set or removed.",
        );
        let out_of_service = registry.counters(
            "vsphere_cloud_out_of_service_taints_total",
            &["action"],
            "Taints node.kubernetes.io/out-of-service that were set, so that the volumes of a dead node are \
             released, or removed.",
        );
        let held = registry.gauges(
            "vsphere_cloud_deletion_held_nodes",
            &[],
            "Nodes whose deletion the breaker holds back now.",
        );
        let tripped = registry.gauges(
            "vsphere_cloud_deletion_breaker_tripped",
            &[],
            "1 while too many machines are gone at once for it to be true, and no node is deleted.",
        );
        Self {
            deleted: deletions.with_label_values(&["deleted"]),
            deletions_failed: deletions.with_label_values(&["failed"]),
            deletions_held: deletions.with_label_values(&["held"]),
            held: held.with_label_values(none),
            tripped: tripped.with_label_values(none),
            tainted: taints.with_label_values(&["set"]),
            untainted: taints.with_label_values(&["removed"]),
            out_of_service: out_of_service.with_label_values(&["set"]),
            back_in_service: out_of_service.with_label_values(&["removed"]),
        }
    }

    /// How many there are.
    pub fn get(&self, count: Count) -> u64 {
        match self.cell(count) {
            Cell::Counter(counter) => counter.get(),
            Cell::Gauge(gauge) => u64::try_from(gauge.get()).unwrap_or_default(),
        }
    }

    /// One more.
    pub fn add(&self, count: Count) {
        match self.cell(count) {
            Cell::Counter(counter) => counter.inc(),
            Cell::Gauge(gauge) => gauge.inc(),
        }
    }

    /// So many there are now; only for what goes up and down: [`Count::Held`], [`Count::Tripped`].
    pub fn set(&self, count: Count, value: u64) {
        match self.cell(count) {
            Cell::Gauge(gauge) => gauge.set(i64::try_from(value).unwrap_or(i64::MAX)),
            Cell::Counter(_) => debug_assert!(false, "{count:?} only grows"),
        }
    }

    fn cell(&self, count: Count) -> Cell<'_> {
        match count {
            Count::Deleted => Cell::Counter(&self.deleted),
            Count::DeletionsFailed => Cell::Counter(&self.deletions_failed),
            Count::DeletionsHeld => Cell::Counter(&self.deletions_held),
            Count::Held => Cell::Gauge(&self.held),
            Count::Tripped => Cell::Gauge(&self.tripped),
            Count::Tainted => Cell::Counter(&self.tainted),
            Count::Untainted => Cell::Counter(&self.untainted),
            Count::OutOfService => Cell::Counter(&self.out_of_service),
            Count::BackInService => Cell::Counter(&self.back_in_service),
        }
    }
}

enum Cell<'a> {
    Counter(&'a IntCounter),
    Gauge(&'a IntGauge),
}
