//! `vsphere-cloud ccm`: the cloud controller manager, wired from top to bottom.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::{config_command, lifecycle, logging, notices};
use crate::config::{self, Severity};
use crate::controllers;
use crate::controllers::node::{self, parse_node_labels};
use crate::fleet::{self, Fleet, Reading, Source};
use crate::k8s::Subject;

/// Flags of the cloud controller manager, in upstream's spelling.
#[derive(Debug, PartialEq, clap::Args)]
pub(super) struct Args {
    /// The configuration file (vsphere.conf), in YAML or INI.
    #[arg(long, value_name = "FILE")]
    pub(super) cloud_config: PathBuf,

    /// Refuse a configuration with unknown keys or values without effect, instead of warning.
    #[arg(long)]
    strict_config: bool,

    /// How to reach the API server; in a cluster's pod it is found without this.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Labels for every node on its initialisation: key=value, separated by commas.
    #[arg(long, value_name = "LABELS", value_parser = NodeLabels::parse)]
    node_labels: Option<NodeLabels>,

    /// Keep a node tainted until its zone and region are known, instead of initialising it without.
    #[arg(long)]
    strict_zones: bool,

    /// How often the tags for zones and regions are read again: vCenter does not tell of their changes.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = lifecycle::duration)]
    tag_refresh_period: Duration,

    /// How often the configuration file and the CA files are looked at.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = lifecycle::duration)]
    config_poll_period: Duration,

    /// The most nodes that are worked on at the same time; no limit unless given.
    #[arg(long, value_name = "N")]
    concurrent_node_syncs: Option<NonZeroUsize>,

    #[command(flatten)]
    lifecycle: lifecycle::Flags,

    /// The cloud provider: this binary knows only vsphere.
    #[arg(long, value_name = "NAME", default_value = "vsphere", value_parser = ["vsphere"], hide = true)]
    cloud_provider: String,

    /// How much is logged: 0 to 3 the essentials, 4 for finding mistakes, 6 and more everything.
    #[arg(short = 'v', long = "v", value_name = "N", default_value_t = 2)]
    pub(super) verbosity: u8,

    /// What log lines look like.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    logging_format: logging::Format,
}

/// `--node-labels`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NodeLabels(std::collections::BTreeMap<String, String>);

impl NodeLabels {
    fn parse(text: &str) -> Result<Self, node::NodeLabelsError> {
        parse_node_labels(text).map(Self)
    }
}

/// Runs until SIGTERM or SIGINT.
pub(super) fn main(args: Args) -> anyhow::Result<()> {
    logging::init(args.logging_format, args.verbosity);
    let source = Arc::new(source(&args));
    let reading = source.read().map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run(args, source, reading))
}

/// Where the configuration is, and how it is read, warnings included.
fn source(args: &Args) -> Source {
    let options = config::Options { strict: args.strict_config };
    let environment = config_command::environment();
    Source::new(args.cloud_config.clone(), move |path| {
        let loaded =
            config::load_file_with(path, options, &environment).map_err(|error| error.to_string())?;
        for warning in &loaded.warnings {
            match warning.severity {
                Severity::Warning => warn!("{warning}"),
                Severity::Note => debug!("{warning}"),
            }
        }
        Ok(loaded.config)
    })
}

async fn run(args: Args, source: Arc<Source>, reading: Reading) -> anyhow::Result<()> {
    info!(version = env!("CARGO_PKG_VERSION"), "vsphere-cloud controller manager");
    // Before anything is begun that has to be ended in order, such as a login.
    let stop = stop_signal()?.shared();
    let client = kube_client(&args).await?;
    let (notices, told) = mpsc::unbounded_channel();
    let options = fleet::Options {
        client: client.clone(),
        tag_refresh_period: args.tag_refresh_period,
        notices: notices.clone(),
    };
    let fleet = Arc::new(Fleet::start(&reading, options)?);
    let lease = Subject::lease("kube-system", "cloud-controller-manager");
    let telling = tokio::spawn(notices::tell(client.clone(), lease, told));
    let following = fleet::follow(Arc::clone(&fleet), source, reading, args.config_poll_period, notices);
    let options = controllers::Options {
        node: node::Options {
            rules: node::Rules {
                additional_labels: args.node_labels.map(|labels| labels.0).unwrap_or_default(),
                strict_zones: args.strict_zones,
            },
            concurrency: args.concurrent_node_syncs,
        },
        lifecycle: args.lifecycle.options(),
    };
    tokio::select! {
        () = controllers::run(client, fleet.instances(), options, stop) => {}
        never = following => match never {},
    }
    fleet.close().await;
    telling.abort();
    info!("stopped");
    Ok(())
}

async fn kube_client(args: &Args) -> anyhow::Result<kube::Client> {
    let config = match &args.kubeconfig {
        Some(path) => {
            let kubeconfig = kube::config::Kubeconfig::read_from(path)
                .with_context(|| format!("--kubeconfig {}", path.display()))?;
            kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default())
                .await
                .with_context(|| format!("--kubeconfig {}", path.display()))?
        }
        None => kube::Config::incluster()
            .context("this is no pod of a cluster (give --kubeconfig to run outside of one)")?,
    };
    kube::Client::try_from(config).context("cannot set up the client for the API server")
}

/// Completes on the first order to stop.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: stopping"),
            _ = interrupt.recv() => info!("SIGINT: stopping"),
        }
    })
}
