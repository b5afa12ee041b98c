//! The node controller: turns what the infrastructure knows of a machine into what Kubernetes
//! wants to know of a Node.
//!
//! [`decide`](decide::decide) holds every rule and does no I/O; `reconcile` asks, decides and
//! writes. There is no polling: a Node is looked at when it changes, when its machine changes,
//! and after a failed write.

mod addresses;
mod decide;
mod explain;
#[cfg(test)]
mod fixtures;
mod identity;
mod labels;
mod ledger;
mod reconcile;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::Semaphore;

use crate::cloud::Instances;
use crate::k8s::{EventRecorder, Node, departures, watch_nodes};
use ledger::Ledger;
use reconcile::{Context, WRITERS};

pub use decide::{Plan, Rules, decide};
pub use labels::{NodeLabelsError, parse_node_labels};

/// The `source.component` of this controller's Events, as upstream names it.
const COMPONENT: &str = "cloud-node-controller";
/// How long patches that are on their way may take to finish after the order to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How the node controller behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What the administrator wants of each Node.
    pub rules: Rules,
    /// The most Nodes that are looked at simultaneously (`--concurrent-node-syncs`); no limit by default,
    /// so that one batch of questions to the infrastructure serves all that wait.
    pub concurrency: Option<NonZeroUsize>,
}

/// Runs the node controller until `shutdown`.
pub async fn run<I: Instances>(
    client: Client,
    instances: Arc<I>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let ignored: Vec<&String> =
        options.rules.additional_labels.keys().filter(|key| labels::is_reserved(key)).collect();
    if !ignored.is_empty() {
        tracing::warn!(?ignored, "--node-labels: these keys belong to Kubernetes and are not set");
    }
    let stop = shutdown.boxed().shared();
    let ledger = Arc::new(Ledger::default());
    let (store, writer) = reflector::store();
    // Before the first question is asked, so that no change of an answer goes unheard.
    let changes = instances.changes().map(|name| ObjectRef::<Node>::new(&name));

    let gone = {
        let (instances, ledger) = (Arc::clone(&instances), Arc::clone(&ledger));
        move |name: &str| {
            tracing::debug!(node = name, "Node deleted");
            ledger.forget(name);
            instances.forget(name);
        }
    };
    let events = departures(watch_nodes(client.clone(), read_labels(&options)), gone);
    let nodes = reflector::reflector(writer, events.map(Ok::<_, watcher::Error>)).applied_objects();

    let context = Context {
        nodes: Api::all(client.clone()),
        store: store.clone(),
        instances,
        recorder: EventRecorder::new(client, COMPONENT),
        ledger,
        writers: Semaphore::new(WRITERS),
        stop: stop.clone(),
        options,
    };
    let outcomes = Controller::for_stream(nodes, store)
        .with_config(controller::Config::default().concurrency(concurrency(&context.options)))
        .reconcile_on(changes)
        .graceful_shutdown_on(stop.clone())
        .run(reconcile::reconcile, |_, never, _| match *never {}, Arc::new(context))
        .for_each(async |outcome| match outcome {
            Ok((node, _)) => tracing::trace!(node = node.name, "looked at"),
            // A machine has changed whose Node is not there: forgotten a moment ago.
            Err(error) => tracing::debug!(%error, "not looked at"),
        });
    tokio::select! {
        () = outcomes => {}
        () = stop.then(|()| tokio::time::sleep(GRACE)) => {
            tracing::warn!("the node controller has not come to rest in time and is stopped");
        }
    }
}

/// The labels that decisions depend on; all others are not kept in memory.
fn read_labels(options: &Options) -> impl Fn(&str) -> bool + Send + 'static {
    let additional: Vec<String> = options.rules.additional_labels.keys().cloned().collect();
    move |key| {
        labels::SPELLINGS.iter().any(|(old, new)| key == *old || key == *new)
            || additional.iter().any(|other| other == key)
    }
}

/// As the controller wants it: zero means no limit.
fn concurrency(options: &Options) -> u16 {
    options.concurrency.map_or(0, |limit| u16::try_from(limit.get()).unwrap_or(u16::MAX))
}
