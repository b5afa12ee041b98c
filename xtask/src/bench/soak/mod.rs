//! `cargo xtask bench soak`: our manager under churn, for a while: does it grow, does it keep up, does
//! it do anything wrong?

mod chart;
mod churn;
mod fleet;
mod heartbeats;
mod judge;
mod results;
mod sampler;
mod table;
mod windows;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use self::churn::Churn;
use self::results::{Results, Setup};
use self::sampler::sample;
use super::contestant::{Contestant, Programs};
use super::flags::Flags;
use super::watch::NodeWatch;
use super::world::World;
use super::{publish, say};
use crate::testbed::Manager;

/// Without a new ready node for so long, something is wrong.
const PATIENCE: Duration = Duration::from_mins(2);
/// After the last node is ready, before it begins: Events are written, the simulator comes to rest.
const REST: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(10);
/// How much of a log is shown when something failed.
const TAIL: usize = 15;
const LOOK: Duration = Duration::from_millis(250);

/// Flags of `cargo xtask bench soak`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// How many nodes there are
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(10..=10_000))]
    nodes: u16,
    /// For how long
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    minutes: u32,
    /// Operations a minute: half of them changes of addresses, the rest joins, leaves, power off and on
    #[arg(long, default_value_t = 240, value_name = "PER_MINUTE", value_parser = clap::value_parser!(u32).range(1..=6000))]
    churn: u32,
    /// Status patches of all kubelets together
    #[arg(long, default_value_t = 20, value_name = "PER_SECOND", value_parser = clap::value_parser!(u32).range(1..=1000))]
    heartbeats: u32,
    /// No status patches
    #[arg(long, conflicts_with = "heartbeats")]
    no_heartbeats: bool,
    /// Milliseconds that vCenter takes longer for each request
    #[arg(long, default_value_t = 10, value_name = "MS")]
    latency: u64,
    #[command(flatten)]
    flags: Flags,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let output = options.flags.output(&format!("soak-{}", options.nodes));
    if options.flags.render {
        let results = publish::read(&output.join(publish::RESULTS))?;
        return publish(&results, &output);
    }
    let programs = options.flags.programs(false)?;
    let soak = Box::pin(soak(&options, &programs, &output));
    let results = publish::unless_interrupted(&output, soak).await?;
    publish::write(&results, &output.join(publish::RESULTS))?;
    publish(&results, &output)
}

fn publish(results: &Results, output: &Path) -> Result<()> {
    publish::files(&table::render(results), &chart::render(results), output)
}

async fn soak(options: &Options, programs: &Programs, output: &Path) -> Result<Results> {
    let world = World::start(usize::from(options.nodes), Duration::from_millis(options.latency)).await?;
    let watch = NodeWatch::start(world.client.clone()).await?;
    let manager = Manager::start(&Contestant::Ours.options(programs, &world)?)?;
    let measured = measure(options, &world, &watch, &manager).await;
    if measured.is_err() {
        say(&format!("the end of its log:\n{}", manager.tail(TAIL).join("\n")));
    }
    let stopped = manager.stop(STOP).await;
    let log = output.join("ours.log");
    std::fs::copy(manager.log_path(), &log).with_context(|| format!("cannot write {}", log.display()))?;
    let measured = measured?;
    stopped?;
    Ok(measured)
}

async fn measure(options: &Options, world: &World, watch: &NodeWatch, manager: &Manager) -> Result<Results> {
    let check = || world.check().and_then(|()| manager.check());
    all_ready(world, watch, &check).await?;
    sleep(REST).await;
    let time = Duration::from_secs(60 * u64::from(options.minutes));
    say(&format!("all nodes are ready; churn for {} min", options.minutes));
    let churn = Churn::new(world, watch, time);
    let heartbeats = async {
        if options.no_heartbeats { Ok(0) } else { heartbeats::send(&churn, options.heartbeats).await }
    };
    let (samples, heartbeats, ()) =
        tokio::try_join!(sample(&churn, manager, &check), heartbeats, churn.run(options.churn),)?;
    let (left_wrong, wrong) = churn.end().await?;
    Ok(Results {
        setup: options.setup(),
        samples,
        heartbeats,
        done: churn.done(),
        changes_ms: churn.changes(),
        wrong,
        left_wrong,
        peak_rss: manager.peak_rss()?,
    })
}

async fn all_ready(world: &World, watch: &NodeWatch, check: &impl Fn() -> Result<()>) -> Result<()> {
    let all = world.vms.len();
    let mut latest = (0, Instant::now());
    loop {
        let ready = watch.ready();
        if ready >= all {
            return Ok(());
        }
        check()?;
        if ready > latest.0 {
            latest = (ready, Instant::now());
        }
        if latest.1.elapsed() > PATIENCE {
            bail!("{ready} of {all} nodes are ready, and no other one within {} s", PATIENCE.as_secs());
        }
        sleep(LOOK).await;
    }
}

impl Options {
    fn setup(&self) -> Setup {
        Setup {
            nodes: usize::from(self.nodes),
            minutes: self.minutes,
            latency_ms: self.latency,
            cores: publish::cores(),
            product: env!("CARGO_PKG_VERSION").to_owned(),
            date: publish::today(),
        }
    }
}
