//! `cargo xtask`: everything a developer runs.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, demo, mutants};

#[derive(Parser)]
#[command(name = "cargo xtask", about, version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures the product and its peers
    Bench(bench::Options),
    /// One of the contestants of `bench nodes`
    #[command(hide = true)]
    BenchFloor(bench::FloorOptions),
    /// Shows the product at work: a control plane, a simulated vCenter, and nodes becoming ready
    Demo(demo::Options),
    /// Takes mechanisms away one by one, and sees whether a test notices
    Mutants(mutants::Options),
    /// Builds the testbed (control plane and simulated vCenter), as the tests do when need be
    Testbed {
        /// Also kustomize and upstream's manager, which few tests need
        #[arg(long)]
        all: bool,
    },
}

#[tokio::main]
#[expect(clippy::print_stderr, clippy::print_stdout, reason = "a tool for people")]
async fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Bench(options) => bench::run(options).await,
        Task::BenchFloor(options) => bench::floor(options).await,
        Task::Demo(options) => demo::run(options).await,
        Task::Mutants(options) => mutants::run(&options),
        Task::Testbed { all } => xtask::build_testbed(all).await.map(|binaries| {
            println!("{}\n{}", binaries.kube.display(), binaries.vcsim.display());
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
