//! The command line: one subcommand per workload.

mod ccm;
mod config_command;
mod lifecycle;
mod logging;
mod notices;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// The cloud controller manager: initialises Nodes and keeps their addresses current.
    Ccm(Box<ccm::Args>),
    /// Configuration files: what one means, and conversion to YAML.
    Config(config_command::Args),
}

/// Runs the workload that the arguments name; returns the process's exit code.
///
/// | code | meaning |
/// |---|---|
/// | 0 | stopped by SIGTERM or SIGINT |
/// | 1 | the configuration is wrong, or something needed at the start is missing |
/// | 2 | the command line is wrong |
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(with_workload(args));
    // One provider for the whole process: with two compiled in, rustls would refuse to choose.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return fail("cannot set up TLS: another cryptography provider is installed already");
    }
    let outcome = match cli.workload {
        Workload::Ccm(args) => ccm::main(*args),
        Workload::Config(args) => config_command::main(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{error:#}")),
    }
}

#[allow(clippy::print_stderr)] // The last words of a process that cannot start, readable without a log viewer.
fn fail(message: &str) -> ExitCode {
    eprintln!("vsphere-cloud: {message}");
    ExitCode::FAILURE
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<ccm::Args, clap::Error> {
        let args = with_workload(args.iter().map(OsString::from));
        Cli::try_parse_from(args).map(|cli| match cli.workload {
            Workload::Ccm(args) => *args,
            Workload::Config(_) => panic!("not the manager"),
        })
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn under_upstreams_name_it_takes_upstreams_arguments() {
        let upstream = ["--cloud-provider=vsphere", "--v=2", "--cloud-config=/etc/cloud/vsphere.conf"];
        let mut called = vec!["/bin/vsphere-cloud-controller-manager"];
        called.extend(upstream);
        let by_name = parse(&called).unwrap();
        let mut called = vec!["vsphere-cloud", "ccm"];
        called.extend(upstream);
        assert_eq!(by_name, parse(&called).unwrap());
        assert_eq!(by_name.cloud_config.to_str(), Some("/etc/cloud/vsphere.conf"));
        assert_eq!(by_name.verbosity, 2);
    }

    #[test]
    fn flags_are_read_in_gos_spellings() {
        let spellings: [&[&str]; 4] = [&["-v", "4"], &["-v=4"], &["--v=4"], &["--v", "4"]];
        for spelling in spellings {
            let mut args = vec!["vsphere-cloud", "ccm", "--cloud-config", "f"];
            args.extend(spelling);
            assert_eq!(parse(&args).unwrap().verbosity, 4, "{spelling:?}");
        }
    }

    #[test]
    fn wrong_arguments_are_refused_with_a_hint() {
        let error = parse(&["vsphere-cloud", "ccm", "--cloud-confg=f"]).unwrap_err().to_string();
        assert!(error.contains("--cloud-config"), "{error}");
        let error = parse(&["vsphere-cloud", "ccm"]).unwrap_err().to_string();
        assert!(error.contains("--cloud-config"), "{error}");
        let error = parse(&["vsphere-cloud", "ccm", "--cloud-config=f", "--node-labels=a"]).unwrap_err();
        assert!(error.to_string().contains("--node-labels"), "{error}");
        let aws = parse(&["vsphere-cloud", "ccm", "--cloud-config=f", "--cloud-provider=aws"]).unwrap_err();
        assert!(aws.to_string().contains("vsphere"), "{aws}");
    }
}
