//! What holds for every sequence of answers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::controllers::lifecycle::verdicts::Verdicts;

/// What happens to a Node at a look.
#[derive(Clone, Debug, PartialEq)]
enum Look {
    Ready,
    Answer(Existence),
}

fn look() -> impl Strategy<Value = Look> {
    // Negative answers prevail, else hardly anything would ever be deleted.
    prop_oneof![
        8 => Just(Look::Answer(gone())),
        8 => Just(Look::Answer(absent())),
        2 => Just(Look::Answer(unknown())),
        1 => Just(Look::Answer(replaced())),
        1 => select(vec![Power::On, Power::Off(Duration::ZERO), Power::Suspended, Power::Unknown])
            .prop_map(|power| Look::Answer(exists(power))),
        1 => Just(Look::Ready),
    ]
}

/// Looks with the pauses before them, in seconds; of the same kind mostly, as in life.
fn looks() -> impl Strategy<Value = Vec<(u64, Look)>> {
    let pause = select(vec![1, 5, 30, 60, 75, 150, 200, 700]);
    let run = (look(), proptest::collection::vec(pause, 1..6));
    proptest::collection::vec(run, 1..12).prop_map(|runs| {
        let spread =
            |(look, pauses): (Look, Vec<u64>)| pauses.into_iter().map(move |pause| (pause, look.clone()));
        runs.into_iter().flat_map(spread).collect()
    })
}

/// Whether what was seen so far suffices, said in another way than the code does: the last answer is
/// negative, and looking back from it one finds enough of the same kind before anything contrary.
fn suffices(seen: &[(u64, Look)]) -> bool {
    let Some((now, Look::Answer(Existence::Gone(last)))) = seen.last() else { return false };
    let same: Vec<u64> = seen
        .iter()
        .rev()
        .filter(|(_, look)| !matches!(look, Look::Answer(Existence::Unknown(_))))
        .take_while(|(_, look)| *look == Look::Answer(Existence::Gone(last.clone())))
        .map(|(second, _)| *second)
        .collect();
    match last {
        Proof::Object { .. } => same.iter().any(|second| now - second >= 60),
        Proof::Absence { .. } => {
            let before: Vec<&u64> = same.iter().filter(|second| now - *second >= 60).collect();
            let span = before.first().zip(before.last()).map_or(0, |(latest, first)| *latest - *first);
            before.len() >= 3 && span >= 300
        }
    }
}

fn deletes(decision: &Decision) -> bool {
    decision.actions.iter().any(|action| matches!(action, Action::Delete(_)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_node_is_deleted_only_on_enough_answers_without_a_contrary_one(looks in looks()) {
        let options = Options::default();
        let (mut memory, mut now, mut seen) = (None, 0, Vec::new());
        for (pause, look) in looks {
            now += pause;
            seen.push((now, look.clone()));
            let (ready, answer) = match &look {
                Look::Ready => ("True", None),
                Look::Answer(answer) => ("Unknown", Some(answer)),
            };
            let node = slim(&node("node-1", ready));
            let decision = decide(&node, answer, memory, None, Duration::from_secs(now), &options);
            prop_assert!(!deletes(&decision) || suffices(&seen), "{:?}", seen);
            prop_assert!(decision.memory.is_none() || decision.again.is_some(), "forgotten at the next look");
            prop_assert_eq!(ready == "Unknown", decision.again.is_some());
            memory = decision.memory;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    /// Several Nodes go at random times. In no window more are deleted than the breaker allows, but
    /// for those whose proof has held for long enough or for which somebody vouches.
    #[test]
    fn never_more_go_at_once_than_the_breaker_allows(
        total in 2_usize..40,
        losses in proptest::collection::vec((0_u64..3000, any::<bool>(), 0_u8..10), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let verdicts = Verdicts::new(Options::default());
            let mut deleted: BTreeMap<usize, u64> = BTreeMap::new();
            let mut by_the_breaker = Vec::new();
            for second in (0..6000).step_by(30) {
                for (number, (lost, recorded, vouched)) in losses.iter().enumerate().take(total) {
                    if second < *lost || deleted.contains_key(&number) {
                        continue;
                    }
                    let mut node = node(&format!("node-{number}"), "Unknown");
                    if *vouched == 0 {
                        node["metadata"]["annotations"][CONFIRM_ANNOTATION] = "true".into();
                    }
                    let answer = if *recorded { gone() } else { absent() };
                    let decision = verdicts.decide(&slim(&node), Some(&answer), total - deleted.len());
                    if deletes(&decision) {
                        verdicts.forget(&format!("node-{number}"));
                        deleted.insert(number, second);
                        if *vouched != 0 && second - lost < 1800 {
                            by_the_breaker.push(second);
                        }
                    }
                }
                tokio::time::advance(Duration::from_secs(30)).await;
            }
            let allowed = (total / 10).max(1);
            for second in &by_the_breaker {
                let window = by_the_breaker.iter().filter(|other| (*second..=second + 600).contains(other));
                prop_assert!(window.count() <= allowed, "{:?} of {}", deleted, total);
            }
            prop_assert_eq!(deleted.len(), losses.len().min(total), "in the end all are");
            Ok(())
        })?;
    }
}
