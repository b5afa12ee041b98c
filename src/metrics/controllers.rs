//! The work of the controllers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::Registry;

/// Seconds; upstream's, which are 4 to the power of 0 to 5.
const DELAY_BOUNDS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0];

/// Seconds. A look that finds all in memory takes well below a millisecond, one that writes some;
/// one that waits for a vCenter that is away takes as long as that.
const WORK_BOUNDS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0];

/// The metrics of all controllers.
#[derive(Clone, Debug)]
pub struct Controllers {
    initial_sync: Histogram,
    taint_removal: Histogram,
    depth: IntGaugeVec,
    adds: IntCounterVec,
    retries: IntCounterVec,
    work: HistogramVec,
}

impl Default for Controllers {
    fn default() -> Self {
        Self::new(&mut Registry::default())
    }
}

impl Controllers {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let none: &[&str] = &[];
        Self {
            initial_sync: registry
                .histograms(
                    "node_controller_initial_node_sync_delay_seconds",
                    &[],
                    "Seconds from a node's creation until its initialisation was written.",
                    DELAY_BOUNDS,
                )
                .with_label_values(none),
            taint_removal: registry
                .histograms(
                    "node_controller_cloud_provider_taint_removal_delay_seconds",
                    &[],
                    "Seconds from a node's creation until the taint \
                     node.cloudprovider.kubernetes.io/uninitialized was removed. Both happen in one step \
                     here, so this equals the delay of the initialisation.",
                    DELAY_BOUNDS,
                )
                .with_label_values(none),
            depth: registry.gauges(
                "workqueue_depth",
                &["name"],
                "Nodes that a controller is looking at or writing to.",
            ),
            adds: registry.counters(
                "workqueue_adds_total",
                &["name"],
                "Occasions to look at a node: it changed, or its machine did.",
            ),
            retries: registry.counters(
                "workqueue_retries_total",
                &["name"],
                "Nodes that are looked at again because something could not be written.",
            ),
            work: registry.histograms(
                "workqueue_work_duration_seconds",
                &["name"],
                "How long a look at a node took, with all the waiting in it.",
                WORK_BOUNDS,
            ),
        }
    }

    /// A node was initialised so long after it was created.
    pub fn initialised(&self, since_creation: Duration) {
        self.initial_sync.observe(since_creation.as_secs_f64());
        self.taint_removal.observe(since_creation.as_secs_f64());
    }

    /// The metrics of one controller's queue.
    pub fn queue(&self, name: &'static str) -> Queue {
        let labels = &[name];
        Queue(Arc::new(Counts {
            depth: self.depth.with_label_values(labels),
            adds: self.adds.with_label_values(labels),
            retries: self.retries.with_label_values(labels),
            work: self.work.with_label_values(labels),
        }))
    }
}

#[derive(Debug)]
struct Counts {
    depth: IntGauge,
    adds: IntCounter,
    retries: IntCounter,
    work: Histogram,
}

/// The metrics of one controller's queue.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Counts>);

impl Queue {
    /// There is an occasion to look at something.
    pub fn added(&self) {
        self.0.adds.inc();
    }

    /// It has to be tried again.
    pub fn retried(&self) {
        self.0.retries.inc();
    }

    /// Work begins; it ends when the result is dropped.
    #[must_use]
    pub fn begin(&self) -> Working {
        self.0.depth.inc();
        Working { counts: Arc::clone(&self.0), since: Instant::now() }
    }
}

/// Work that is under way.
#[derive(Debug)]
pub struct Working {
    counts: Arc<Counts>,
    since: Instant,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.counts.depth.dec();
        self.counts.work.observe(self.since.elapsed().as_secs_f64());
    }
}
