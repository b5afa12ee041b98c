//! The command line: one subcommand per workload.

mod api;
mod ccm;
mod check_command;
mod config_command;
mod configz;
mod flags;
mod logging;
mod notices;
mod readiness;
mod run;
mod server;
pub mod serving;
mod term;
#[cfg(test)]
pub(crate) use {api::READ_TIMEOUT, run::in_turn};

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use flags::{go, hints};

/// Under this name the binary is the cloud controller manager, so that a pod specification written
/// for upstream's image needs no other change.
const MANAGER_NAME: &str = "vsphere-cloud-controller-manager";

/// The cloud provider for Kubernetes on vSphere.
#[derive(Debug, Parser)]
#[command(name = "vsphere-cloud", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    workload: Workload,
}

#[derive(Debug, Subcommand)]
enum Workload {
    /// The cloud controller manager: initialises Nodes, keeps their addresses current, and deletes
    /// those whose VM is gone.
    #[command(after_help = EXIT_CODES)]
    Ccm(Box<ccm::Args>),
    /// Finds what is wrong before a manager runs, or while one does; changes nothing.
    #[command(after_help = check_command::EXIT_CODES)]
    Check(check_command::Args),
    /// Configuration files: what one means, and conversion to YAML.
    Config(config_command::Args),
}

/// The end of `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  stopped by SIGTERM or SIGINT, or --help or --version was given
  1  the configuration is wrong, or something needed at the start is missing
  2  the command line is wrong
A lost lease ends no process: it stops its controllers, logs out of vCenter, and stands by.";

/// Runs the workload that the arguments name; returns the process's exit code.
///
/// | code | meaning |
/// |---|---|
/// | 0 | stopped by SIGTERM or SIGINT, or `--help` or `--version` was given |
/// | 1 | the configuration is wrong, or something needed at the start is missing |
/// | 2 | the command line is wrong |
///
/// A lost lease ends no process, see `cli::run`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = parse(args).unwrap_or_else(|error| error.exit());
    // One provider for the whole process: with two compiled in, rustls would refuse to choose.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return fail("cannot set up TLS: another cryptography provider is installed already");
    }
    let outcome = match cli.workload {
        Workload::Ccm(args) => ccm::main(*args).map(|()| ExitCode::SUCCESS),
        Workload::Check(args) => check_command::main(&args),
        Workload::Config(args) => config_command::main(&args).map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => fail(&format!("{error:#}")),
    }
}

#[allow(clippy::print_stderr)] // The last words of a process that cannot start, readable without a log viewer.
fn fail(message: &str) -> ExitCode {
    eprintln!("vsphere-cloud: {message}");
    ExitCode::FAILURE
}

/// The command line as it is written: with Go's spellings.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("ccm", go::spell)
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(with_workload(args)).map_err(hints::add)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    if let Workload::Ccm(args) = &mut cli.workload {
        args.serving.drop_blanks();
        args.check().map_err(|mistake| command.error(ErrorKind::ValueValidation, mistake))?;
    }
    Ok(cli)
}

/// Adds the subcommand that the binary's name stands for.
fn with_workload(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let called = args.first().map(Path::new).and_then(Path::file_name);
    if called == Some(OsStr::new(MANAGER_NAME)) {
        args.insert(1, "ccm".into());
    }
    args
}
