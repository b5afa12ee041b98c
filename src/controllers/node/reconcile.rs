//! The rim: asks, decides, writes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Api;
use kube::api::PatchParams;
use kube::runtime::controller::Action;

use super::Options;
use super::decide::{Plan, decide};
use crate::cloud::{Instance, InstanceError, Instances};
use crate::controllers::calls::{WriteError, in_time};
use crate::controllers::identity::{foreign, identity};
use crate::controllers::ledger::Ledger;
use crate::controllers::teller::Teller;
use crate::k8s::{Node, NodeEvent};
use crate::metrics::{self, Queue};

/// How often a write that came too late is decided anew at once.
const RACES: usize = 5;

/// All that a reconciliation uses.
pub(super) struct Context<I> {
    pub(super) nodes: Api<Node>,
    pub(super) instances: Arc<I>,
    pub(super) teller: Teller,
    pub(super) queue: Queue,
    pub(super) metrics: metrics::Controllers,
    pub(super) options: Options,
    pub(super) ledger: Arc<Ledger>,
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
    let Some(answer) = answer(&node, &context) else {
        return Ok(Action::await_change());
    };
    let plan = decide(&node, &answer, &context.options.rules);
    if plan.is_empty() {
        context.ledger.forget(node.name());
        return Ok(safety_net(&context.options));
    }
    Ok(carry_out(&node, &answer, plan, &context).await)
}

/// What is known of the Node's machine; `None` if it is being looked for, and the Node is looked at
/// again when there is an answer.
fn answer<I: Instances>(node: &Node, context: &Context<I>) -> Option<Answer> {
    if node.is_being_deleted() {
        return None;
    }
    if let Some(error) = foreign(node) {
        return Some(Err(InstanceError::NotOurs(error.to_string())));
    }
    context.instances.instance(&identity(node))
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

/// Writes the plan, and tells of it once that is done.
async fn carry_out<I: Instances>(node: &Node, answer: &Answer, plan: Plan, context: &Context<I>) -> Action {
    match write(node, answer, plan, context).await {
        Ok(Written::Done(events)) => {
            context.teller.tell(node, events);
            safety_net(&context.options)
        }
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
    }
}

/// How long until it is tried again.
fn pause<I>(node: &Node, context: &Context<I>) -> Duration {
    context.queue.retried();
    context.ledger.failed(node.name())
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
