//! What is remembered of a Node between two looks at it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::k8s::Node;

/// The pause after the first failure; it doubles with each further one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a write is waited for to come back through the watch. It is a matter of milliseconds;
/// the limit is there for versions that run backwards, as after an etcd restore.
const PATIENCE: Duration = Duration::from_secs(10);

/// Failures and writes of every Node that has any.
#[derive(Default)]
pub(super) struct Ledger(Mutex<HashMap<String, Entry>>);

#[derive(Default)]
struct Entry {
    failures: u32,
    written: Option<Written>,
}

struct Written {
    version: u64,
    at: Instant,
}

impl Ledger {
    /// How long to wait for our own last write, if this Node is from before it.
    ///
    /// The watch brings the first of two writes when the second is already done. Deciding on that
    /// one would repeat the second write, only to see it refused.
    pub(super) fn precedes_own_write(&self, node: &Node) -> Option<Duration> {
        let mut entries = self.lock();
        let entry = entries.get_mut(node.name())?;
        let written = entry.written.as_ref()?;
        let left = PATIENCE.saturating_sub(written.at.elapsed());
        if version(node).is_some_and(|version| version < written.version) && !left.is_zero() {
            return Some(left);
        }
        entry.written = None;
        if entry.failures == 0 {
            entries.remove(node.name());
        }
        None
    }

    /// A write has succeeded; this is the Node as it came back.
    pub(super) fn wrote(&self, node: &Node) {
        let written = version(node).map(|version| Written { version, at: Instant::now() });
        self.lock().insert(node.name().to_owned(), Entry { failures: 0, written });
    }

    /// A write has failed; returns how long to pause.
    pub(super) fn failed(&self, name: &str) -> Duration {
        let mut entries = self.lock();
        let entry = entries.entry(name.to_owned()).or_default();
        let pause = SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(entry.failures)).min(LONGEST_PAUSE);
        entry.failures = entry.failures.saturating_add(1);
        pause
    }

    /// The Nodes whose last write has failed.
    pub(super) fn failing(&self) -> Vec<String> {
        self.lock().iter().filter(|(_, entry)| entry.failures > 0).map(|(name, _)| name.clone()).collect()
    }

    /// There is nothing to do for a Node, or it is gone.
    pub(super) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resourceVersion as a number. Kubernetes guarantees since 1.35 that they compare so, and etcd
/// always made it so; where one does not parse, nothing is concluded.
fn version(node: &Node) -> Option<u64> {
    node.metadata.resource_version.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(version: &str) -> Node {
        serde_json::from_value(json!({"metadata": {"name": "n", "resourceVersion": version}})).unwrap()
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_start_over_after_success() {
        let ledger = Ledger::default();
        let pauses: Vec<u128> = (0..4).map(|_| ledger.failed("n").as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40]);
        for _ in 0..60 {
            assert!(ledger.failed("n") <= LONGEST_PAUSE);
        }
        assert_eq!(ledger.failed("n"), LONGEST_PAUSE);
        assert_eq!(ledger.failed("other"), SHORTEST_PAUSE);
        let mut failing = ledger.failing();
        failing.sort();
        assert_eq!(failing, ["n", "other"]);
        ledger.wrote(&node("1"));
        assert_eq!(ledger.failing(), ["other"]);
        assert_eq!(ledger.failed("n"), SHORTEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_from_before_our_write_is_waited_out_but_not_for_ever() {
        let ledger = Ledger::default();
        assert_eq!(ledger.precedes_own_write(&node("1")), None);
        ledger.wrote(&node("10"));
        assert_eq!(ledger.precedes_own_write(&node("9")), Some(PATIENCE));
        assert_eq!(ledger.precedes_own_write(&node("10")), None);
        assert!(ledger.lock().is_empty(), "what has been seen is forgotten");
        ledger.wrote(&node("10"));
        tokio::time::advance(PATIENCE).await;
        assert_eq!(ledger.precedes_own_write(&node("9")), None);
        ledger.wrote(&node("10"));
        assert_eq!(ledger.precedes_own_write(&node("opaque")), None);
    }
}
