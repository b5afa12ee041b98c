//! Who takes part.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::world::World;
use super::{binaries, svg};
use crate::testbed::ManagerOptions;

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

    /// The colour of its bars.
    pub(super) fn colour(self) -> &'static str {
        match self {
            Self::Ours => svg::OURS,
            Self::Tuned | Self::Default => svg::UPSTREAM,
            Self::Floor => svg::FLOOR,
        }
    }

    /// How it is started in this world; leader election as its defaults have it.
    pub(super) fn options(self, programs: &Programs, world: &World) -> Result<ManagerOptions> {
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
        Ok(options)
    }
}

impl Programs {
    /// What was built before.
    pub(super) fn find(ours: Option<PathBuf>, our_args: &[String], with_upstream: bool) -> Result<Self> {
        Ok(Self {
            ours: ours.context("which manager is it that is to be measured?")?,
            our_args: our_args.to_owned(),
            upstream: with_upstream.then(binaries::upstream).transpose()?,
            floor: std::env::current_exe().context("cannot find ourselves")?,
        })
    }
}
