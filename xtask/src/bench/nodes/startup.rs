//! From the begin of the process to the last node.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::results::Run;
use super::round::{Round, note};
use crate::bench::counters::Counted;
use crate::bench::stats::median;
use crate::bench::usage::cpu_seconds;

/// Without a new ready node for so long, something is wrong.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often progress is shown.
const SHOW: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(250);
/// A contestant has come to rest when it asked nothing for so long, and used next to no CPU.
const QUIET: Duration = Duration::from_secs(2);
const QUIET_CPU: f64 = 0.05;
/// It is not waited for longer than this.
const RESTLESS: Duration = Duration::from_secs(30);

/// Measures a start.
pub(super) async fn measure(round: &Round) -> Result<Run> {
    all_ready(round).await?;
    let times: Vec<f64> = round
        .watch
        .ready_times()
        .into_iter()
        .map(|ready| ready.saturating_duration_since(round.started).as_secs_f64())
        .collect();
    let last_s = times.iter().copied().fold(0.0, f64::max);
    let p50_s = median(&times).unwrap_or_default();
    // Events and farewells are part of the work too.
    let (requests, cpu_s) = at_rest(round).await?;
    round.world.check_nodes().await?;
    let peak_rss = round.manager.peak_rss()?;
    note(&format!(
        "{} nodes in {last_s:.2} s (p50 {p50_s:.2} s), {} vCenter requests and {} pages, {} MB, {cpu_s:.1} s of CPU",
        times.len(),
        requests.besides_pages,
        requests.pages,
        peak_rss >> 20,
    ));
    Ok(Run { last_s, p50_s, requests, peak_rss, cpu_s })
}

async fn all_ready(round: &Round) -> Result<()> {
    let all = round.world.answers.len();
    let mut latest = (0, Instant::now());
    let mut shown = Instant::now();
    loop {
        let ready = round.watch.ready();
        if ready >= all {
            return Ok(());
        }
        round.check()?;
        if ready > latest.0 {
            latest = (ready, Instant::now());
        }
        if latest.1.elapsed() > PATIENCE {
            bail!("{ready} of {all} nodes are ready, and no other one within {} s", PATIENCE.as_secs());
        }
        if shown.elapsed() > SHOW {
            shown = Instant::now();
            note(&format!("{ready} of {all} nodes after {:.0} s", round.started.elapsed().as_secs_f64()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn at_rest(round: &Round) -> Result<(Counted, f64)> {
    let end = Instant::now() + RESTLESS;
    let pid = round.manager.pid();
    let mut before = None;
    loop {
        let requests = Counted::of(&round.world.vcsim.requests().await?);
        let cpu = cpu_seconds(pid)?;
        let rests = before.is_some_and(|(asked, used): (u64, f64)| {
            asked == requests.besides_pages && cpu - used < QUIET_CPU
        });
        if rests || Instant::now() > end {
            return Ok((requests, cpu));
        }
        before = Some((requests.besides_pages, cpu));
        round.pass(QUIET).await?;
    }
}
