//! Whether a leader still is one: an election that hangs is the one thing that a restart heals.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Outcome;

/// How long a leader may believe that it is one after its lease is over; upstream's slack. Ending its
/// work in time is the leader's own business: this is for one that hangs.
const SLACK: Duration = Duration::from_secs(20);

/// Watches over a leader election.
#[derive(Debug)]
pub struct LeaseWatchdog {
    lease: String,
    over_since: Mutex<Option<Instant>>,
}

impl LeaseWatchdog {
    /// For the lease of this name.
    pub fn new(lease: impl Into<String>) -> Self {
        Self { lease: lease.into(), over_since: Mutex::default() }
    }

    /// The check, to be registered as `leaderElection`. `left` is how long the leadership lasts, zero
    /// when it is over; `None` for a standby, which is always healthy.
    pub fn check(&self, left: Option<Duration>) -> Outcome {
        let mut over_since = self.over_since.lock().unwrap_or_else(PoisonError::into_inner);
        if !left.is_some_and(|left| left.is_zero()) {
            *over_since = None;
            return Ok(String::new());
        }
        if over_since.get_or_insert_with(Instant::now).elapsed() > SLACK {
            return Err(format!("failed election to renew leadership on lease {}", self.lease));
        }
        Ok(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_leader_whose_lease_is_long_over_is_not_healthy() {
        let watchdog = LeaseWatchdog::new("cloud-controller-manager");
        let (over, second) = (Some(Duration::ZERO), Duration::from_secs(1));
        for healthy in [None, Some(second)] {
            assert!(watchdog.check(healthy).is_ok());
            tokio::time::advance(SLACK * 2).await;
            assert!(watchdog.check(healthy).is_ok());
        }
        assert!(watchdog.check(over).is_ok());
        tokio::time::advance(SLACK).await;
        assert!(watchdog.check(over).is_ok());
        tokio::time::advance(second).await;
        assert!(watchdog.check(over).unwrap_err().contains("cloud-controller-manager"));
        assert!(watchdog.check(Some(second)).is_ok());
        assert!(watchdog.check(over).is_ok(), "it counts anew");
    }
}
