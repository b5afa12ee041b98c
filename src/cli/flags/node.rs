//! Flags of the node controller.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::go::{self, Switch};
use crate::controllers::node::{NodeLabelsError, Options, Rules, parse_node_labels};

/// How Nodes are initialised and kept current.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Cloud node controller flags")]
#[group(skip)]
pub(crate) struct Flags {
    /// Labels for every node on its initialisation: key=value, separated by commas.
    #[arg(long, value_name = "LABELS", value_parser = NodeLabels::parse)]
    node_labels: Vec<NodeLabels>,

    /// Keep a node tainted until its zone and region are known, instead of initialising it without.
    #[arg(long, default_value = "false")]
    strict_zones: Switch,

    /// The most nodes that are written to at the same time (upstream's default: 1).
    #[arg(long, value_name = "N", default_value = "32")]
    concurrent_node_syncs: NonZeroUsize,

    /// How often a node is compared with its VM although nothing tells of a change; 0 is never. It is
    /// only a safety net, and asks nobody.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = go::duration_or_zero)]
    node_status_update_frequency: Duration,
}

/// `--node-labels`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NodeLabels(BTreeMap<String, String>);

impl NodeLabels {
    fn parse(text: &str) -> Result<Self, NodeLabelsError> {
        parse_node_labels(text).map(Self)
    }
}

impl Flags {
    /// The controller's options.
    pub(crate) fn options(&self) -> Options {
        Options {
            rules: Rules {
                additional_labels: self.node_labels.iter().flat_map(|labels| labels.0.clone()).collect(),
                strict_zones: self.strict_zones.0,
            },
            concurrency: self.concurrent_node_syncs,
            compare_period: self.node_status_update_frequency,
        }
    }
}
