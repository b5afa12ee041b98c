//! Nodes that work and whose machines cannot be found: what says of all of them that they are gone is
//! no witness against one that is silent.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::runtime::reflector::Store;
use tokio::time::Instant;

use super::decide::{Stance, stance};
use crate::cloud::{InstanceError, Instances};
use crate::controllers::identity::identity;
use crate::k8s::Node;

/// Nobody counts more often than this: of a crowd that seems gone each one asks for it. What has not
/// vanished by the time of a proof has by the time of its confirmation.
const FRESH: Duration = Duration::from_secs(1);

/// When it was counted last.
#[derive(Default)]
pub(super) struct Census(Mutex<Option<Instant>>);

impl Census {
    /// The uids of such Nodes, if it has not just been counted. Nobody is asked: what is known of the
    /// machines of Nodes that work is in memory.
    pub(super) fn take<I: Instances>(&self, nodes: &Store<Node>, instances: &I) -> Vec<String> {
        if !self.is_due() {
            return Vec::new();
        }
        let is_missing = |node: &Node| {
            stance(node) == Stance::Works
                && node.provider_id().is_some()
                && matches!(
                    instances.instance(&identity(node)),
                    Some(Err(InstanceError::NotFound(_) | InstanceError::Unknown(_)))
                )
        };
        let mut nodes = nodes.state();
        // The store's order is a matter of chance, and a run is to be repeatable.
        nodes.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        nodes.iter().filter(|node| is_missing(node)).map(|node| node.uid().to_owned()).collect()
    }

    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= FRESH);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
