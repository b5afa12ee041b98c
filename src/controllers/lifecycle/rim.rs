//! The rim: asks, decides, writes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::api::PatchParams;
use kube::runtime::controller::Action as Next;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::Semaphore;

use super::decide::{Action, Decision, Stance, Subject, stance};
use super::missing::Census;
use super::options::{Count, Options};
use super::out_of_service::{self, Cause, Step};
use super::question::{ask, is_off_now};
use super::verdicts::Verdicts;
use super::volumes::Attachments;
use super::{explain, taint};
use crate::cloud::{Existence, Instances};
use crate::controllers::calls::{Stop, WriteError, in_time};
use crate::controllers::ledger::Ledger;
use crate::k8s::{EventRecorder, JsonPatch, Node, delete_unchanged};
use crate::metrics::Queue;

/// Nodes being written to at the same time.
pub(super) const WRITERS: usize = 16;
/// Pauses are longer by up to this share, so that Nodes that failed together are not asked about
/// together for ever.
const JITTER: f64 = 0.25;

/// All that a reconciliation uses.
pub(super) struct Context<I> {
    pub(super) nodes: Api<Node>,
    pub(super) store: Store<Node>,
    pub(super) instances: Arc<I>,
    pub(super) attachments: Attachments,
    pub(super) recorder: EventRecorder,
    pub(super) queue: Queue,
    pub(super) options: Options,
    pub(super) ledger: Arc<Ledger>,
    pub(super) verdicts: Verdicts,
    pub(super) census: Census,
    pub(super) questions: Semaphore,
    pub(super) writers: Semaphore,
    pub(super) stop: Stop,
}

impl<I> Context<I> {
    /// There is no Node of this name any longer.
    pub(super) fn forget(&self, name: &str) {
        self.ledger.forget(name);
        self.verdicts.forget(name);
    }
}

/// Looks at a Node and does what is to be done. It never fails: what went wrong is tried again.
pub(super) async fn reconcile<I: Instances>(
    node: Arc<Node>,
    context: Arc<Context<I>>,
) -> Result<Next, Infallible> {
    let _working = context.queue.begin();
    if let Some(wait) = context.ledger.precedes_own_write(&node) {
        return Ok(Next::requeue(wait));
    }
    let name = node.name().to_owned();
    let answered = tokio::select! {
        biased;
        () = context.stop.clone() => return Ok(Next::await_change()),
        answered = ask(node, &context) => answered,
    };
    let Some((node, answer)) = answered else {
        context.forget(&name);
        return Ok(Next::await_change());
    };
    if let Some(Existence::Gone(_)) = &answer {
        let missing = context.census.take(&context.store, &*context.instances);
        context.verdicts.missing(missing.iter().map(String::as_str));
    }
    let mut decision = context.verdicts.decide(&node, answer.as_ref(), context.store.len());
    match out_of_service::decide(&node, decision.machine, None, &context.options.out_of_service) {
        // In a box, as below.
        Step::Look { oldest } => Box::pin(look_for_volumes(&node, &mut decision, oldest, &context)).await,
        step => step.apply(&mut decision),
    }
    if decision.actions.is_empty() {
        context.ledger.forget(&name);
        return Ok(next(&decision));
    }
    // In a box: thousands of these futures wait for answers at the same time, and few write.
    Ok(Box::pin(carry_out(&node, decision, &context)).await)
}

/// Decides with the volumes in sight. They take time to see; a Node that changed meanwhile is left as it is.
async fn look_for_volumes<I: Instances>(
    node: &Node,
    decision: &mut Decision,
    oldest: Duration,
    context: &Context<I>,
) {
    let volumes = context.attachments.of(node.name(), oldest).await;
    let current = context.store.get(&ObjectRef::new(node.name()));
    let same = |current: &Node| stance(current) == Stance::Ask && Subject::of(current) == Subject::of(node);
    let options = &context.options.out_of_service;
    let step = match current {
        Some(current) if same(&current) => {
            out_of_service::decide(&current, decision.machine, Some(volumes), options)
        }
        // The change itself leads to another look.
        _ => Step::Wait(context.options.monitor_period),
    };
    // The last word before volumes are detached by force: what was said of a machine that is watched
    // came by the long poll, and it may have been switched on since. One that is gone was looked for now.
    let step = match step {
        Step::Take(Cause::Off) if decision.actions.is_empty() && !is_off_now(node, context).await => {
            Step::Wait(context.options.monitor_period)
        }
        step => step,
    };
    step.apply(decision);
}

async fn carry_out<I>(node: &Node, decision: Decision, context: &Context<I>) -> Next {
    // Never closed: an error could only mean that there is no limit any more.
    let _permit = context.writers.acquire().await.ok();
    for action in &decision.actions {
        let Err(error) = perform(node, action, context).await else { continue };
        if error.is_not_found() {
            context.forget(node.name());
            return Next::await_change();
        }
        // Whatever it was, the next look decides anew, on the Node as it is then and a fresh answer.
        let pause = context.ledger.failed(node.name());
        context.queue.retried();
        if error.may_be_late() {
            tracing::debug!(node = node.name(), %error, ?pause, "somebody else changed the Node; deciding anew");
        } else {
            tracing::warn!(node = node.name(), %error, ?pause, "the Node could not be written; trying again");
            if let Action::Delete(_) = action {
                context.options.counters.add(Count::DeletionsFailed);
                context.recorder.record(node, &explain::deleting_failed(node, &error)).await;
            }
        }
        return Next::requeue(pause);
    }
    next(&decision)
}

async fn perform<I>(node: &Node, action: &Action, context: &Context<I>) -> Result<(), WriteError> {
    match action {
        Action::AddShutdownTaint => {
            write(node, &taint::add(node), context).await?;
            context.options.counters.add(Count::Tainted);
            tracing::info!(node = node.name(), "the machine is switched off; Node tainted");
        }
        Action::RemoveShutdownTaint => {
            write(node, &taint::remove(node), context).await?;
            context.options.counters.add(Count::Untainted);
            tracing::info!(node = node.name(), "the Node is ready again; shutdown taint removed");
        }
        Action::TakeOutOfService(cause) => {
            write(node, &taint::take_out_of_service(node, *cause), context).await?;
            context.options.counters.add(Count::OutOfService);
            tracing::warn!(
                node = node.name(),
                cause = cause.as_str(),
                "the machine does not run and the Node holds volumes; taken out of service so that they are released"
            );
            context.recorder.record(node, &explain::out_of_service(*cause)).await;
        }
        Action::PutBackInService => {
            write(node, &taint::put_back_in_service(node), context).await?;
            context.options.counters.add(Count::BackInService);
            tracing::info!(node = node.name(), "the machine is back; out-of-service taint removed");
            context.recorder.record(node, &explain::back_in_service()).await;
        }
        Action::Delete(evidence) => {
            // Not ready it was when it was decided on. If its kubelet has spoken since, or anybody
            // changed it, this is refused.
            in_time(async { Ok(delete_unchanged(&context.nodes, node).await?) }).await?;
            tracing::warn!(
                node = node.name(),
                uid = node.uid(),
                evidence,
                "the machine is gone; Node deleted"
            );
            context.forget(node.name());
            context.options.counters.add(Count::Deleted);
            context.recorder.record(node, &explain::deleting(node, evidence)).await;
        }
        Action::Tell(event) => {
            tracing::warn!(node = node.name(), reason = event.reason, "{}", event.message);
            if event.reason == explain::HELD {
                context.options.counters.add(Count::DeletionsHeld);
            }
            context.recorder.record(node, event).await;
        }
    }
    Ok(())
}

async fn write<I>(node: &Node, patch: &JsonPatch, context: &Context<I>) -> Result<(), WriteError> {
    let patch = patch.to_kube()?;
    let written =
        in_time(async { Ok(context.nodes.patch(node.name(), &PatchParams::default(), &patch).await?) });
    context.ledger.wrote(&written.await?);
    Ok(())
}

fn next(decision: &Decision) -> Next {
    decision.again.map_or_else(Next::await_change, |pause| Next::requeue(stretched(pause)))
}

/// Never shorter: a look that comes too early does not count.
fn stretched(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + JITTER * fastrand::f64())
}

#[cfg(test)]
mod tests;
