//! `vsphere-cloud config`: what a configuration file means, and the same file in YAML.

mod show;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};

use crate::config::{self, Environment, Options, Severity, Warning};

/// The subcommands.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints every value in effect and where it comes from: file, environment, Secret or default.
    Show {
        #[command(flatten)]
        file: File,

        /// Print passwords and tokens instead of hiding them.
        #[arg(long)]
        show_secrets: bool,

        /// What it looks like; `yaml` can be used as a configuration.
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        output: Output,
    },
    /// Prints a file of either dialect in YAML, with its comments and passwords.
    Convert {
        #[command(flatten)]
        file: File,
    },
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file (vsphere.conf), in YAML or INI.
    #[arg(long, value_name = "FILE")]
    cloud_config: PathBuf,

    /// Refuse a configuration with unknown keys or values without effect, instead of warning.
    #[arg(long)]
    strict_config: bool,
}

/// `--output`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A table for humans.
    #[default]
    Text,
    /// YAML with the origins as comments.
    Yaml,
    /// One JSON object.
    Json,
}

/// What this process has in its environment, as far as the configuration is about it.
pub(super) fn environment() -> Environment {
    // A name or value that is no text cannot be one of ours.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Environment::new(variables, Path::is_dir)
}

/// Does what is asked.
pub(super) fn main(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Show { file, show_secrets, output } => {
            let options = Options { strict: file.strict_config };
            let loaded = config::load_file_with(&file.cloud_config, options, &environment())?;
            warn(&loaded.warnings)?;
            let secrets = show::Secrets { shown: *show_secrets };
            print(&match output {
                Output::Text => show::text(&loaded, secrets),
                Output::Yaml => show::yaml(&loaded, secrets),
                Output::Json => show::json(&loaded, secrets),
            })
        }
        Command::Convert { file } => {
            let name = file.cloud_config.display().to_string();
            let options = Options { strict: file.strict_config };
            let converted = config::to_yaml(&config::read_file(&file.cloud_config)?, &name, options)?;
            warn(&converted.warnings)?;
            print(&converted.yaml)
        }
    }
}

/// What is strange goes to standard error, so that standard output can be used as it is.
fn warn(warnings: &[Warning]) -> anyhow::Result<()> {
    let mut stderr = std::io::stderr().lock();
    for warning in warnings {
        let severity = match warning.severity {
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        writeln!(stderr, "{severity}: {warning}").context("cannot write to standard error")?;
    }
    Ok(())
}

/// Writes to standard output.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("cannot write to standard output"),
    }
}
