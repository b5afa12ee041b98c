//! `vsphere-cloud check`: flags and exit codes; what is looked at is in [`crate::check`].

mod output;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::config_command::{environment, print};
use super::run::stop_signal;
use crate::check::{self, Severity, Subject, worst};
use crate::config::{self, Options};

/// The end of `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  nothing keeps a manager from working (with --strict: there are no warnings either)
  1  a manager would not work, or not for all Nodes (with --strict: or there are warnings)
  2  the command line is wrong

It logs in to each vCenter once, reads, and logs out. It writes nothing, neither to vCenter nor to Kubernetes.";

/// Says where a pod finds its API server; absent outside of one.
const IN_CLUSTER: &str = "KUBERNETES_SERVICE_HOST";

/// How long the API server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to answer; a page of Nodes takes a second or two at most.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The flags.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file (vsphere.conf), in YAML or INI.
    #[arg(long, value_name = "FILE")]
    cloud_config: PathBuf,

    /// How to reach the API server, for Nodes and for Secrets; in a cluster's pod it is found without this.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// What it looks like.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    /// A line for every Node, also where all is well: which VM it is, how it was found, its addresses and
    /// why others were not taken, its zone and what told it.
    #[arg(long, short)]
    verbose: bool,

    /// Warnings count as failures.
    #[arg(long)]
    strict: bool,

    /// Refuse a configuration with unknown keys or values without effect, as the manager does with it.
    #[arg(long)]
    strict_config: bool,
}

/// `--output`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for humans, by topic.
    #[default]
    Text,
    /// One JSON object: `findings` and `summary`.
    Json,
}

/// Looks, tells, and says by the exit code whether a manager would work.
pub(super) fn main(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let findings = runtime.block_on(async {
        let options = Options { strict: args.strict_config };
        let stop = stop_signal()?;
        let subject = Subject {
            file: args.cloud_config.display().to_string(),
            loaded: config::load_file_with(&args.cloud_config, options, &environment()),
            cluster: cluster(args.kubeconfig.as_deref()).await,
            verbose: args.verbose,
        };
        check::run(subject, stop)
            .await
            .context("stopped before the end; the sessions at vCenter have been ended")
    })?;
    print(&match args.output {
        Output::Text => output::text(&findings, output::Style::of_terminal(std::io::stdout().is_terminal())),
        Output::Json => output::json(&findings),
    })?;
    let tolerated = if args.strict { Severity::Note } else { Severity::Warning };
    Ok(if worst(&findings) <= tolerated { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The API server of the kubeconfig, or of the cluster that this is a pod of; or why there is none.
async fn cluster(kubeconfig: Option<&Path>) -> Result<Client, Option<String>> {
    let connect = async {
        let mut config = match kubeconfig {
            Some(path) => {
                let named = || format!("--kubeconfig {}", path.display());
                let kubeconfig = Kubeconfig::read_from(path).with_context(named)?;
                Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                    .await
                    .with_context(named)?
            }
            None => Config::incluster().context("the service account of this pod cannot be used")?,
        };
        // Whoever waits in front of a terminal wants to know.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(READ_TIMEOUT);
        Client::try_from(config).context("cannot set up the client for the API server")
    };
    if kubeconfig.is_none() && std::env::var_os(IN_CLUSTER).is_none() {
        return Err(None);
    }
    connect.await.map_err(|error: anyhow::Error| Some(format!("{error:#}")))
}
