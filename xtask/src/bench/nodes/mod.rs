//! `cargo xtask bench nodes`: how fast tainted nodes become ready, and at what price.

mod changes;
mod chart;
mod joins;
mod results;
mod round;
mod startup;
mod steady;
mod table;
mod targets;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use self::results::{Measured, Results, Setup, gist};
use self::round::More;
use super::contestant::{Contestant, Programs};
use super::flags::Flags;
use super::world::{STATUS_BYTES, World};
use super::{publish, say};
use crate::testbed::peer_version;

/// A simulator may crash; then the run is worth a second try.
const ATTEMPTS: usize = 2;

/// Flags of `cargo xtask bench nodes`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// How many nodes wait when a contestant starts
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    nodes: u16,
    /// Milliseconds that vCenter takes longer for each request
    #[arg(long, default_value_t = 10, value_name = "MS")]
    latency: u64,
    /// How many starts of each contestant are measured; figures are their medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    runs: u16,
    /// Who takes part
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values_t = [Contestant::Ours, Contestant::Tuned, Contestant::Default, Contestant::Floor]
    )]
    contestants: Vec<Contestant>,
    /// For how long our steady state is watched; 0 leaves it out
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    steady_seconds: u64,
    /// The same for upstream's, which goes round all nodes every 300 s
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    upstream_steady_seconds: u64,
    /// How many changes of a guest's address are measured
    #[arg(long, default_value_t = 200, value_name = "N")]
    changes: usize,
    /// How many nodes join the idle cluster
    #[arg(long, default_value_t = 20, value_name = "N")]
    joins: usize,
    #[command(flatten)]
    flags: Flags,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let output = options.flags.output(&format!("nodes-{}", options.nodes));
    if options.flags.render {
        let results = publish::read(&output.join(publish::RESULTS))?;
        return publish(&results, &output);
    }
    let with_upstream = options.contestants.iter().any(|contestant| contestant.is_upstream());
    let programs = options.flags.programs(with_upstream)?;
    let results = publish::unless_interrupted(&output, race(&options, &programs, &output)).await?;
    publish(&results, &output)
}

/// All runs of all contestants, one after the other; the results are kept as they come.
async fn race(options: &Options, programs: &Programs, output: &Path) -> Result<Results> {
    let mut results = Results { setup: options.setup()?, contestants: [].into() };
    let file = output.join(publish::RESULTS);
    let runs = usize::from(options.runs);
    for number in 1..=runs {
        for &contestant in &options.contestants {
            say(&format!("run {number} of {runs}: {}", contestant.title()));
            let more = (number == runs).then(|| options.more());
            let measured = results.contestants.entry(contestant).or_default();
            attempt(options, programs, contestant, more, measured).await;
            publish::write(&results, &file)?;
        }
    }
    Ok(results)
}

/// A run that fails leaves a note: the others are no worse for it.
async fn attempt(
    options: &Options,
    programs: &Programs,
    contestant: Contestant,
    more: Option<More>,
    measured: &mut Measured,
) {
    for attempt in 1..=ATTEMPTS {
        let mut trial = measured.clone();
        match one(options, programs, contestant, more, &mut trial).await {
            Ok(()) => {
                *measured = trial;
                return;
            }
            Err(error) => {
                say(&format!("    failed (attempt {attempt} of {ATTEMPTS}): {error:#}"));
                let problem = format!("{error:#}");
                trial.problems.push(gist(&problem));
                if attempt == ATTEMPTS {
                    // A start that was measured is not lost with what came after it.
                    *measured = trial;
                } else {
                    measured.problems = trial.problems;
                }
            }
        }
    }
}

async fn one(
    options: &Options,
    programs: &Programs,
    contestant: Contestant,
    more: Option<More>,
    measured: &mut Measured,
) -> Result<()> {
    let latency = Duration::from_millis(options.latency);
    let world = World::start(usize::from(options.nodes), latency).await?;
    round::run(contestant, programs, world, more, measured).await
}

fn publish(results: &Results, output: &Path) -> Result<()> {
    publish::files(&table::render(results), &chart::render(results), output)
}

impl Options {
    fn setup(&self) -> Result<Setup> {
        Ok(Setup {
            nodes: usize::from(self.nodes),
            latency_ms: self.latency,
            runs: usize::from(self.runs),
            status_bytes: STATUS_BYTES,
            cores: publish::cores(),
            product: env!("CARGO_PKG_VERSION").to_owned(),
            upstream: peer_version()?,
            date: publish::today(),
        })
    }

    fn more(&self) -> More {
        More {
            joins: self.joins,
            changes: self.changes,
            steady: Duration::from_secs(self.steady_seconds),
            upstream_steady: Duration::from_secs(self.upstream_steady_seconds),
        }
    }
}
