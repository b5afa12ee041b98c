//! Each rule a row.

use serde_json::{Value, json};

use super::*;
use crate::controllers::lifecycle::fixtures::*;
use crate::k8s::{EventKind, TAINT_UNINITIALIZED};

mod properties;

/// What is done in short: `taint`, `untaint`, `DELETE`, or an Event's reason.
fn told(decision: &Decision) -> Vec<&str> {
    let word = |action| match action {
        &Action::AddShutdownTaint => "taint",
        Action::RemoveShutdownTaint => "untaint",
        Action::TakeOutOfService(_) | Action::PutBackInService => unreachable!("not decided here"),
        Action::Delete(_) => "DELETE",
        Action::Tell(event) => event.reason,
    };
    decision.actions.iter().map(word).collect()
}

fn first_look(node: &Value, answer: &Existence) -> Decision {
    decide(&slim(node), Some(answer), None, None, Duration::ZERO, &Options::default())
}

/// What is done when these answers come at these seconds, as in `60:DELETE`.
fn story(node: &Value, answers: &[(u64, Existence)], held: Option<Tally>, options: &Options) -> Vec<String> {
    let mut memory = None;
    let mut story = Vec::new();
    for (second, answer) in answers {
        let now = Duration::from_secs(*second);
        let decision = decide(&slim(node), Some(answer), memory, held, now, options);
        assert!(decision.again.is_some(), "a Node that is not ready is looked at again");
        story.extend(told(&decision).iter().map(|word| format!("{second}:{word}")));
        memory = decision.memory;
    }
    story
}

fn by_default(answers: &[(u64, Existence)]) -> Vec<String> {
    story(&node("node-1", "Unknown"), answers, None, &Options::default())
}

#[test]
fn the_machine_of_a_node_that_works_is_not_asked_for() {
    let options = Options::default();
    for (node, expected) in
        [(node("node-1", "True"), vec![]), (tainted(node("node-1", "True")), vec!["untaint"])]
    {
        assert_eq!(stance(&slim(&node)), Stance::Works);
        let decision = decide(&slim(&node), None, None, None, Duration::ZERO, &options);
        assert_eq!(told(&decision), expected);
        assert_eq!((decision.memory, decision.again), (None, None));
    }
}

#[test]
fn nodes_that_are_no_concern_have_nothing_to_be_done_and_all_others_may() {
    let marked = |mut node: Value| {
        node["metadata"]["annotations"][out_of_service::ANNOTATION] = "vm-powered-off".into();
        node
    };
    let mut foreign = node("node-1", "Unknown");
    foreign["spec"]["providerID"] = "aws:///i-1".into();
    let mut leaving = tainted(node("node-1", "True"));
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let table = [
        (node("node-1", "True"), false),
        (foreign, false),
        (leaving, false),
        (tainted(node("node-1", "True")), true),
        (marked(node("node-1", "True")), true),
        (node("node-1", "False"), true),
        (node("node-1", "Unknown"), true),
    ];
    for (node, expected) in table {
        let node = slim(&node);
        assert_eq!(concerns(&node), expected, "{node:?}");
        let mut decision = decide(&node, None, None, None, Duration::ZERO, &Options::default());
        out_of_service::decide(&node, decision.machine, None, &Options::default().out_of_service)
            .apply(&mut decision);
        let idle = decision.actions.is_empty() && decision.again.is_none() && decision.memory.is_none();
        assert_eq!(idle, !expected, "{node:?}");
    }
}

#[test]
fn some_nodes_are_left_alone_whatever_happened() {
    let mut foreign = tainted(node("node-1", "True"));
    foreign["spec"]["providerID"] = "aws:///eu-west-1a/i-0123".into();
    let mut foreign_and_lost = node("node-1", "Unknown");
    foreign_and_lost["spec"]["providerID"] = "aws:///eu-west-1a/i-0123".into();
    let mut unreadable = node("node-1", "Unknown");
    unreadable["spec"]["providerID"] = "vsphere://".into();
    let mut going = tainted(node("node-1", "True"));
    going["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z".into();
    for node in [foreign, foreign_and_lost, unreadable, going] {
        assert_eq!(stance(&slim(&node)), Stance::Leave);
        for answer in [exists(Power::Off(Duration::ZERO)), gone(), absent()] {
            assert_eq!(first_look(&node, &answer), Decision::default());
        }
    }
}

#[test]
fn the_taint_follows_a_power_state_that_is_known() {
    for (answer, expected) in [
        (exists(Power::On), vec![]),
        (exists(Power::Unknown), vec![]),
        (exists(Power::Off(Duration::ZERO)), vec!["taint"]),
        (exists(Power::Suspended), vec!["taint"]),
        (unknown(), vec![]),
        (gone(), vec![]),
        (absent(), vec![]),
    ] {
        for ready in ["False", "Unknown"] {
            assert_eq!(told(&first_look(&node("node-1", ready), &answer)), expected, "{answer:?}");
            let nothing: Vec<&str> = vec![];
            assert_eq!(told(&first_look(&tainted(node("node-1", ready)), &answer)), nothing, "{answer:?}");
        }
    }
    let mut silent = node("node-1", "Unknown");
    silent["status"]["conditions"] = json!([]);
    assert_eq!(
        told(&first_look(&silent, &exists(Power::Off(Duration::ZERO)))),
        ["taint"],
        "no condition is not ready"
    );
}

/// What each answer at these seconds says about volumes.
fn machines(
    node: &Value,
    answers: &[(u64, Existence)],
    held: Option<Tally>,
    options: &Options,
) -> Vec<Machine> {
    let mut memory = None;
    let mut machines = Vec::new();
    for (second, answer) in answers {
        let now = Duration::from_secs(*second);
        let decision = decide(&slim(node), Some(answer), memory, held, now, options);
        machines.push(decision.machine);
        memory = decision.memory;
    }
    machines
}

#[test]
fn volumes_are_released_only_on_proof() {
    let (options, silent) = (Options::default(), node("node-1", "Unknown"));
    let since = |known_for| exists(Power::Off(Duration::from_secs(known_for)));
    let off = |seconds| Machine::Off(Duration::from_secs(seconds));
    let gone_for = |seconds| Machine::Gone { due_for: Duration::from_secs(seconds) };
    for (answers, expected) in [
        (vec![(0, exists(Power::On)), (1, exists(Power::Suspended))], vec![Machine::Alive; 2]),
        (
            vec![(0, exists(Power::Unknown)), (1, unknown()), (2, replaced()), (3, gone())],
            vec![Machine::Unclear; 4],
        ),
        // Either the infrastructure has seen it for long or we have.
        (vec![(0, since(45)), (5, since(50))], vec![off(45), off(50)]),
        (vec![(0, since(0)), (20, since(0)), (40, since(0))], vec![off(0), off(20), off(40)]),
        (
            vec![(0, since(0)), (20, exists(Power::Unknown)), (40, since(0))],
            vec![off(0), Machine::Unclear, off(0)],
        ),
        (vec![(0, since(0)), (20, unknown()), (40, since(0))], vec![off(0), Machine::Unclear, off(0)]),
        (vec![(0, since(0)), (20, exists(Power::On)), (40, since(0))], vec![off(0), Machine::Alive, off(0)]),
        // As confirmed as a deletion has to be.
        (
            vec![(0, gone()), (59, gone()), (60, gone()), (90, gone())],
            vec![Machine::Unclear, Machine::Unclear, gone_for(0), gone_for(30)],
        ),
        (
            vec![(0, gone()), (60, gone()), (70, unknown()), (80, gone())],
            vec![Machine::Unclear, gone_for(0), Machine::Unclear, gone_for(0)],
        ),
    ] {
        assert_eq!(machines(&silent, &answers, None, &options), expected, "{answers:?}");
    }
    let answers = [(0, gone()), (60, gone())];
    let tally = Some(Tally { gone: 7, nodes: 50, allowed: 5 });
    assert_eq!(machines(&silent, &answers, tally, &options), [Machine::Unclear; 2], "the breaker");
    let skip = Options { skip_deletion: true, ..Options::default() };
    assert_eq!(machines(&silent, &answers, None, &skip), [Machine::Unclear, gone_for(0)]);
    let ready = decide(&slim(&node("node-1", "True")), None, None, None, Duration::ZERO, &options);
    assert_eq!(ready.machine, Machine::Alive);
    let mut foreign = silent;
    foreign["spec"]["providerID"] = "aws:///eu-west-1a/i-0123".into();
    assert_eq!(machines(&foreign, &[(0, since(100))], None, &options), [Machine::Unclear]);
}

#[test]
fn a_taint_with_another_effect_is_not_ours() {
    let mut by_hand = node("node-1", "True");
    by_hand["spec"]["taints"] = json!([{"key": TAINT_SHUTDOWN, "effect": "NoExecute"}]);
    let decision = decide(&slim(&by_hand), None, None, None, Duration::ZERO, &Options::default());
    assert_eq!((told(&decision), decision.again), (vec![], None));
}

#[test]
fn gone_is_believed_after_its_confirmation() {
    let always = |answer: Existence, seconds: &[u64]| -> Vec<(u64, Existence)> {
        seconds.iter().map(|second| (*second, answer.clone())).collect()
    };
    assert_eq!(by_default(&always(gone(), &[0, 30, 59])), Vec::<String>::new());
    assert_eq!(by_default(&always(gone(), &[0, 60])), ["60:DELETE"]);
    assert_eq!(by_default(&always(absent(), &[0, 60, 120, 180, 299, 300])), Vec::<String>::new());
    assert_eq!(by_default(&always(absent(), &[0, 150, 300, 359, 360])), ["360:DELETE"]);
}

#[test]
fn whatever_speaks_against_it_makes_it_begin_anew() {
    for contrary in [exists(Power::On), exists(Power::Unknown), replaced()] {
        let answers = [(0, gone()), (30, contrary), (60, gone()), (119, gone()), (120, gone())];
        let story = by_default(&answers);
        let deletions: Vec<&String> = story.iter().filter(|line| line.ends_with("DELETE")).collect();
        assert_eq!(deletions, ["120:DELETE"]);
    }
    // Another kind of proof as well.
    let answers =
        [(0, absent()), (150, absent()), (300, absent()), (360, gone()), (419, gone()), (420, gone())];
    assert_eq!(by_default(&answers), ["420:DELETE"]);
}

#[test]
fn what_nobody_knows_neither_adds_nor_takes_anything() {
    let answers = [(0, gone()), (30, unknown()), (55, unknown()), (60, gone())];
    assert_eq!(by_default(&answers), ["60:DELETE"]);
    let answers = [(0, gone()), (60, unknown()), (61, unknown())];
    assert_eq!(by_default(&answers), Vec::<String>::new(), "never on this answer itself");
    // Too long ago to be built on.
    let answers = [(0, gone()), (601, gone()), (602, gone()), (661, gone())];
    assert_eq!(by_default(&answers), ["661:DELETE"]);
    let answers = [(0, gone()), (300, unknown()), (605, unknown()), (610, gone())];
    assert_eq!(by_default(&answers), ["605:InstanceExistenceUnknown"]);
}

#[test]
fn another_node_or_machine_of_the_same_name_begins_anew() {
    let before = node("node-1", "Unknown");
    let mut recreated = before.clone();
    recreated["metadata"]["uid"] = "another".into();
    let mut moved = before.clone();
    moved["spec"]["providerID"] = "vsphere://4237bbbb-5c1c-0b7d-6f2e-0123456789ab".into();
    let mut recorded = before.clone();
    recorded["metadata"]["annotations"][MACHINE_ANNOTATION] = "{}".into();
    let options = Options::default();
    for (node, expected) in
        [(before.clone(), vec!["DELETE"]), (recreated, vec![]), (moved, vec![]), (recorded, vec![])]
    {
        let first = first_look(&before, &gone());
        let now = Duration::from_mins(1);
        let second = decide(&slim(&node), Some(&gone()), first.memory, None, now, &options);
        assert_eq!(told(&second), expected, "{node}");
    }
}

#[test]
fn a_node_that_never_had_a_machine_cannot_have_lost_it() {
    let mut waiting = node("node-1", "Unknown");
    waiting["spec"]["taints"] = json!([{"key": TAINT_UNINITIALIZED, "effect": "NoSchedule"}]);
    let mut nameless = node("node-1", "Unknown");
    nameless["spec"] = json!({"providerID": ""});
    nameless["metadata"]["annotations"][MACHINE_ANNOTATION] = "unreadable".into();
    for node in [waiting, nameless] {
        for answer in [gone(), absent()] {
            let answers: Vec<(u64, Existence)> = (0..20).map(|n| (n * 60, answer.clone())).collect();
            assert_eq!(story(&node, &answers, None, &Options::default()), Vec::<String>::new());
        }
        assert_eq!(told(&first_look(&node, &exists(Power::Off(Duration::ZERO)))), ["taint"]);
    }
    let mut recorded = node("node-1", "Unknown");
    recorded["spec"] = json!({});
    let answers = [(0, gone()), (60, gone())];
    assert_eq!(story(&recorded, &answers, None, &Options::default()), ["60:DELETE"], "the record names it");
}

#[test]
fn a_recorded_machine_whose_folder_cannot_be_read_is_not_gone() {
    let mut recorded = node("node-1", "Unknown");
    let record = r#"{"vcenter":"vc-1","vm":"vm-12","folder":"group-v3"}"#;
    recorded["metadata"]["annotations"][MACHINE_ANNOTATION] = record.into();
    let options = Options::default();
    let each_minute: Vec<(u64, Existence)> = (0..50).map(|minute| (minute * 60, absent())).collect();
    assert_eq!(story(&recorded, &each_minute, None, &options), ["60:InstanceExistenceUnknown"]);
    assert_eq!(story(&recorded, &[(0, gone()), (60, gone())], None, &options), ["60:DELETE"]);
    recorded["metadata"]["annotations"][CONFIRM_ANNOTATION] = "true".into();
    assert_eq!(story(&recorded, &each_minute[..8], None, &options), ["420:DELETE"]);
}

#[test]
fn a_replaced_machine_is_told_and_nothing_is_done() {
    let decision = first_look(&node("node-1", "Unknown"), &replaced());
    let [Action::Tell(event)] = decision.actions.as_slice() else { panic!("{decision:?}") };
    assert_eq!((event.kind, event.reason), (EventKind::Warning, "ProviderIDMismatch"));
    for text in ["vm-13 (node-1)", UUID, "delete the Node object and restart the kubelet"] {
        assert!(event.message.contains(text), "{}", event.message);
    }
    let answers: Vec<(u64, Existence)> = (0..62).map(|minute| (minute * 60, replaced())).collect();
    assert_eq!(by_default(&answers), ["0:ProviderIDMismatch", "3600:ProviderIDMismatch"]);
}

#[test]
fn with_skip_nothing_is_deleted_but_taints_are_set() {
    let options = Options { skip_deletion: true, ..Options::default() };
    let node = node("node-1", "Unknown");
    let answers: Vec<(u64, Existence)> = (0..40).map(|minute| (minute * 60, gone())).collect();
    assert_eq!(story(&node, &answers, None, &options), ["60:NodeDeletionSkipped"]);
    assert_eq!(story(&node, &[(0, exists(Power::Off(Duration::ZERO)))], None, &options), ["0:taint"]);
}

#[test]
fn the_breaker_holds_until_the_proof_is_old_or_somebody_vouches() {
    let tally = Some(Tally { gone: 7, nodes: 50, allowed: 5 });
    let options = Options::default();
    let each_minute =
        |minutes: u64| -> Vec<(u64, Existence)> { (0..minutes).map(|n| (n * 60, gone())).collect() };
    let held = node("node-1", "Unknown");
    assert_eq!(story(&held, &each_minute(30), tally, &options), ["60:NodeDeletionHeld"]);
    assert_eq!(story(&held, &each_minute(31), tally, &options), ["60:NodeDeletionHeld", "1800:DELETE"]);
    let mut vouched = held;
    for (value, expected) in [("true", vec!["60:DELETE"]), ("false", vec!["60:NodeDeletionHeld"])] {
        vouched["metadata"]["annotations"][CONFIRM_ANNOTATION] = value.into();
        assert_eq!(story(&vouched, &each_minute(2), tally, &options), expected);
        assert_eq!(story(&vouched, &each_minute(1), tally, &options), Vec::<String>::new());
    }
}

#[test]
fn the_event_of_a_held_node_says_why_and_how_to_release_it() {
    let tally = Some(Tally { gone: 7, nodes: 50, allowed: 5 });
    let (node, options) = (node("node-1", "Unknown"), Options::default());
    let first = first_look(&node, &gone());
    let second = decide(&slim(&node), Some(&gone()), first.memory, tally, Duration::from_mins(1), &options);
    let [Action::Tell(event)] = second.actions.as_slice() else { panic!("{second:?}") };
    insta::assert_snapshot!(event.message, @"The VM of this Node seems to be gone, but the Node is not deleted yet: within 600 s this was found of 7 of 50 Nodes, and more than 5 at once look like lost rights or a broken inventory. If the VM is really gone, run: kubectl annotate node node-1 vsphere-cloud.io/confirm-deletion=true. Without that, the Node is deleted when the same has been found for 1800 s. Evidence: vm-12 does not exist");
}

#[test]
fn one_looks_again_when_it_can_make_a_difference() {
    let options = Options::default();
    let node = slim(&node("node-1", "Unknown"));
    for (answer, expected) in [
        (exists(Power::On), 5),
        (exists(Power::Off(Duration::ZERO)), 5),
        (unknown(), 5),
        (replaced(), 60),
        (gone(), 60),
        (absent(), 150),
    ] {
        let decision = decide(&node, Some(&answer), None, None, Duration::ZERO, &options);
        assert_eq!(decision.again, Some(Duration::from_secs(expected)), "{answer:?}");
    }
}
