//! `vsphere-cloud ccm`: the cloud controller manager's command line.

use anyhow::Context as _;
use tracing::{debug, info, warn};

use super::flags::controllers::Name;
use super::flags::go::Switch;
use super::flags::{api, cloud, controllers, gates, ignored, leader, lifecycle, node};
use super::serving::ServingArgs;
use super::{MANAGER_NAME, config_command, logging, run};
use crate::config::{self, Severity};
use crate::fleet::Source;

/// Flags of the cloud controller manager, in upstream's spelling.
#[derive(Debug, PartialEq, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) cloud: cloud::Flags,

    #[command(flatten)]
    pub(super) api: api::Flags,

    #[command(flatten)]
    pub(super) controllers: controllers::Flags,

    #[command(flatten)]
    pub(super) gates: gates::Flags,

    #[command(flatten)]
    pub(super) leader: leader::Flags,

    #[command(flatten)]
    pub(super) node: node::Flags,

    #[command(flatten)]
    pub(super) lifecycle: lifecycle::Flags,

    #[command(flatten)]
    pub(super) serving: ServingArgs,

    #[command(flatten)]
    pub(super) global: Global,

    #[command(flatten)]
    pub(super) ignored: ignored::Given,
}

/// Flags of every program of Kubernetes.
#[derive(Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Global flags")]
#[group(skip)]
pub(super) struct Global {
    /// How much is logged: 0 to 3 the essentials, 4 for finding mistakes, 6 and more everything.
    #[arg(short = 'v', long = "v", value_name = "N", default_value_t = 2)]
    pub(super) verbosity: u8,

    /// What log lines look like.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    logging_format: logging::Format,

    /// Print the version and end.
    #[arg(long, value_parser = version, default_value = "false", hide_default_value = true)]
    pub(super) version: Switch,
}

/// Upstream knows `raw` as well, and a version to pretend to be, which does not end the program.
fn version(text: &str) -> Result<Switch, &'static str> {
    match text {
        "raw" => Ok(Switch(true)),
        _ if text.starts_with('v') => Ok(Switch(false)),
        _ => text.parse(),
    }
}

impl Args {
    /// What is wrong with flags that are right each for itself.
    pub(super) fn check(&self) -> Result<(), String> {
        self.leader.check()
    }

    /// Which controllers run, and how.
    pub(super) fn controllers(&self) -> crate::controllers::Options {
        crate::controllers::Options {
            node: self.controllers.runs(Name::Node).then(|| self.node.options()),
            lifecycle: self.controllers.runs(Name::Lifecycle).then(|| self.lifecycle.options()),
        }
    }
}

/// Runs until SIGTERM or SIGINT.
pub(super) fn main(args: Args) -> anyhow::Result<()> {
    if args.global.version.0 {
        print_version();
        return Ok(());
    }
    logging::init(args.global.logging_format, args.global.verbosity);
    info!(version = env!("CARGO_PKG_VERSION"), "vsphere-cloud controller manager");
    remark(&args);
    let source = source(&args.cloud)?;
    let reading = source.read().map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run::run(args, source, reading))
}

#[allow(clippy::print_stdout)] // What was asked for.
fn print_version() {
    println!("{MANAGER_NAME} v{}", env!("CARGO_PKG_VERSION"));
}

/// Says once what somebody who wrote these flags should know.
fn remark(args: &Args) {
    for remark in args.ignored.remarks() {
        if remark.contains(ignored::DEPRECATED) {
            warn!("{remark}");
        } else {
            info!("{remark}");
        }
    }
    let (known, unknown) = args.gates.remarks();
    if let Some(known) = known {
        info!("{known}");
    }
    for unknown in unknown {
        warn!("{unknown}");
    }
    let missing = args.controllers.missing();
    if !missing.is_empty() {
        info!(
            "not implemented yet: {}; Services of type LoadBalancer and routes are left alone",
            missing.join(", ")
        );
    }
}

/// Where the configuration is, and how it is read, warnings included.
fn source(flags: &cloud::Flags) -> anyhow::Result<Source> {
    let path = flags.cloud_config.clone().context("--cloud-config is missing")?;
    let options = config::Options { strict: flags.strict_config.0 };
    let environment = config_command::environment();
    Ok(Source::new(path, move |path| {
        let loaded =
            config::load_file_with(path, options, &environment).map_err(|error| error.to_string())?;
        for warning in &loaded.warnings {
            match warning.severity {
                Severity::Warning => warn!("{warning}"),
                Severity::Note => debug!("{warning}"),
            }
        }
        Ok(loaded.config)
    }))
}
