//! Where log lines go and what they look like.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// `--logging-format`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For humans.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Sets up logging to stderr; once per process.
///
/// Levels are Kubernetes' verbosities: up to 3 what an administrator wants to know, from 4 on what
/// helps to find a mistake, from 6 on everything. `RUST_LOG` refines it.
pub(super) fn init(format: Format, verbosity: u8) {
    let level = match verbosity {
        0..=3 => LevelFilter::INFO,
        4 | 5 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // The libraries below log every connection at DEBUG: theirs begin two levels later.
    let libraries = match verbosity {
        0..=5 => "warn",
        6 | 7 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    // It tells of each request that fails, as does whoever sent it, who knows what it was for.
    let client = if verbosity <= 5 { "off" } else { libraries };
    let filter = ["hyper", "hyper_util", "kube", "kube_runtime", "reqwest", "rustls", "tower", "h2"]
        .iter()
        .map(|library| (library, libraries))
        .chain([(&"kube_client", client)])
        .filter_map(|(library, level)| format!("{library}={level}").parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        Format::Text => {
            use std::io::IsTerminal;
            subscriber.with_ansi(std::io::stderr().is_terminal()).with_target(verbosity >= 4).init();
        }
        Format::Json => subscriber.json().flatten_event(true).init(),
    }
}
