//! Everything that happens to vCenter and to the API server, one after the other.

use std::time::Duration;

use xtask::testbed::{Fault, FaultKind};

use super::common::World;

/// What happens.
#[derive(Debug)]
pub(super) enum Trouble {
    /// All sessions of vCenter end.
    SessionsEnd,
}

impl Trouble {
    /// Begins it, and returns when it is over.
    pub(super) async fn strike(&self, world: &World) {
        match self {
            Self::SessionsEnd => {
                world.vcsim.terminate_sessions().await.unwrap();
            }
        }
    }
}
