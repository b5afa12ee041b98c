//! The node lifecycle controller: taints Nodes whose machines are switched off, and deletes Nodes
//! whose machines are gone, which it believes reluctantly.
//!
//! Those that are proved to be dead and hold volumes are taken out of service.
//!
//! `decide` holds every rule, `out_of_service` those about volumes, `evidence` how often "gone" must be said, `breaker` how many may go
//! at once; none of them does I/O. `rim` asks, decides and writes. Nodes that are ready cost nothing.
//!
//! What is remembered is lost with the process: a new one needs the whole evidence again.

mod breaker;
mod decide;
mod evidence;
mod explain;
#[cfg(test)]
mod fixtures;
mod missing;
mod options;
mod out_of_service;
mod question;
mod rim;
mod taint;
mod verdicts;
mod volumes;

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client};
use tokio::sync::Semaphore;

use super::calls::Stop;
use super::feed::NodeFeed;
use super::ledger::Ledger;
use super::stopping::until_at_rest;
use crate::cloud::Instances;
use crate::k8s::{EventRecorder, Node};
use crate::metrics::Metrics;
use missing::Census;
use rim::{Context, WRITERS};
use verdicts::Verdicts;
use volumes::Attachments;

pub use decide::CONFIRM_ANNOTATION;
pub use options::{Count, Counters, Options, OutOfService};

/// The `source.component` of this controller's Events, as upstream names it.
const COMPONENT: &str = "cloud-node-lifecycle-controller";
/// Its queue in the metrics; upstream's has none.
const QUEUE: &str = "NodeLifecycle";
/// This controller in the metrics, as upstream names it.
const NAME: &str = "cloud-node-lifecycle-controller";

/// Runs the node lifecycle controller alone until `shutdown`; [`run`](super::run) runs it with the others.
pub async fn run<I: Instances>(
    client: Client,
    instances: Arc<I>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let mut feed = NodeFeed::default();
    let controller =
        attach(&mut feed, client.clone(), instances, options, &Metrics::default(), shutdown.boxed().shared());
    feed.run_while(client, |_| false, controller).await;
}

/// Attaches the node lifecycle controller to the feed; it runs while the result is awaited.
pub(super) fn attach<I: Instances>(
    feed: &mut NodeFeed,
    client: Client,
    instances: Arc<I>,
    options: Options,
    metrics: &Metrics,
    stop: Stop,
) -> BoxFuture<'static, ()> {
    let queue = metrics.controllers.queue(QUEUE);
    if options.skip_deletion {
        tracing::warn!("SKIP_NODE_DELETION is set: no Node is deleted, also when its VM is gone");
    }
    // Before the first question is asked, so that no change of an answer goes unheard.
    let changes = instances.changes().map(|name| ObjectRef::<Node>::new(&name));
    let (names, occasions, ledger) = (feed.subscribe(), queue.clone(), Arc::new(Ledger::default()));
    let names = stream::select(names, feed.unwritten(Arc::clone(&ledger)));
    let context = Arc::new(Context {
        nodes: Api::all(client.clone()),
        store: feed.store(),
        instances,
        attachments: Attachments::new(client.clone()),
        recorder: EventRecorder::new(client, COMPONENT).observed(metrics.events.clone()),
        queue,
        ledger,
        verdicts: Verdicts::new(options.clone()),
        census: Census::default(),
        questions: Semaphore::new(options.concurrency.get()),
        writers: Semaphore::new(WRITERS),
        stop: stop.clone(),
        options,
    });
    // Thousands of Nodes speak up again and again, and of nearly all there is nothing to be said.
    let (listed, judge) = (feed.store(), Arc::clone(&context));
    let triggers = stream::select(names, changes)
        .filter(move |name| {
            std::future::ready(judge.store.get(name).is_some_and(|node| judge.verdicts.concern(&node)))
        })
        .inspect(move |_| occasions.added());
    let outcomes = Controller::for_stream(stream::pending(), feed.store())
        .with_config(controller::Config::default())
        .reconcile_on(triggers)
        .graceful_shutdown_on(stop.clone())
        .run(rim::reconcile, |_, never, _| match *never {}, Arc::clone(&context))
        .for_each(move |outcome| {
            // A Node of which something is remembered is looked at again, also when it is no more.
            if let Err(controller::Error::ObjectNotFound(node)) = outcome {
                context.forget(&node.name);
            }
            std::future::ready(())
        });
    let running = metrics.leader.running(NAME);
    async move {
        let _running = running;
        until_at_rest(outcomes, stop, listed, "node lifecycle controller").await;
    }
    .boxed()
}
