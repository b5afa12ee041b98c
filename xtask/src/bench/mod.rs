//! `cargo xtask bench`: the product measured against its peers.
//!
//! * `nodes`: how fast tainted nodes become ready, and at what price; see `nodes.rs`.
//!
//! All figures are taken from outside of the processes, and in the same way for all of them.

mod answers;
mod binaries;
mod changes;
mod chart;
mod contestant;
mod counters;
mod floor;
mod joins;
mod node;
mod nodes;
mod results;
mod round;
mod startup;
mod stats;
mod steady;
mod table;
mod targets;
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
}

/// Runs a bench; Ctrl-C ends it at any time, and leaves nothing running.
pub async fn run(options: Options) -> Result<()> {
    match options.bench {
        Bench::Nodes(options) => nodes::run(options).await,
    }
}

/// Progress, for people: standard output is for the results.
#[expect(clippy::print_stderr, reason = "a tool for people")]
fn say(line: &str) {
    eprintln!("{line}");
}
