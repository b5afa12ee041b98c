//! Follows the files of the configuration: parsed, checked, tried, and only then used.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::files::{Look, Reading, Source};
use super::{Fleet, Notice, Notices, trial};

/// Follows the files for ever; `reading` is what the fleet was started with, and becomes what it has
/// adopted since.
///
/// Files are compared by content every `period`: a mounted Secret or ConfigMap is replaced by
/// swapping a symlink, which file notifications do not follow. What changes from one look to the
/// next is half written: only what two looks agree on counts.
pub async fn follow(
    fleet: Arc<Fleet>,
    source: Arc<Source>,
    reading: watch::Sender<Reading>,
    period: Duration,
    notices: Notices,
) -> Infallible {
    let last = reading.borrow().look.clone();
    let mut follower = Follower { fleet, source, applied: reading, last, refused: None, notices };
    loop {
        tokio::time::sleep(period).await;
        follower.step().await;
    }
}

struct Follower {
    fleet: Arc<Fleet>,
    source: Arc<Source>,
    /// What is in use.
    applied: watch::Sender<Reading>,
    /// The files at the last look.
    last: Look,
    refused: Option<Refused>,
    notices: Notices,
}

/// Files that are not used.
struct Refused {
    look: Look,
    why: String,
    /// When they are tried again; never, if only a change of the files can help.
    retry_at: Option<Instant>,
}

impl Follower {
    async fn step(&mut self) {
        let (now, in_use) = {
            let applied = self.applied.borrow();
            (self.source.look(&applied.config), applied.look.clone())
        };
        if now == in_use {
            if self.refused.take().is_some() {
                info!("the configuration is again the one that is in use");
                self.fleet.metrics().reload.succeeded();
                self.tell(Notice::ConfigurationChanged);
            }
            self.last = now;
            return;
        }
        if now != self.last {
            self.last = now;
            return;
        }
        let due = |refused: &Refused| refused.retry_at.is_some_and(|at| at <= Instant::now());
        if self.refused.as_ref().is_some_and(|refused| refused.look == now && !due(refused)) {
            return;
        }
        self.take(now).await;
    }

    async fn take(&mut self, now: Look) {
        let reading = match self.source.read() {
            Ok(reading) => reading,
            Err(why) => return self.refuse(now, why, None),
        };
        match self.fleet.adopt(&reading).await {
            Ok(()) => {
                info!(vcenters = reading.config.vcenters.len(), "the changed configuration is in use");
                self.fleet.metrics().reload.succeeded();
                self.refused = None;
                self.last = reading.look.clone();
                self.applied.send_replace(reading);
                self.tell(Notice::ConfigurationChanged);
            }
            Err(unusable) => {
                let pause = trial::retry_after(&unusable.error);
                self.refuse(now, unusable.to_string(), Some(Instant::now() + pause));
            }
        }
    }

    fn refuse(&mut self, look: Look, why: String, retry_at: Option<Instant>) {
        if self.refused.as_ref().is_none_or(|before| before.why != why) {
            warn!(%why, "the changed configuration is refused; the last good one stays in use");
            self.fleet.metrics().reload.failed();
            self.tell(Notice::ConfigurationRefused(why.clone()));
        }
        self.refused = Some(Refused { look, why, retry_at });
    }

    fn tell(&self, notice: Notice) {
        // Nobody need listen.
        let _ = self.notices.send(notice);
    }
}
