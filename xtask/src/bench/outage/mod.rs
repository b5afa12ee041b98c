//! `cargo xtask bench outage`: how fast all is right again after a fault, and what was done wrong.
//!
//! Each contestant has a control plane and a vCenter of its own, in which it meets one fault after the
//! other. Contestants run at the same time: most of it is waiting.

mod chart;
mod fault;
mod kubelet;
mod lease;
mod results;
mod table;
mod trial;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};

use self::fault::Fault;
use self::kubelet::Kubelet;
use self::results::{Outcome, Record, Results, Setup};
use self::trial::{Arena, Terms};
use super::contestant::{Contestant, Programs};
use super::figures::seconds;
use super::flags::Flags;
use super::{publish, say};
use crate::testbed::peer_version;

/// A simulator may crash; then the fault is worth a second try, in a new world.
const ATTEMPTS: usize = 2;

/// Flags of `cargo xtask bench outage`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// How many nodes there are
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(2..=1000))]
    nodes: u16,
    /// How many nodes join during each fault
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=50))]
    joins: u16,
    /// What goes wrong
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Fault::ALL)]
    faults: Vec<Fault>,
    /// Who takes part
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values_t = [Contestant::Ours, Contestant::Default]
    )]
    contestants: Vec<Contestant>,
    /// For how long recovery is waited for after each fault
    #[arg(long, default_value_t = 180, value_name = "SECONDS")]
    give_up: u64,
    /// Milliseconds that vCenter takes longer for each request
    #[arg(long, default_value_t = 10, value_name = "MS")]
    latency: u64,
    #[command(flatten)]
    flags: Flags,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let output = options.flags.output("outage");
    if options.flags.render {
        let results = publish::read(&output.join(publish::RESULTS))?;
        return publish(&results, &output);
    }
    if options.contestants.contains(&Contestant::Floor) {
        bail!("the floor cannot take part in `outage`: it has no vCenter that could fail");
    }
    let with_upstream = options.contestants.iter().any(|contestant| contestant.is_upstream());
    let programs = options.flags.programs(with_upstream)?;
    let results = publish::unless_interrupted(&output, all(&options, &programs, &output)).await?;
    publish(&results, &output)
}

fn publish(results: &Results, output: &Path) -> Result<()> {
    publish::files(&table::render(results), &chart::render(results), output)
}

/// What is measured, kept as it comes.
struct Board<'a> {
    results: Mutex<Results>,
    output: &'a Path,
}

impl Board<'_> {
    fn note(&self, contestant: Contestant, note: impl FnOnce(&mut Record)) -> Result<()> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        note(results.contestants.entry(contestant).or_default());
        publish::write(&*results, &self.output.join(publish::RESULTS))
    }
}

/// All contestants at the same time.
async fn all(options: &Options, programs: &Programs, output: &Path) -> Result<Results> {
    let results = Results { setup: options.setup()?, contestants: [].into() };
    let board = Board { results: Mutex::new(results), output };
    let each = options.contestants.iter().map(|contestant| meet_all(*contestant, options, programs, &board));
    futures::future::try_join_all(each).await?;
    Ok(board.results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// All faults of a contestant. Where the testbed fails, it goes on in a new world.
async fn meet_all(
    contestant: Contestant,
    options: &Options,
    programs: &Programs,
    board: &Board<'_>,
) -> Result<()> {
    let mut left: Vec<Fault> = options.faults.clone();
    left.reverse();
    let mut attempt = 1;
    loop {
        let before = left.len();
        let Err(error) = meet_some(contestant, options, programs, board, &mut left).await else {
            return Ok(());
        };
        say(&format!("{}: the testbed failed: {error:#}", contestant.title()));
        let title = left.last().map_or("the end", |fault| fault.title());
        let problem = format!("{title}: {error:#}").lines().next().unwrap_or_default().to_owned();
        board.note(contestant, |record| record.problems.push(problem))?;
        attempt = if left.len() < before { 2 } else { attempt + 1 };
        if attempt > ATTEMPTS {
            left.pop();
            attempt = 1;
        }
        if left.is_empty() {
            return Ok(());
        }
    }
}

/// Faults in one world, as long as the testbed lasts; what was measured is no longer in `left`.
async fn meet_some(
    contestant: Contestant,
    options: &Options,
    programs: &Programs,
    board: &Board<'_>,
    left: &mut Vec<Fault>,
) -> Result<()> {
    let title = contestant.title();
    let mut arena = Arena::start(usize::from(options.nodes), Duration::from_millis(options.latency)).await?;
    let logs = board.output.join(format!("{contestant:?}").to_lowercase());
    let started = contestant.options(programs, &arena.world)?;
    let mut kubelet = Kubelet::start(title, started, Arc::clone(&arena.world.vcsim), logs)?;
    let terms = Terms {
        joins: usize::from(options.joins),
        give_up: Duration::from_secs(options.give_up),
        wait_for_address: !contestant.is_upstream(),
    };
    while let Some(fault) = left.last().copied() {
        let restarts = kubelet.restarts();
        let met = tokio::select! {
            met = arena.meet(fault, terms) => met,
            died = kubelet.tend() => died.map(|never| match never {}),
        };
        if let Err(error) = met {
            kubelet.keep_log()?;
            return Err(error);
        }
        let outcome = Outcome { restarts: kubelet.restarts() - restarts, ..met? };
        say(&format!("{title}: {}: {}", fault.title(), told(&outcome)));
        let blocked = outcome.recovered_s.is_none();
        board.note(contestant, |record| drop(record.outcomes.insert(fault, outcome)))?;
        left.pop();
        if blocked && !left.is_empty() {
            // Else the next fault would not find it at rest.
            say(&format!("{title}: it is still blocked, and is started anew"));
            kubelet.replace().await?;
        }
    }
    let end = kubelet.stop().await?;
    board.note(contestant, |record| record.end = Some(end))
}

/// An outcome in a line.
fn told(outcome: &Outcome) -> String {
    let recovered = outcome.recovered_s.map_or_else(|| "not recovered".to_owned(), seconds);
    let address = outcome.address.map(|seen| seen.after_s.map_or_else(|| "not seen".to_owned(), seconds));
    let address = address.map(|address| format!(", the address {address}")).unwrap_or_default();
    format!(
        "{recovered}{address}; deleted {:?}, shut down {:?}, {} restarts, {} logins, {} requests",
        outcome.deleted, outcome.shut_down, outcome.restarts, outcome.logins, outcome.requests
    )
}

impl Options {
    fn setup(&self) -> Result<Setup> {
        Ok(Setup {
            nodes: usize::from(self.nodes),
            joins: usize::from(self.joins),
            latency_ms: self.latency,
            give_up_s: self.give_up,
            cores: publish::cores(),
            product: env!("CARGO_PKG_VERSION").to_owned(),
            upstream: peer_version()?,
            date: publish::today(),
        })
    }
}
