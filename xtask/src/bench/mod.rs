//! `cargo xtask bench`: the product measured against its peers.
//!
//! * `nodes`: how fast tainted nodes become ready, and at what price.
//! * `outage`: how fast everything is right again after a fault, and what was done wrong meanwhile.
//! * `soak`: memory, CPU, requests and latency under churn.
//!
//! All figures are taken from outside of the processes, and in the same way for all of them.

mod answers;
mod binaries;
mod contestant;
mod counters;
mod figures;
mod flags;
mod floor;
mod node;
mod nodes;
mod outage;
mod publish;
mod soak;
mod stats;
mod svg;
mod usage;
mod watch;
mod world;

use anyhow::Result;

pub use floor::{Options as FloorOptions, run as floor};

/// Flags of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, clap::Subcommand)]
enum Bench {
    /// Tainted nodes become ready: time, vCenter requests, memory; ours, upstream's, and the floor
    Nodes(nodes::Options),
    /// vCenter and the API server misbehave, fault by fault: time to recover and wrong actions, ours and
    /// upstream's
    Outage(outage::Options),
    /// Our manager under churn: memory, CPU, vCenter requests and latency over time
    Soak(soak::Options),
}

/// Runs a bench; Ctrl-C ends it at any time, and leaves nothing running.
pub async fn run(options: Options) -> Result<()> {
    match options.bench {
        Bench::Nodes(options) => nodes::run(options).await,
        Bench::Outage(options) => outage::run(options).await,
        Bench::Soak(options) => soak::run(options).await,
    }
}

/// Progress, for people: standard output is for the results.
#[expect(clippy::print_stderr, reason = "a tool for people")]
fn say(line: &str) {
    eprintln!("{line}");
}
