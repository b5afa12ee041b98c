//! Nothing happens: what is asked of vCenter all the same.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::changes::{address, change};
use super::results::{SlowChange, Steady};
use super::round::{Round, note};
use crate::bench::counters::Counted;
use crate::bench::usage::cpu_seconds;

/// Measures for so long; not at all if that is zero.
pub(super) async fn measure(round: &Round, time: Duration) -> Result<Option<Steady>> {
    if time.is_zero() {
        return Ok(None);
    }
    let begin = begin(round).await?;
    round.pass(time).await?;
    begin.end(round).await.map(Some)
}

/// The same with a single change of an address at its begin, for a manager that sees such a
/// thing on its rounds only.
pub(super) async fn measure_with_change(
    round: &Round,
    time: Duration,
) -> Result<(Option<Steady>, Option<SlowChange>)> {
    if time.is_zero() {
        return Ok((None, None));
    }
    note(&format!("its rounds are 5 minutes apart: watching for {} s", time.as_secs()));
    let begin = begin(round).await?;
    let address = address(0);
    let started = Instant::now();
    let seen = tokio::select! {
        seen = change(round, 0, &address) => Some(seen?),
        passed = round.pass(time) => passed.map(|()| None)?,
    };
    // The rest of the time.
    round.pass(time.saturating_sub(started.elapsed())).await?;
    let steady = begin.end(round).await?;
    let seen_after_s = seen.map(|seen| seen.saturating_duration_since(started).as_secs_f64());
    match seen_after_s {
        Some(seconds) => note(&format!("a changed address was seen after {seconds:.0} s")),
        None => note("a changed address was not seen in that time"),
    }
    Ok((Some(steady), Some(SlowChange { seen_after_s, bound_s: time.as_secs_f64() })))
}

struct Begin {
    at: Instant,
    requests: crate::testbed::Requests,
    cpu_s: f64,
}

async fn begin(round: &Round) -> Result<Begin> {
    let requests = round.world.vcsim.requests().await?;
    Ok(Begin { at: Instant::now(), requests, cpu_s: cpu_seconds(round.manager.pid())? })
}

impl Begin {
    async fn end(self, round: &Round) -> Result<Steady> {
        let requests = round.world.vcsim.requests().await?.since(&self.requests);
        let steady = Steady {
            seconds: self.at.elapsed().as_secs_f64(),
            requests: Counted::of(&requests),
            cpu_s: cpu_seconds(round.manager.pid())? - self.cpu_s,
        };
        note(&format!("at rest: {:.1} vCenter requests a minute", steady.per_minute()));
        Ok(steady)
    }
}
