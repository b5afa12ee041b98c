//! One contestant in a world of its own.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::results::Measured;
use super::{changes, joins, startup, steady};
use crate::bench::contestant::{Contestant, Programs};
use crate::bench::say;
use crate::bench::watch::NodeWatch;
use crate::bench::world::World;
use crate::testbed::Manager;

/// How often it is looked whether everything still runs.
const LOOK: Duration = Duration::from_millis(500);
const STOP: Duration = Duration::from_secs(10);
/// How much of a log is shown when something failed.
const TAIL: usize = 15;

/// What is measured besides the start, in the last run.
#[derive(Debug, Clone, Copy)]
pub(super) struct More {
    pub(super) joins: usize,
    pub(super) changes: usize,
    pub(super) steady: Duration,
    pub(super) upstream_steady: Duration,
}

/// A contestant at work.
pub(super) struct Round {
    // Dropped in this order: first who is measured.
    pub(super) manager: Manager,
    pub(super) watch: NodeWatch,
    pub(super) world: World,
    /// The begin of its process.
    pub(super) started: Instant,
}

/// Measures a start, and the rest if it is the last one; adds it to what there is.
pub(super) async fn run(
    contestant: Contestant,
    programs: &Programs,
    world: World,
    more: Option<More>,
    measured: &mut Measured,
) -> Result<()> {
    let watch = NodeWatch::start(world.client.clone()).await?;
    let started = Instant::now();
    let mut options = contestant.options(programs, &world)?;
    // Upstream's is spared the wait for a lease.
    options.alone = contestant.is_upstream();
    let manager = Manager::start(&options)?;
    let round = Round { manager, watch, world, started };
    if let Err(error) = round.measure(contestant, more, measured).await {
        note(&format!("the end of its log:\n{}", round.manager.tail(TAIL).join("\n")));
        return Err(error);
    }
    round.manager.stop(STOP).await?;
    Ok(())
}

impl Round {
    async fn measure(
        &self,
        contestant: Contestant,
        more: Option<More>,
        measured: &mut Measured,
    ) -> Result<()> {
        measured.runs.push(startup::measure(self).await?);
        let Some(more) = more.filter(|_| contestant != Contestant::Floor) else { return Ok(()) };
        // Upstream's first loop over all nodes comes after five minutes: the joins before it.
        measured.joins_ms = joins::measure(self, more.joins).await?;
        if contestant.is_upstream() {
            let (steady, change) = steady::measure_with_change(self, more.upstream_steady).await?;
            measured.steady = steady;
            measured.slow_change = change;
        } else {
            measured.steady = steady::measure(self, more.steady).await?;
            measured.changes_ms = changes::measure(self, more.changes).await?;
        }
        measured.final_peak_rss = Some(self.manager.peak_rss()?);
        Ok(())
    }

    /// An error if something ended by itself.
    pub(super) fn check(&self) -> Result<()> {
        self.world.check()?;
        self.manager.check()
    }

    /// Waits for `work`, as long as everything runs and patience lasts.
    pub(super) async fn wait<T>(
        &self,
        what: &str,
        patience: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let mut work = pin!(work);
        let end = Instant::now() + patience;
        loop {
            if let Ok(done) = tokio::time::timeout(LOOK, work.as_mut()).await {
                return Ok(done);
            }
            self.check()?;
            if Instant::now() > end {
                bail!("{what}: not within {} s", patience.as_secs());
            }
        }
    }

    /// Lets time pass, as long as everything runs.
    pub(super) async fn pass(&self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.check();
            }
            tokio::time::sleep(left.min(LOOK)).await;
            self.check()?;
        }
    }
}

/// Says how far a contestant is.
pub(super) fn note(line: &str) {
    say(&format!("    {line}"));
}
