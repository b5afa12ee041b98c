//! What is to be done for a Node whose kubelet is not heard of. Pure: no I/O, and time is a number.

use std::time::Duration;

use super::breaker::Tally;
use super::evidence::Evidence;
use super::out_of_service::{self, Cause, Machine};
use super::{Options, explain};
use crate::cloud::{Existence, MACHINE_ANNOTATION, Power, Proof};
use crate::controllers::identity;
use crate::k8s::{Node, NodeEvent, TAINT_SHUTDOWN};

/// With this annotation, set to `true`, somebody vouches that a Node's machine is really gone: the
/// breaker does not hold its deletion, and that its folder cannot be read is no objection. It has to
/// be seen missing all the same.
pub const CONFIRM_ANNOTATION: &str = "vsphere-cloud.io/confirm-deletion";
/// The effect of the shutdown taint.
pub(super) const TAINT_EFFECT: &str = "NoSchedule";
/// What stays true is told again when the Event about it has expired.
const TOLD_AGAIN: Duration = Duration::from_hours(1);

/// How a Node is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// It is none of our business: another provider's, or on its way out.
    Leave,
    /// It works. There is nothing to ask.
    Works,
    /// It does not: what of its machine?
    Ask,
}

/// What is remembered of a Node between two looks; of one that works, nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    subject: Subject,
    evidence: Option<Evidence>,
    unknown_since: Option<Duration>,
    /// Since when each answer was that the machine is switched off.
    off_since: Option<Duration>,
    /// Since when each look would have led to the Node's deletion.
    due_since: Option<Duration>,
    told: Option<(Topic, Duration)>,
}

/// What the question was about. Answers about something else say nothing of this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    uid: String,
    provider_id: Option<String>,
    system_uuid: String,
    record: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Topic {
    Held,
    Skipped,
    Unknown,
    Replaced(String),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Add the taint of a machine that is switched off.
    AddShutdownTaint,
    /// Remove it.
    RemoveShutdownTaint,
    /// Add the taint that makes the volumes of a dead Node be released, for this reason.
    TakeOutOfService(Cause),
    /// Remove it.
    PutBackInService,
    /// Delete the Node: its machine is gone, on this evidence.
    Delete(String),
    /// Tell the user.
    Tell(NodeEvent),
}

/// What is to be done, what is to be remembered, and when to look again although nothing changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) actions: Vec<Action>,
    pub(super) memory: Option<Memory>,
    pub(super) again: Option<Duration>,
    /// What the answer says about volumes that the Node may hold.
    pub(super) machine: Machine,
}

/// How this Node is looked at.
pub(super) fn stance(node: &Node) -> Stance {
    if node.is_being_deleted() || identity::foreign(node).is_some() {
        Stance::Leave
    } else if node.is_ready() {
        Stance::Works
    } else {
        Stance::Ask
    }
}

/// Whether there can be anything to do for this Node, of which nothing is remembered.
pub(super) fn concerns(node: &Node) -> bool {
    match stance(node) {
        Stance::Ask => true,
        Stance::Works => has_shutdown_taint(node) || node.annotation(out_of_service::ANNOTATION).is_some(),
        Stance::Leave => false,
    }
}

/// What is to be done for this Node, given this answer about its machine, if it was asked for.
///
/// `held` says why the breaker would not let a deletion through now.
pub(super) fn decide(
    node: &Node,
    answer: Option<&Existence>,
    memory: Option<Memory>,
    held: Option<Tally>,
    now: Duration,
    options: &Options,
) -> Decision {
    match (stance(node), answer) {
        (Stance::Leave, _) => Decision::default(),
        (Stance::Works, _) => {
            Decision::only(has_shutdown_taint(node).then_some(Action::RemoveShutdownTaint)).of(Machine::Alive)
        }
        (Stance::Ask, None) => Decision { memory, ..Decision::default() }.again_in(options.monitor_period),
        (Stance::Ask, Some(answer)) => {
            let subject = Subject::of(node);
            let memory = memory.filter(|memory| memory.subject == subject);
            let memory = memory.unwrap_or_else(|| Memory::about(subject));
            Look { node, now, options }.judge(answer, memory, held)
        }
    }
}

/// One look at a Node.
#[derive(Clone, Copy)]
struct Look<'a> {
    node: &'a Node,
    now: Duration,
    options: &'a Options,
}

impl Look<'_> {
    fn judge(self, answer: &Existence, memory: Memory, held: Option<Tally>) -> Decision {
        match answer {
            // It is there: whatever spoke against it is forgotten. Its power state alone may be
            // unknown, and then there is no reason to touch the taint.
            Existence::Exists(power) => self.exists(*power, memory),
            Existence::Replaced(location) => self.replaced(location, memory),
            Existence::Unknown(why) => self.unknown(why, memory),
            // It waits for its initialisation, or nothing says which machine was its own: then it
            // cannot be known to be gone.
            Existence::Gone(_) if !is_deletable(self.node) => {
                Decision::default().again_in(self.options.settled_pause())
            }
            // A recorded machine's end can be proved, unless its folder cannot be read: that is what
            // lost rights look like, and time does not make it better.
            Existence::Gone(Proof::Absence { evidence })
                if has_recorded_folder(self.node) && !is_confirmed_by_hand(self.node) =>
            {
                let why = explain::unreadable_folder(self.node, evidence);
                self.unknown(&why, memory).again_in(self.options.settled_pause())
            }
            Existence::Gone(proof) => self.gone(proof, memory, held),
        }
    }

    fn exists(self, power: Power, memory: Memory) -> Decision {
        let off = matches!(power, Power::Off(_) | Power::Suspended);
        let missing = off && !has_shutdown_taint(self.node);
        let decision =
            Decision::only(missing.then_some(Action::AddShutdownTaint)).again_in(self.options.monitor_period);
        match power {
            Power::On | Power::Suspended => decision.of(Machine::Alive),
            Power::Unknown => decision,
            Power::Off(known_for) => {
                let since = memory.off_since.unwrap_or(self.now);
                let off_for = known_for.max(self.now.saturating_sub(since));
                let memory = Memory { off_since: Some(since), ..Memory::about(memory.subject) };
                decision.of(Machine::Off(off_for)).keeping(memory)
            }
        }
    }

    fn replaced(self, location: &str, memory: Memory) -> Decision {
        let mut memory = Memory { told: memory.told, ..Memory::about(memory.subject) };
        let news = memory.is_news(Topic::Replaced(location.to_owned()), self.now);
        let event = news.then(|| explain::replaced(self.node, location));
        Decision::only(event.map(Action::Tell)).keeping(memory).again_in(self.options.settled_pause())
    }

    /// Nobody can tell. That is no sighting, but no contradiction either: evidence waits, until it is
    /// too old to be built on.
    fn unknown(self, why: &str, mut memory: Memory) -> Decision {
        memory.evidence = memory.evidence.filter(|evidence| evidence.is_fresh(self.now, self.options));
        (memory.off_since, memory.due_since) = (None, None);
        let since = *memory.unknown_since.get_or_insert(self.now);
        // A vCenter that is away for a moment is no news.
        let lasts = self.now.saturating_sub(since) >= self.options.confirm_after;
        let event = (lasts && memory.is_news(Topic::Unknown, self.now)).then(|| explain::unknown(why));
        Decision::only(event.map(Action::Tell)).keeping(memory).again_in(self.options.monitor_period)
    }

    fn gone(self, proof: &Proof, mut memory: Memory, held: Option<Tally>) -> Decision {
        let evidence = Evidence::seen(memory.evidence, proof, self.now, self.options);
        memory.evidence = Some(evidence);
        memory.unknown_since = None;
        memory.off_since = None;
        let due_since = memory.due_since.take().unwrap_or(self.now);
        let pause = evidence.next_look(self.now, self.options);
        let Some(proved) = evidence.proved().filter(|_| evidence.is_confirmed()) else {
            return Decision::default().keeping(memory).again_in(pause);
        };
        let left = (proved + self.options.held_for).saturating_sub(self.now);
        let held = held.filter(|_| !left.is_zero() && !is_confirmed_by_hand(self.node));
        let machine = if held.is_none() {
            memory.due_since = Some(due_since);
            Machine::Gone { due_for: self.now.saturating_sub(due_since) }
        } else {
            Machine::Unclear
        };
        if self.options.skip_deletion {
            let event = memory.is_news(Topic::Skipped, self.now).then(|| explain::skipped(self.node, proof));
            return Decision::only(event.map(Action::Tell)).of(machine).keeping(memory).again_in(pause);
        }
        let action = match held {
            None => Some(Action::Delete(proof.to_string())),
            Some(tally) => memory
                .is_news(Topic::Held, self.now)
                .then(|| Action::Tell(explain::held(self.node, proof, tally, self.options))),
        };
        let decision = Decision::only(action).of(machine).keeping(memory);
        decision.again_in(pause.min(left.max(self.options.monitor_period)))
    }
}

impl Memory {
    fn about(subject: Subject) -> Self {
        Self { subject, evidence: None, unknown_since: None, off_since: None, due_since: None, told: None }
    }

    /// The uid of the Node that this is about.
    pub(super) fn uid(&self) -> &str {
        &self.subject.uid
    }

    /// Whether the machine was said to be gone, proved or not, and nothing spoke against it since.
    pub(super) fn is_suspect(&self) -> bool {
        self.evidence.is_some()
    }

    /// Whether this is to be told, and not only still true.
    fn is_news(&mut self, topic: Topic, now: Duration) -> bool {
        if self.told.as_ref().is_some_and(|(told, at)| *told == topic && now.saturating_sub(*at) < TOLD_AGAIN)
        {
            return false;
        }
        self.told = Some((topic, now));
        true
    }
}

impl Subject {
    /// What a question about this Node is about.
    pub(super) fn of(node: &Node) -> Self {
        Self {
            uid: node.uid().to_owned(),
            provider_id: node.provider_id().map(str::to_owned),
            system_uuid: node.status.node_info.system_uuid.clone(),
            record: node.annotation(MACHINE_ANNOTATION).map(str::to_owned),
        }
    }
}

impl Decision {
    fn only(action: Option<Action>) -> Self {
        Self { actions: action.into_iter().collect(), ..Self::default() }
    }

    fn keeping(self, memory: Memory) -> Self {
        Self { memory: Some(memory), ..self }
    }

    fn again_in(self, pause: Duration) -> Self {
        Self { again: Some(pause), ..self }
    }

    fn of(self, machine: Machine) -> Self {
        Self { machine, ..self }
    }
}

/// Whether the shutdown taint is on the Node, as it is set here; with another effect it is somebody's own.
fn has_shutdown_taint(node: &Node) -> bool {
    node.taints().iter().any(|taint| taint.key == TAINT_SHUTDOWN && taint.effect == TAINT_EFFECT)
}

/// Whether the Node can be known to have had a machine, and can be deleted when that is gone.
fn is_deletable(node: &Node) -> bool {
    let identified = node.provider_id().is_some() || identity::record(node).is_some();
    identified && !node.is_uninitialized()
}

fn has_recorded_folder(node: &Node) -> bool {
    identity::record(node).is_some_and(|record| record.folder.is_some())
}

fn is_confirmed_by_hand(node: &Node) -> bool {
    node.annotation(CONFIRM_ANNOTATION) == Some("true")
}

#[cfg(test)]
mod tests;
