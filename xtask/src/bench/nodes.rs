//! `cargo xtask bench nodes`: how fast tainted nodes become ready, and at what price.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::contestant::{Contestant, Programs};
use super::results::{Measured, Results, Setup};
use super::round::{self, More};
use super::world::{STATUS_BYTES, World};
use super::{binaries, chart, say, table};
use crate::testbed::{peer_version, workspace};

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
    /// Where results.json, table.md and chart.svg go [default: target/bench/nodes-N]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Measures this manager instead of building ours
    #[arg(long, value_name = "PATH")]
    manager_binary: Option<PathBuf>,
    /// One more argument for our manager; may be repeated
    #[arg(long, hide = true, allow_hyphen_values = true)]
    manager_arg: Vec<String>,
    /// Measures nothing: makes table and chart anew from results.json
    #[arg(long)]
    render: bool,
    /// Everything is built, and this is the release build
    #[arg(long, hide = true)]
    measuring: bool,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let output = options.output();
    if options.render {
        let results = Results::read(&output.join("results.json"))?;
        return publish(&results, &output);
    }
    let with_upstream = options.contestants.iter().any(|contestant| contestant.is_upstream());
    if !options.measuring {
        return Err(binaries::go_on_as_release(options.manager_binary.as_deref(), with_upstream));
    }
    let programs = Programs {
        ours: options.manager_binary.clone().context("which manager is it that is to be measured?")?,
        our_args: options.manager_arg.clone(),
        upstream: with_upstream.then(binaries::upstream).transpose()?,
        floor: std::env::current_exe().context("cannot find ourselves")?,
    };
    std::fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    let interrupted = interruption()?;
    let results = tokio::select! {
        results = race(&options, &programs, &output) => results?,
        () = interrupted => {
            bail!("interrupted; nothing is left running, and what was measured is in {}", output.display())
        }
    };
    publish(&results, &output)
}

/// Resolves on Ctrl-C or SIGTERM.
fn interruption() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// All runs of all contestants, one after the other; the results are kept as they come.
async fn race(options: &Options, programs: &Programs, output: &Path) -> Result<Results> {
    let mut results = Results { setup: options.setup()?, contestants: [].into() };
    let file = output.join("results.json");
    let runs = usize::from(options.runs);
    for number in 1..=runs {
        for &contestant in &options.contestants {
            say(&format!("run {number} of {runs}: {}", contestant.title()));
            let more = (number == runs).then(|| options.more());
            let measured = results.contestants.entry(contestant).or_default();
            attempt(options, programs, contestant, more, measured).await;
            results.write(&file)?;
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
                trial.problems.push(problem.lines().next().unwrap_or_default().to_owned());
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

/// Files, and the table on standard output.
#[expect(clippy::print_stdout, reason = "this is the result")]
fn publish(results: &Results, output: &Path) -> Result<()> {
    let table = table::render(results);
    for (name, content) in [("table.md", &table), ("chart.svg", &chart::render(results))] {
        let path = output.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{table}");
    say(&format!("results.json, table.md and chart.svg are in {}", output.display()));
    Ok(())
}

impl Options {
    fn output(&self) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
        let target = workspace().join(target.map_or_else(|| PathBuf::from("target"), PathBuf::from));
        self.output.clone().unwrap_or_else(|| target.join(format!("bench/nodes-{}", self.nodes)))
    }

    fn setup(&self) -> Result<Setup> {
        Ok(Setup {
            nodes: usize::from(self.nodes),
            latency_ms: self.latency,
            runs: usize::from(self.runs),
            status_bytes: STATUS_BYTES,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            product: env!("CARGO_PKG_VERSION").to_owned(),
            upstream: peer_version()?,
            date: jiff::Timestamp::now().to_string().chars().take(10).collect(),
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
