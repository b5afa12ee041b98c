//! Asking whether a machine exists.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;

use super::decide::{Stance, Subject, stance};
use super::rim::Context;
use crate::cloud::{Existence, Instances, Power};
use crate::controllers::identity::identity;
use crate::k8s::Node;

/// Nobody waits longer for an answer. The infrastructure has its own, shorter limits; this one keeps
/// a question that got lost from taking one of the few places for ever.
const DEADLINE: Duration = Duration::from_mins(2);
/// How often it is checked whether the answer is still of interest.
const STILL_ASKING: Duration = Duration::from_secs(1);

/// The Node as it is when the answer arrives, and the answer if there was something to ask; `None`
/// if the Node is gone by then.
pub(super) async fn ask<I: Instances>(
    mut node: Arc<Node>,
    context: &Context<I>,
) -> Option<(Arc<Node>, Option<Existence>)> {
    loop {
        if stance(&node) != Stance::Ask {
            return Some((node, None));
        }
        let subject = Subject::of(&node);
        let answer = tokio::select! {
            biased;
            answer = existence(&node, context) => Some(answer),
            () = interest_lost(&node, &subject, context) => None,
        };
        node = context.store.get(&ObjectRef::new(node.name()))?;
        if let Some(answer) = answer
            && stance(&node) == Stance::Ask
            && Subject::of(&node) == subject
        {
            return Some((node, Some(answer)));
        }
    }
}

/// Whether the machine is switched off now, as its vCenter says at this moment. "I do not know" is no,
/// and so is a question that has become pointless.
pub(super) async fn is_off_now<I: Instances>(node: &Node, context: &Context<I>) -> bool {
    let subject = Subject::of(node);
    let answer = async {
        // Never closed: an error could only mean that there is no limit any more.
        let _permit = context.questions.acquire().await.ok();
        in_time(context.instances.existence_now(&identity(node))).await
    };
    tokio::select! {
        biased;
        answer = answer => matches!(answer, Existence::Exists(Power::Off(_))),
        () = interest_lost(node, &subject, context) => false,
        () = context.stop.clone() => false,
    }
}

async fn existence<I: Instances>(node: &Node, context: &Context<I>) -> Existence {
    // Never closed: an error could only mean that there is no limit any more.
    let _permit = context.questions.acquire().await.ok();
    in_time(context.instances.existence(&identity(node))).await
}

async fn in_time(answer: impl Future<Output = Existence>) -> Existence {
    tokio::time::timeout(DEADLINE, answer)
        .await
        .unwrap_or_else(|_| Existence::Unknown(format!("no answer in {} s", DEADLINE.as_secs())))
}

/// Ends when the question has become pointless: a Node that is ready again must not wait for a
/// vCenter that does not answer before its taint is removed.
async fn interest_lost<I: Instances>(node: &Node, subject: &Subject, context: &Context<I>) {
    loop {
        tokio::time::sleep(STILL_ASKING).await;
        let current = context.store.get(&ObjectRef::new(node.name()));
        if !current.is_some_and(|node| stance(&node) == Stance::Ask && Subject::of(&node) == *subject) {
            return;
        }
    }
}
