//! What a leader holds.

use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;

/// The right to write, until a deadline that moves with every renewal of the lease.
///
/// It is judged by the time since the last successful renewal was sent, so a process that was
/// frozen finds it over as soon as it wakes. Once over it stays over: a lease that is won again
/// makes another one. Clones are the same leadership.
#[derive(Clone, Debug)]
pub struct Leadership {
    until: watch::Receiver<Duration>,
    clock: Clock,
}

/// The end of it that moves the deadline.
#[derive(Debug)]
pub(super) struct Term {
    until: watch::Sender<Duration>,
    clock: Clock,
}

impl Leadership {
    /// Whether a write may be started now.
    pub fn is_valid(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// How long it lasts if the lease is not renewed; zero when it is over.
    pub fn remaining(&self) -> Duration {
        self.until.borrow().saturating_sub(self.clock.now())
    }

    /// Completes when it is over.
    pub async fn over(&self) {
        let mut until = self.until.clone();
        loop {
            let left = until.borrow_and_update().saturating_sub(self.clock.now());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(left) => {}
                // Without its other end it lasts until the deadline.
                Ok(()) = until.changed() => {}
            }
        }
    }
}

impl Term {
    /// A leadership until then.
    pub(super) fn begin(until: Duration, clock: Clock) -> Self {
        Self { until: watch::Sender::new(until), clock }
    }

    pub(super) fn leadership(&self) -> Leadership {
        Leadership { until: self.until.subscribe(), clock: self.clock.clone() }
    }

    /// Moves the deadline, unless it has passed.
    pub(super) fn extend(&self, until: Duration) {
        let now = self.clock.now();
        self.until.send_if_modified(|current| {
            let alive = *current > now;
            if alive {
                *current = until;
            }
            alive
        });
    }

    /// Ends it at once.
    pub(super) fn end(&self) {
        self.until.send_replace(Duration::ZERO);
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A clock that the test moves, in seconds.
    fn clock() -> (Arc<AtomicU64>, Clock) {
        let hands = Arc::new(AtomicU64::new(100));
        let read = Arc::clone(&hands);
        (hands, Clock::of(move || Duration::from_secs(read.load(Ordering::SeqCst))))
    }

    #[test]
    fn it_lasts_until_the_deadline_and_never_comes_back() {
        let (hands, clock) = clock();
        let term = Term::begin(Duration::from_secs(110), clock);
        let leadership = term.leadership();
        assert_eq!(leadership.remaining(), Duration::from_secs(10));
        hands.store(105, Ordering::SeqCst);
        term.extend(Duration::from_secs(115));
        hands.store(114, Ordering::SeqCst);
        assert!(leadership.is_valid());
        hands.store(115, Ordering::SeqCst);
        assert!(!leadership.is_valid());
        term.extend(Duration::from_secs(125));
        assert!(!leadership.is_valid());
    }

    #[test]
    fn it_ends_with_its_term() {
        let term = Term::begin(Duration::from_secs(110), clock().1);
        let leadership = term.leadership();
        assert!(leadership.clone().is_valid());
        drop(term);
        assert!(!leadership.is_valid());
    }

    #[tokio::test]
    async fn whoever_waits_for_its_end_is_told() {
        let boot = Clock::boot();
        let term = Term::begin(boot.now() + Duration::from_millis(20), boot.clone());
        term.leadership().over().await;
        let term = Term::begin(boot.now() + Duration::from_mins(10), boot);
        let leadership = term.leadership();
        let waiting = tokio::spawn(async move { leadership.over().await });
        tokio::task::yield_now().await;
        term.end();
        waiting.await.unwrap();
    }
}
