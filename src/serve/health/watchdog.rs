//! Whether the leader still renews its lease: the one thing that a restart heals.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Outcome;

/// How long after a lease has expired its holder may go on; upstream's slack. Giving up the lease is
/// the election's own business: this is for an election that hangs.
const SLACK: Duration = Duration::from_secs(20);

/// Watches over a leader election. Clones watch over the same.
#[derive(Clone, Debug)]
pub struct LeaseWatchdog {
    lease: String,
    patience: Duration,
    renewed: Arc<Mutex<Option<Instant>>>,
}

impl LeaseWatchdog {
    /// For the lease of this name, which is valid so long after each renewal.
    pub fn new(lease: impl Into<String>, duration: Duration) -> Self {
        Self { lease: lease.into(), patience: duration + SLACK, renewed: Arc::default() }
    }

    /// The lease was acquired or renewed just now, by this process.
    pub fn renewed(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// This process does not hold the lease (any longer).
    pub fn released(&self) {
        *self.lock() = None;
    }

    /// The check, to be registered as `leaderElection`. Who does not lead is healthy.
    pub fn check(&self) -> Outcome {
        match *self.lock() {
            Some(at) if at.elapsed() > self.patience => {
                Err(format!("failed election to renew leadership on lease {}", self.lease))
            }
            _ => Ok(String::new()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.renewed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_does_not_renew_is_not_healthy() {
        let watchdog = LeaseWatchdog::new("cloud-controller-manager", Duration::from_secs(15));
        let a_while = Duration::from_secs(35);
        tokio::time::advance(a_while * 2).await;
        assert!(watchdog.check().is_ok(), "a standby");
        watchdog.renewed();
        tokio::time::advance(a_while).await;
        assert!(watchdog.check().is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(watchdog.check().unwrap_err().contains("cloud-controller-manager"));
        watchdog.renewed();
        assert!(watchdog.check().is_ok());
        tokio::time::advance(a_while * 2).await;
        watchdog.released();
        assert!(watchdog.check().is_ok());
    }
}
