//! The time of one manager's process, which may stand still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::Time;
use crate::k8s::leader::Clock;

/// Maps the time of a tokio runtime to the time of the world. Clones are the same clock.
#[derive(Clone, Debug)]
pub(super) struct LocalClock {
    origin: Instant,
    /// The world's time at the origin, in nanoseconds; more after the process has missed some.
    began: Arc<AtomicU64>,
}

impl LocalClock {
    /// To be called within the runtime.
    pub(super) fn begin(now: Time) -> Self {
        Self { origin: Instant::now(), began: Arc::new(AtomicU64::new(nanos(now))) }
    }

    /// The world's time, from within the runtime.
    pub(super) fn now(&self) -> Time {
        self.began() + self.origin.elapsed()
    }

    /// When that is in the runtime.
    pub(super) fn instant(&self, time: Time) -> Instant {
        self.origin + time.saturating_sub(self.began())
    }

    /// The process has slept for so long and does not know it, as in a suspended VM.
    pub(super) fn skip(&self, missed: Time) {
        self.began.fetch_add(nanos(missed), Ordering::Relaxed);
    }

    /// What the manager's elections go by. It goes on while the process sleeps.
    pub(super) fn boot(&self) -> Clock {
        let clock = self.clone();
        Clock::of(move || clock.now())
    }

    fn began(&self) -> Time {
        Time::from_nanos(self.began.load(Ordering::Relaxed))
    }
}

fn nanos(time: Time) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
