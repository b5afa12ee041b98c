//! Who takes part.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::world::World;
use crate::testbed::{Manager, ManagerOptions};

/// A contestant, in the order of the table.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(super) enum Contestant {
    /// The product, as it is released
    Ours,
    /// Upstream's manager with flags for speed
    Tuned,
    /// Upstream's manager as it comes
    Default,
    /// A client that only writes
    Floor,
}

/// What upstream offers against its own limits.
const TUNED: [&str; 3] = ["--kube-api-qps=2000", "--kube-api-burst=4000", "--concurrent-node-syncs=32"];
/// A single manager without a server needs no lease and no port.
const ALONE: [&str; 2] = ["--leader-elect=false", "--secure-port=0"];

/// The programs.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) ours: PathBuf,
    /// More arguments for ours.
    pub(super) our_args: Vec<String>,
    /// Built only if it takes part.
    pub(super) upstream: Option<PathBuf>,
    pub(super) floor: PathBuf,
}

impl Contestant {
    /// Its name, for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Ours => "vsphere-cloud",
            Self::Tuned => "upstream, tuned",
            Self::Default => "upstream, default",
            Self::Floor => "floor",
        }
    }

    pub(super) fn is_upstream(self) -> bool {
        matches!(self, Self::Tuned | Self::Default)
    }

    pub(super) fn start(self, programs: &Programs, world: &World) -> Result<Manager> {
        let kubeconfig = world.kube.kubeconfig();
        let mut options = match self {
            Self::Ours => {
                let mut options = ManagerOptions::new(&programs.ours, world.config(), kubeconfig);
                options.args.clone_from(&programs.our_args);
                options
            }
            Self::Tuned | Self::Default => {
                let upstream = programs.upstream.as_ref().context("upstream's manager was not built")?;
                let mut options = ManagerOptions::new(upstream, world.config(), kubeconfig);
                options.subcommand.clear();
                options.args.extend(ALONE.map(str::to_owned));
                options
            }
            Self::Floor => {
                let answers = serde_json::to_string(&world.answers).context("cannot write the answers")?;
                let mut options = ManagerOptions::new(&programs.floor, answers, kubeconfig);
                options.subcommand = vec!["bench-floor".to_owned()];
                options.secure_port = None;
                options
            }
        };
        if self == Self::Tuned {
            options.args.extend(TUNED.map(str::to_owned));
        }
        Manager::start(&options)
    }
}
