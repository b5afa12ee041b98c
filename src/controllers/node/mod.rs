//! The node controller: turns what the infrastructure knows of a machine into what Kubernetes
//! wants to know of a Node.
//!
//! [`decide`](decide::decide) holds every rule and does no I/O; `reconcile` asks, decides and
//! writes. There is no polling: a Node is looked at when it changes, when its machine changes,
//! and after a failed write; and now and then, in memory, in case a change was lost.

mod addresses;
mod decide;
mod explain;
#[cfg(test)]
mod fixtures;
mod labels;
mod reconcile;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, future, stream};
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client};

use super::calls::Stop;
use super::feed::NodeFeed;
use super::ledger::Ledger;
use super::stopping::until_at_rest;
use super::teller::Teller;
use crate::cloud::Instances;
use crate::k8s::{EventRecorder, Node};
use crate::metrics::Metrics;
use reconcile::Context;

pub use decide::{Plan, Rules, decide};
pub use labels::{NodeLabelsError, parse_node_labels};

/// The `source.component` of this controller's Events, as upstream names it.
const COMPONENT: &str = "cloud-node-controller";
/// Its queue in the metrics, as upstream names it.
const QUEUE: &str = "Nodes";
/// This controller in the metrics, as upstream names it.
const NAME: &str = "cloud-node-controller";

/// Nodes being written to at the same time. Each takes a connection: a thousand nodes that a new
/// cluster brings at once must not become a thousand TLS sessions.
const CONCURRENCY: NonZeroUsize = match NonZeroUsize::new(32) {
    Some(number) => number,
    None => NonZeroUsize::MIN,
};

/// How the node controller behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the administrator wants of each Node.
    pub rules: Rules,
    /// The most Nodes that are looked at, and written to, simultaneously (`--concurrent-node-syncs`).
    /// One whose machine is still being looked for does not count.
    pub concurrency: NonZeroUsize,
    /// How often a Node is compared with its machine although nothing tells of a change
    /// (`--node-status-update-frequency`); zero is never.
    pub compare_period: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { rules: Rules::default(), concurrency: CONCURRENCY, compare_period: Duration::from_mins(5) }
    }
}

/// Runs the node controller alone until `shutdown`; [`run`](super::run) runs it with the others.
pub async fn run<I: Instances>(
    client: Client,
    instances: Arc<I>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let keep_label = read_labels(&options);
    let mut feed = NodeFeed::default();
    let controller =
        attach(&mut feed, client.clone(), instances, options, &Metrics::default(), shutdown.boxed().shared());
    feed.run_while(client, keep_label, controller).await;
}

/// Attaches the node controller to the feed; it runs while the result is awaited.
pub(super) fn attach<I: Instances>(
    feed: &mut NodeFeed,
    client: Client,
    instances: Arc<I>,
    options: Options,
    metrics: &Metrics,
    stop: Stop,
) -> BoxFuture<'static, ()> {
    let queue = metrics.controllers.queue(QUEUE);
    let ignored: Vec<&String> =
        options.rules.additional_labels.keys().filter(|key| labels::is_reserved(key)).collect();
    if !ignored.is_empty() {
        tracing::warn!(?ignored, "--node-labels: these keys belong to Kubernetes and are not set");
    }
    let ledger = Arc::new(Ledger::default());
    // Before the first question is asked, so that no change of an answer goes unheard.
    let changes = instances.changes().map(|name| ObjectRef::<Node>::new(&name));

    let (machines, failures) = (Arc::clone(&instances), Arc::clone(&ledger));
    feed.on_departure(move |name| {
        tracing::debug!(node = name, "Node deleted");
        failures.forget(name);
        machines.forget(name);
    });
    let occasions = queue.clone();
    let news = stream::select(feed.subscribe(), changes);
    let triggers =
        stream::select(news, feed.unwritten(Arc::clone(&ledger))).inspect(move |_| occasions.added());
    let recorder = EventRecorder::new(client.clone(), COMPONENT).observed(metrics.events.clone());
    let (teller, telling) = Teller::new(recorder);
    let context = Context {
        nodes: Api::all(client),
        instances,
        teller,
        queue,
        metrics: metrics.controllers.clone(),
        ledger,
        options,
    };
    let concurrency = u16::try_from(context.options.concurrency.get()).unwrap_or(u16::MAX);
    let listed = feed.store();
    let outcomes = Controller::for_stream(stream::pending(), feed.store())
        .with_config(controller::Config::default().concurrency(concurrency))
        .reconcile_on(triggers)
        .graceful_shutdown_on(stop.clone())
        .run(reconcile::reconcile, |_, never, _| match *never {}, Arc::new(context))
        .for_each(async |outcome| match outcome {
            Ok((node, _)) => tracing::trace!(node = node.name, "looked at"),
            // A machine has changed whose Node is not there: forgotten a moment ago.
            Err(error) => tracing::debug!(%error, "not looked at"),
        });
    let running = metrics.leader.running(NAME);
    async move {
        let _running = running;
        // The controller goes first, and its teller with it: what is to be told by then is told.
        let outcomes = future::join(outcomes, telling).map(drop);
        until_at_rest(outcomes, stop, listed, "node controller").await;
    }
    .boxed()
}

/// The labels that decisions depend on; all others are not kept in memory.
pub(super) fn read_labels(options: &Options) -> impl Fn(&str) -> bool + Send + use<> {
    let additional: Vec<String> = options.rules.additional_labels.keys().cloned().collect();
    move |key| {
        labels::SPELLINGS.iter().any(|(old, new)| key == *old || key == *new)
            || additional.iter().any(|other| other == key)
    }
}
