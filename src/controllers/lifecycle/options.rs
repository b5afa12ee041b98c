//! How the controller behaves, and what it counts.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    /// No Node is ever deleted (the environment variable `SKIP_NODE_DELETION`, whatever its value).
    pub skip_deletion: bool,
    /// What is counted, for whoever publishes it.
    pub counters: Arc<Counters>,
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
            skip_deletion: false,
            counters: Arc::default(),
        }
    }
}

impl Options {
    /// The pause between two looks at what is settled and only has to stay true.
    pub(super) fn settled_pause(&self) -> Duration {
        self.confirm_after.max(self.monitor_period)
    }
}

/// What the controller has done so far.
#[derive(Debug, Default)]
pub struct Counters {
    deleted: AtomicU64,
    deletions_failed: AtomicU64,
    deletions_held: AtomicU64,
    held: AtomicU64,
    tripped: AtomicU64,
    tainted: AtomicU64,
    untainted: AtomicU64,
}

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
}

impl Counters {
    /// How many there are.
    pub fn get(&self, count: Count) -> u64 {
        self.cell(count).load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, count: Count) {
        self.cell(count).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set(&self, count: Count, value: u64) {
        self.cell(count).store(value, Ordering::Relaxed);
    }

    fn cell(&self, count: Count) -> &AtomicU64 {
        match count {
            Count::Deleted => &self.deleted,
            Count::DeletionsFailed => &self.deletions_failed,
            Count::DeletionsHeld => &self.deletions_held,
            Count::Held => &self.held,
            Count::Tripped => &self.tripped,
            Count::Tainted => &self.tainted,
            Count::Untainted => &self.untainted,
        }
    }
}
