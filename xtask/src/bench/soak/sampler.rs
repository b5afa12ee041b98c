//! Looks at the manager every few seconds.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{MissedTickBehavior, interval};

use super::churn::Churn;
use super::results::Sample;
use crate::bench::counters::Counted;
use crate::bench::figures::{megabytes, number};
use crate::bench::say;
use crate::bench::usage::cpu_seconds;
use crate::testbed::Manager;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(5);
/// How often progress is shown: every so many looks.
const SHOW: usize = 12;

/// Samples until the churn is over; an error as soon as something ended by itself.
pub(super) async fn sample(
    churn: &Churn<'_>,
    manager: &Manager,
    check: &impl Fn() -> Result<()>,
) -> Result<Vec<Sample>> {
    let requests = churn.world.vcsim.requests().await?;
    let cpu_s = cpu_seconds(manager.pid())?;
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples = Vec::new();
    loop {
        ticks.tick().await;
        check()?;
        let counted = Counted::of(&churn.world.vcsim.requests().await?.since(&requests));
        let sample = Sample {
            at_s: churn.begin.elapsed().as_secs_f64(),
            rss: manager.rss()?,
            cpu_s: cpu_seconds(manager.pid())? - cpu_s,
            requests: counted.besides_pages,
            pages: counted.pages,
            logins: counted.soap_logins + counted.rest_logins,
        };
        samples.push(sample);
        if samples.len() % SHOW == 0 {
            say(&format!(
                "  {:.0} s: {}, {:.1} s of CPU, {} operations, {} requests and {} pages",
                sample.at_s,
                megabytes(number(sample.rss)),
                sample.cpu_s,
                churn.done().operations(),
                sample.requests,
                sample.pages,
            ));
        }
        if churn.is_over() {
            return Ok(samples);
        }
    }
}
