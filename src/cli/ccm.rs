//! `vsphere-cloud ccm`: the cloud controller manager, wired from top to bottom.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt;
use futures::future::join_all;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{debug, info, warn};

use super::{config_command, credentials, lifecycle, logging};
use crate::config::{self, Config, Labels, Severity};
use crate::controllers;
use crate::controllers::node::{self, parse_node_labels};
use crate::provider::{VcenterHandle, VsphereInstances};
use crate::vsphere::inventory::{Inventory, ZoneCategories, ZoneOptions};

/// How long the logouts may take together: a vCenter that is away must not hold up the process.
const LOGOUT_PATIENCE: Duration = Duration::from_secs(3);

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
    let config = load_config(&args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run(args, config))
}

fn load_config(args: &Args) -> anyhow::Result<Config> {
    let options = config::Options { strict: args.strict_config };
    let loaded = config::load_file_with(&args.cloud_config, options, &config_command::environment())?;
    for warning in &loaded.warnings {
        match warning.severity {
            Severity::Warning => warn!("{warning}"),
            Severity::Note => debug!("{warning}"),
        }
    }
    Ok(loaded.config)
}

async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    info!(version = env!("CARGO_PKG_VERSION"), "vsphere-cloud controller manager");
    // Before anything is begun that has to be ended in order, such as a login.
    let stop = stop_signal()?.shared();
    let client = kube_client(&args).await?;
    let zones = zone_options(&config.labels, args.tag_refresh_period);
    let mut vcenters = Vec::new();
    for vcenter in &config.vcenters {
        let feed = credentials::feed(vcenter, &client);
        let inventory = Inventory::start(vcenter, zones.clone(), feed)
            .with_context(|| format!("vCenter {}", vcenter.id))?;
        vcenters.push(VcenterHandle {
            id: vcenter.id.clone(),
            inventory,
            datacenters: vcenter.datacenters.clone(),
            ip_families: vcenter.ip_families.clone(),
        });
    }
    let inventories: Vec<Inventory> = vcenters.iter().map(|vcenter| vcenter.inventory.clone()).collect();
    let instances = Arc::new(VsphereInstances::start(vcenters, config.nodes));
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
    controllers::run(client, instances, options, stop).await;

    let logouts = join_all(inventories.iter().map(Inventory::close));
    if tokio::time::timeout(LOGOUT_PATIENCE, logouts).await.is_err() {
        warn!("a vCenter did not answer the logout; its session ends by itself");
    }
    info!("stopped");
    Ok(())
}

/// Zones need both categories, as upstream has it; the configuration warns of one alone.
fn zone_options(labels: &Labels, refresh_period: Duration) -> Option<ZoneOptions> {
    let categories = ZoneCategories { region: labels.region.clone()?, zone: labels.zone.clone()? };
    Some(ZoneOptions { categories, refresh_period })
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
