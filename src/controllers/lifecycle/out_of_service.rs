//! Whether a Node is taken out of service, so that the volumes it holds can be attached elsewhere. Pure.
//!
//! A kubelet that is not heard of may still run its pods, so Kubernetes leaves it its volumes for
//! minutes, and those of stateful pods for ever, unless somebody vouches that it does not run: with the
//! taint `node.kubernetes.io/out-of-service`. It makes pods be forgotten and volumes be detached by force,
//! which destroys data if the machine does run. So it takes a proof, and goes with the proof.

use std::time::Duration;

use super::decide::{Action, Decision};
use super::options::OutOfService;
use crate::k8s::{Node, TAINT_OUT_OF_SERVICE};

/// Tells our taint from one that somebody else set; the value is the cause.
pub(super) const ANNOTATION: &str = "vsphere-cloud.io/out-of-service";
/// The value of the taint, as Kubernetes' documentation has it.
pub(super) const TAINT_VALUE: &str = "nodeshutdown";
/// The effect of the taint.
pub(super) const TAINT_EFFECT: &str = "NoExecute";
/// Volumes that are waited for are looked at so often.
const POLL: Duration = Duration::from_secs(1);
/// Of a Node that has been dead for long, volumes are looked for less and less often: an answer does
/// that is no older than this share of the time. New ones do not come to a dead Node.
const SHARE: u32 = 8;
/// No answer is older, however long the Node has been dead.
const OLDEST: Duration = Duration::from_mins(10);

/// What the answer about a machine says about volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Machine {
    /// Nothing is proved: neither that it runs nor that it does not.
    #[default]
    Unclear,
    /// It runs, its kubelet is heard of, or it may go on from where it was suspended.
    Alive,
    /// It is switched off, and its host says so; it has been for so long.
    Off(Duration),
    /// It is gone, so that its Node may be deleted; it has been so for so long.
    Gone { due_for: Duration },
}

/// What is known of the volumes that a Node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Volumes {
    /// It holds so many.
    Held(usize),
    /// It could not be seen now.
    Unknown,
    /// The account has not the right to see it.
    Forbidden,
}

/// Why a Node is out of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its machine is switched off.
    Off,
    /// Its machine is gone.
    Gone,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is nothing to do; a deletion that is due is not held up.
    Nothing,
    /// See which volumes it holds; what was seen so long ago does as well.
    Look { oldest: Duration },
    /// Take it out of service. A deletion waits.
    Take(Cause),
    /// Put it back into service.
    PutBack,
    /// Look again after this time. A deletion waits.
    Wait(Duration),
}

/// Who set the taint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Ours,
    Others,
    /// It was ours, and somebody took it away while the Node was dead.
    Withdrawn,
}

/// What comes next for a Node with this machine, and with these volumes, if they were looked at.
pub(super) fn decide(
    node: &Node,
    machine: Machine,
    volumes: Option<Volumes>,
    options: &OutOfService,
) -> Step {
    let mark = mark(node);
    match (machine, mark) {
        (Machine::Alive, Mark::Ours | Mark::Withdrawn) => Step::PutBack,
        (Machine::Alive | Machine::Unclear, _) => Step::Nothing,
        _ if !options.enabled => Step::Nothing,
        // Whoever took it away had a reason.
        (_, Mark::Withdrawn) | (Machine::Off(_), Mark::Ours | Mark::Others) => Step::Nothing,
        (Machine::Off(time), Mark::None) if time < options.grace => {
            Step::Wait(options.grace.saturating_sub(time))
        }
        (Machine::Off(time), Mark::None) => match volumes {
            None => Step::Look { oldest: (time / SHARE).clamp(POLL, OLDEST) },
            Some(Volumes::Held(1..)) => Step::Take(Cause::Off),
            Some(_) => Step::Nothing,
        },
        (Machine::Gone { due_for }, _) if due_for >= options.release_timeout => Step::Nothing,
        (Machine::Gone { .. }, _) => match (volumes, mark) {
            (None, _) => Step::Look { oldest: POLL },
            (Some(Volumes::Held(0) | Volumes::Forbidden), _) => Step::Nothing,
            (Some(Volumes::Held(_)), Mark::None) => Step::Take(Cause::Gone),
            (Some(_), _) => Step::Wait(POLL),
        },
    }
}

impl Step {
    /// The decision with this step in it.
    pub(super) fn apply(self, decision: &mut Decision) {
        let deletion = |action: &Action| matches!(action, Action::Delete(_));
        match self {
            Self::Nothing => {}
            Self::Wait(pause) => {
                decision.actions.retain(|action| !deletion(action));
                decision.again = Some(decision.again.map_or(pause, |again| again.min(pause)));
            }
            // Never to come: they were looked at. Without having seen them nothing is done.
            Self::Look { .. } => Self::Wait(POLL).apply(decision),
            Self::Take(_) | Self::PutBack => {
                Self::Wait(POLL).apply(decision);
                // One write at a time: the second one knows the Node as the first one left it.
                if decision.actions.is_empty() {
                    decision.actions.push(match self {
                        Self::Take(cause) => Action::TakeOutOfService(cause),
                        _ => Action::PutBackInService,
                    });
                }
            }
        }
    }
}

impl Cause {
    /// The value of the annotation.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "vm-powered-off",
            Self::Gone => "vm-gone",
        }
    }
}

fn mark(node: &Node) -> Mark {
    let mut taints = node.taints().iter().filter(|taint| taint.key == TAINT_OUT_OF_SERVICE).peekable();
    let tainted = taints.peek().is_some();
    let as_ours = taints.any(is_as_ours);
    match (node.annotation(ANNOTATION).is_some(), tainted) {
        (true, _) if as_ours => Mark::Ours,
        (_, true) => Mark::Others,
        (true, false) => Mark::Withdrawn,
        (false, false) => Mark::None,
    }
}

/// Whether the taint is as we set it; with another value or effect it is somebody's own.
pub(super) fn is_as_ours(taint: &k8s_openapi::api::core::v1::Taint) -> bool {
    taint.key == TAINT_OUT_OF_SERVICE
        && taint.effect == TAINT_EFFECT
        && taint.value.as_deref() == Some(TAINT_VALUE)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::lifecycle::fixtures::{node, slim};

    /// A Node as we mark it.
    fn ours() -> Value {
        let mut node = by_hand();
        node["metadata"]["annotations"][ANNOTATION] = "vm-powered-off".into();
        node
    }

    /// A Node that somebody else has taken out of service.
    fn by_hand() -> Value {
        let mut node = node("node-1", "Unknown");
        node["spec"]["taints"] =
            json!([{"key": TAINT_OUT_OF_SERVICE, "value": TAINT_VALUE, "effect": TAINT_EFFECT}]);
        node
    }

    /// A Node from which somebody has taken our taint.
    fn withdrawn() -> Value {
        let mut node = ours();
        node["spec"]["taints"] = json!([]);
        node
    }

    fn off(seconds: u64) -> Machine {
        Machine::Off(Duration::from_secs(seconds))
    }

    fn gone(seconds: u64) -> Machine {
        Machine::Gone { due_for: Duration::from_secs(seconds) }
    }

    fn step(node: &Value, machine: Machine, volumes: Option<Volumes>) -> Step {
        decide(&slim(node), machine, volumes, &OutOfService::default())
    }

    const HELD: Option<Volumes> = Some(Volumes::Held(2));
    const NONE: Option<Volumes> = Some(Volumes::Held(0));
    const UNKNOWN: Option<Volumes> = Some(Volumes::Unknown);
    const FORBIDDEN: Option<Volumes> = Some(Volumes::Forbidden);

    #[test]
    fn it_takes_a_machine_that_is_off_for_long_enough_and_volumes() {
        let dead = node("node-1", "Unknown");
        let look = |oldest| Step::Look { oldest: Duration::from_secs(oldest) };
        for (machine, volumes, expected) in [
            // Ready, running or suspended; a host that is disconnected or a vCenter that is away.
            (Machine::Alive, HELD, Step::Nothing),
            (Machine::Unclear, HELD, Step::Nothing),
            (off(0), HELD, Step::Wait(Duration::from_secs(30))),
            (off(29), None, Step::Wait(Duration::from_secs(1))),
            (off(30), None, Step::Look { oldest: Duration::from_millis(3750) }),
            (off(800), None, look(100)),
            (off(1_000_000), None, look(600)),
            (off(30), HELD, Step::Take(Cause::Off)),
            (off(30), NONE, Step::Nothing),
            (off(30), UNKNOWN, Step::Nothing),
            (off(30), FORBIDDEN, Step::Nothing),
        ] {
            assert_eq!(step(&dead, machine, volumes), expected, "{machine:?} {volumes:?}");
        }
    }

    #[test]
    fn a_deletion_waits_for_the_volumes_but_not_for_ever() {
        let dead = node("node-1", "Unknown");
        let wait = Step::Wait(POLL);
        for (node, seconds, volumes, expected) in [
            (&dead, 0, None, Step::Look { oldest: POLL }),
            (&dead, 0, NONE, Step::Nothing),
            (&dead, 0, FORBIDDEN, Step::Nothing),
            (&dead, 0, UNKNOWN, wait),
            (&dead, 0, HELD, Step::Take(Cause::Gone)),
            (&ours(), 1, None, Step::Look { oldest: POLL }),
            (&ours(), 59, HELD, wait),
            (&by_hand(), 59, HELD, wait),
            (&ours(), 59, NONE, Step::Nothing),
            (&ours(), 60, HELD, Step::Nothing),
            (&ours(), 60, None, Step::Nothing),
            (&dead, 60, None, Step::Nothing),
            (&withdrawn(), 0, HELD, Step::Nothing),
        ] {
            assert_eq!(step(node, gone(seconds), volumes), expected, "{node} {seconds} {volumes:?}");
        }
    }

    #[test]
    fn it_is_put_back_when_the_machine_is_back_and_only_what_is_ours() {
        let mut other_value = ours();
        other_value["spec"]["taints"][0]["value"] = "mine".into();
        for (node, machine, expected) in [
            (ours(), Machine::Alive, Step::PutBack),
            (withdrawn(), Machine::Alive, Step::PutBack),
            (by_hand(), Machine::Alive, Step::Nothing),
            (other_value.clone(), Machine::Alive, Step::Nothing),
            // The proof was, and nothing speaks against it.
            (ours(), Machine::Unclear, Step::Nothing),
            (ours(), off(100), Step::Nothing),
            (by_hand(), off(100), Step::Nothing),
            (other_value, off(100), Step::Nothing),
            (withdrawn(), off(100), Step::Nothing),
        ] {
            assert_eq!(step(&node, machine, HELD), expected, "{node} {machine:?}");
        }
    }

    #[test]
    fn who_does_not_want_it_gets_none_and_is_rid_of_those_there_are() {
        let options = OutOfService { enabled: false, ..OutOfService::default() };
        let dead = node("node-1", "Unknown");
        for machine in [off(100), gone(0), gone(100)] {
            for volumes in [None, HELD] {
                assert_eq!(decide(&slim(&dead), machine, volumes, &options), Step::Nothing);
                assert_eq!(decide(&slim(&ours()), machine, volumes, &options), Step::Nothing);
            }
        }
        assert_eq!(decide(&slim(&ours()), Machine::Alive, None, &options), Step::PutBack);
    }

    #[test]
    fn a_step_takes_the_deletion_out_and_writes_to_a_node_once_at_a_time() {
        let deletion = || Action::Delete("vm-12 does not exist".to_owned());
        let take = Step::Take(Cause::Gone);
        for (step, before, after, again) in [
            (Step::Nothing, vec![deletion()], vec![deletion()], 5),
            (Step::Wait(POLL), vec![deletion()], vec![], 1),
            (Step::Look { oldest: POLL }, vec![deletion()], vec![], 1),
            (Step::Wait(Duration::from_secs(9)), vec![], vec![], 5),
            (take, vec![deletion()], vec![Action::TakeOutOfService(Cause::Gone)], 1),
            (take, vec![Action::AddShutdownTaint], vec![Action::AddShutdownTaint], 1),
            (Step::PutBack, vec![], vec![Action::PutBackInService], 1),
        ] {
            let again_before = Some(Duration::from_secs(5));
            let mut decision = Decision { actions: before, again: again_before, ..Decision::default() };
            step.apply(&mut decision);
            assert_eq!(
                (decision.actions, decision.again),
                (after, Some(Duration::from_secs(again))),
                "{step:?}"
            );
        }
    }
}
