//! What the manager does: pure decisions, with I/O at the rim.

mod calls;
mod feed;
mod identity;
mod ledger;
pub mod lifecycle;
pub mod node;
mod stopping;

use std::sync::Arc;

use futures::{FutureExt, future};
use kube::Client;

use crate::cloud::Instances;
use crate::metrics::Metrics;
use feed::NodeFeed;

/// How the controllers of Nodes behave.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The node controller.
    pub node: node::Options,
    /// The node lifecycle controller.
    pub lifecycle: lifecycle::Options,
}

/// Runs all controllers of Nodes over one watch, until `shutdown`.
pub async fn run<I: Instances>(
    client: Client,
    instances: Arc<I>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    run_observed(client, instances, options, &Metrics::default(), shutdown).await;
}

/// The same, with everything that happens counted.
pub async fn run_observed<I: Instances>(
    client: Client,
    instances: Arc<I>,
    options: Options,
    metrics: &Metrics,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let stop = shutdown.boxed().shared();
    let keep_label = node::read_labels(&options.node);
    let mut feed = NodeFeed::default();
    let (nodes, lifecycle) = (Arc::clone(&instances), options.lifecycle.observed(metrics));
    let nodes = node::attach(&mut feed, client.clone(), nodes, options.node, metrics, stop.clone());
    let lifecycle = lifecycle::attach(&mut feed, client.clone(), instances, lifecycle, metrics, stop);
    feed.run_while(client, keep_label, future::join(nodes, lifecycle).map(drop)).await;
}

#[cfg(test)]
mod tests;
