//! What the manager does: pure decisions, with I/O at the rim.

mod calls;
mod feed;
mod identity;
mod ledger;
pub mod lifecycle;
pub mod node;
mod stopping;
mod teller;

use std::sync::Arc;

use futures::{FutureExt, future};
use kube::Client;

use crate::cloud::Instances;
use crate::k8s::Presence;
use crate::metrics::Metrics;
use feed::NodeFeed;

pub use identity::identity;

/// How the controllers of Nodes behave; one that has no options does not run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node controller.
    pub node: Option<node::Options>,
    /// The node lifecycle controller.
    pub lifecycle: Option<lifecycle::Options>,
}

impl Default for Options {
    fn default() -> Self {
        Self { node: Some(node::Options::default()), lifecycle: Some(lifecycle::Options::default()) }
    }
}

impl Options {
    /// Whether none of them runs.
    pub fn is_idle(&self) -> bool {
        self.node.is_none() && self.lifecycle.is_none()
    }
}

/// Runs the controllers of Nodes over one watch, until `shutdown`.
pub async fn run<I: Instances>(
    client: Client,
    instances: Arc<I>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let observed = Observed { metrics: &Metrics::default(), presence: &Presence::default() };
    run_observed(client, instances, options, observed, shutdown).await;
}

/// What is seen of the controllers, and what they see of the API server.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Where everything that happens is counted.
    pub metrics: &'a Metrics,
    /// A layer of the client; what could not be written is tried again when the API server is back.
    pub presence: &'a Presence,
}

/// The same, observed.
pub async fn run_observed<I: Instances>(
    client: Client,
    instances: Arc<I>,
    options: Options,
    Observed { metrics, presence }: Observed<'_>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let stop = shutdown.boxed().shared();
    let keep_label = options.node.as_ref().map(node::read_labels);
    let keep_label = move |key: &str| keep_label.as_ref().is_some_and(|keep| keep(key));
    let mut feed = NodeFeed::of(presence.clone());
    let mut controllers = Vec::new();
    if let Some(options) = options.node {
        let instances = Arc::clone(&instances);
        controllers.push(node::attach(&mut feed, client.clone(), instances, options, metrics, stop.clone()));
    }
    if let Some(options) = options.lifecycle {
        let (client, options) = (client.clone(), options.observed(metrics));
        controllers.push(lifecycle::attach(&mut feed, client, instances, options, metrics, stop.clone()));
    }
    if controllers.is_empty() {
        stop.await;
    } else {
        feed.run_while(client, keep_label, future::join_all(controllers).map(drop)).await;
    }
}

#[cfg(test)]
mod tests;
