//! The rim: asks, decides, writes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Api;
use kube::api::PatchParams;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::Semaphore;

use super::Options;
use super::decide::{Plan, decide};
use crate::cloud::{Instance, InstanceError, Instances};
use crate::controllers::calls::{Stop, WriteError, in_time};
use crate::controllers::identity::{foreign, identity};
use crate::controllers::ledger::Ledger;
use crate::k8s::{EventRecorder, Node, NodeEvent};
use crate::metrics::{self, Queue};

/// Nodes being written to at the same time. Each takes a connection: a thousand nodes that a new
/// cluster brings at once must not become a thousand TLS sessions.
pub(super) const WRITERS: usize = 32;
/// Events being written at the same time. That a Node is ready comes before that it is told of: while
/// many wait, most of what the API server can do goes into the Nodes.
pub(super) const TELLERS: usize = 2;
/// How often a write that came too late is decided anew at once.
const RACES: usize = 5;

/// All that a reconciliation uses.
pub(super) struct Context<I> {
    pub(super) nodes: Api<Node>,
    pub(super) store: Store<Node>,
    pub(super) instances: Arc<I>,
    pub(super) recorder: EventRecorder,
    pub(super) queue: Queue,
    pub(super) metrics: metrics::Controllers,
    pub(super) options: Options,
    pub(super) ledger: Arc<Ledger>,
    pub(super) writers: Semaphore,
    pub(super) tellers: Semaphore,
    pub(super) stop: Stop,
}

type Answer = Result<Instance, InstanceError>;

/// How the writing of a plan ended.
enum Written {
    /// As planned, or there was nothing left to do; this is to be told.
    Done(Vec<NodeEvent>),
    /// The Node is gone, or another one has its name.
    Gone,
    /// It says something else of itself now, and the answer may be about another machine.
    Changed,
}

/// Looks at a Node and does what is to be done. It never fails: what went wrong is tried again.
pub(super) async fn reconcile<I: Instances>(
    node: Arc<Node>,
    context: Arc<Context<I>>,
) -> Result<Action, Infallible> {
    let _working = context.queue.begin();
    if let Some(wait) = context.ledger.precedes_own_write(&node) {
        return Ok(Action::requeue(wait));
    }
    let Some((node, answer)) = ask_unless_stopped(node, &context).await else {
        return Ok(Action::await_change());
    };
    if decide(&node, &answer, &context.options.rules).is_empty() {
        context.ledger.forget(node.name());
        return Ok(safety_net(&context.options));
    }
    // Thousands wait for their turn at the same time, and few write: who waits keeps neither plan
    // nor answer, and has both made anew when it is its turn. The answer is in memory by then.
    drop(answer);
    Ok(Box::pin(take_turn(node, &context)).await)
}

/// Writes what is to be written, when it is this Node's turn.
async fn take_turn<I: Instances>(node: Arc<Node>, context: &Context<I>) -> Action {
    let Ok(permit) = context.writers.acquire().await else { return Action::await_change() };
    let Some((node, answer)) = ask_unless_stopped(node, context).await else {
        return Action::await_change();
    };
    let plan = decide(&node, &answer, &context.options.rules);
    if plan.is_empty() {
        return safety_net(&context.options);
    }
    // A box of its own, which is given back before the wait.
    let (action, events) = Box::pin(carry_out(&node, answer, plan, context)).await;
    // The next Node is written before this one is told of.
    drop(permit);
    tell(&node, events, context).await;
    action
}

/// The answer may be long in coming, while vCenter is down.
async fn ask_unless_stopped<I: Instances>(
    node: Arc<Node>,
    context: &Context<I>,
) -> Option<(Arc<Node>, Answer)> {
    tokio::select! {
        biased;
        () = context.stop.clone() => None,
        answered = ask(node, context) => answered,
    }
}

/// Every change is told of; should one be lost all the same, it is found after this long. It costs
/// neither vCenter nor the API server anything: both sides are in memory.
fn safety_net(options: &Options) -> Action {
    if options.compare_period.is_zero() {
        return Action::await_change();
    }
    // Spread, so that thousands of Nodes are not looked at in the same instant.
    Action::requeue(options.compare_period.mul_f64(0.75 + fastrand::f64() / 2.0))
}

/// The answer, and the Node as it is when it arrives; `None` if it is gone by then.
async fn ask<I: Instances>(mut node: Arc<Node>, context: &Context<I>) -> Option<(Arc<Node>, Answer)> {
    loop {
        if node.is_being_deleted() {
            return None;
        }
        if let Some(error) = foreign(&node) {
            return Some((node, Err(InstanceError::NotOurs(error.to_string()))));
        }
        let asked = identity(&node);
        let answer = context.instances.instance(&asked).await;
        node = context.store.get(&ObjectRef::new(node.name()))?;
        if identity(&node) == asked {
            return Some((node, answer));
        }
    }
}

async fn carry_out<I: Instances>(
    node: &Node,
    answer: Answer,
    plan: Plan,
    context: &Context<I>,
) -> (Action, Vec<NodeEvent>) {
    let action = match write(node, &answer, plan, context).await {
        Ok(Written::Done(events)) => return (safety_net(&context.options), events),
        Ok(Written::Gone) => {
            context.ledger.forget(node.name());
            Action::await_change()
        }
        // The watch is about to tell; should it be down, this must not become a loop.
        Ok(Written::Changed) => Action::requeue(pause(node, context)),
        Err(error) => {
            let pause = pause(node, context);
            tracing::warn!(node = node.name(), %error, ?pause, "the Node could not be written; trying again");
            Action::requeue(pause)
        }
    };
    (action, Vec::new())
}

/// How long until it is tried again.
fn pause<I>(node: &Node, context: &Context<I>) -> Duration {
    context.queue.retried();
    context.ledger.failed(node.name())
}

/// Writes the Events, after those of others that came before.
async fn tell<I>(node: &Node, events: Vec<NodeEvent>, context: &Context<I>) {
    if events.is_empty() {
        return;
    }
    let Ok(_permit) = context.tellers.acquire().await else { return };
    for event in &events {
        // Boxed, because thousands wait here at the same time and few write.
        Box::pin(context.recorder.record(node, event)).await;
    }
}

/// Writes the plan; where somebody else was faster, the plan that follows from what they wrote.
async fn write<I: Instances>(
    node: &Node,
    answer: &Answer,
    mut plan: Plan,
    context: &Context<I>,
) -> Result<Written, WriteError> {
    let mut fresh;
    let mut node = node;
    let mut races = 0;
    loop {
        let error = match in_time(send(node, &plan, context)).await {
            Ok(()) => return Ok(Written::Done(plan.events)),
            Err(error) => error,
        };
        if error.is_not_found() {
            return Ok(Written::Gone);
        }
        if races == RACES || !error.may_be_late() {
            return Err(error);
        }
        races += 1;
        let Some(current) = in_time(async { Ok(context.nodes.get_opt(node.name()).await?) }).await? else {
            return Ok(Written::Gone);
        };
        if current.uid() != node.uid() || identity(&current) != identity(node) {
            return Ok(Written::Changed);
        }
        let next = decide(&current, answer, &context.options.rules);
        if next == plan {
            // Nothing has changed that the patch depends on: it was not late, it is refused.
            return Err(error);
        }
        tracing::debug!(node = node.name(), races, "somebody else changed the Node; decided anew");
        if next.is_empty() {
            context.ledger.wrote(&current);
            return Ok(Written::Done(Vec::new()));
        }
        fresh = current;
        node = &fresh;
        plan = next;
    }
}

/// Sends the patches of a plan: the status first, so that a Node without the taint has its addresses.
async fn send<I: Instances>(node: &Node, plan: &Plan, context: &Context<I>) -> Result<(), WriteError> {
    let parameters = PatchParams::default();
    let mut latest = None;
    if let Some(patch) = &plan.status {
        latest = Some(context.nodes.patch_status(node.name(), &parameters, &patch.to_kube()?).await?);
    }
    if let Some(patch) = &plan.metadata {
        latest = Some(context.nodes.patch(node.name(), &parameters, &patch.to_kube()?).await?);
    }
    let Some(latest) = latest else { return Ok(()) };
    context.ledger.wrote(&latest);
    if plan.initialised {
        let created = node.metadata.creation_timestamp.as_ref();
        let age = created.map(|created| Timestamp::now().duration_since(created.0));
        if let Some(age) = age {
            // The API server's clock may be ahead of ours.
            context.metrics.initialised(Duration::try_from(age).unwrap_or_default());
        }
        let age = age.map(|age| age.as_secs());
        let provider_id = latest.provider_id().unwrap_or_default();
        tracing::info!(node = node.name(), provider_id, seconds_since_creation = age, "Node initialised");
    } else {
        let (status, metadata) = (plan.status.is_some(), plan.metadata.is_some());
        tracing::debug!(node = node.name(), status, metadata, "Node updated");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
