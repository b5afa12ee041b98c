//! Thousands of histories, or one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::conductor::{Outcome, play};
use super::say;

/// Histories in a run, unless `SIMULATION_HISTORIES` says otherwise.
const HISTORIES: u64 = 300;
/// Histories that are played twice.
const REPLAYS: u64 = 10;
/// The lines of a log that tell what led to a failure.
const LAST_LINES: usize = 60;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: expected a number")))
}

fn report(seed: u64, outcome: &Outcome) -> Option<String> {
    let broken = outcome.broken.as_ref()?;
    let log = &outcome.log;
    let last = log[log.len().saturating_sub(LAST_LINES)..].join("\n");
    let again = format!("SIMULATION_SEED={seed} cargo test --lib simulation -- --nocapture");
    Some(format!(
        "seed {seed}: {broken}
{last}
to replay it: {again}"
    ))
}

#[test]
fn whatever_happens_what_is_promised_is_kept() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let outcome = play(seed, true);
        say(&format!("lasted {:?}: {:?}", outcome.lasted, outcome.broken));
        assert_eq!(outcome.broken, None);
        return;
    }
    let first = number("SIMULATION_FIRST").unwrap_or(0);
    let end = first + number("SIMULATION_HISTORIES").unwrap_or(HISTORIES);
    let next = AtomicU64::new(first);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return None;
        }
        if let Some(report) = report(seed, &play(seed, false)) {
            // The others need not go on.
            next.fetch_max(end, Ordering::Relaxed);
            return Some(report);
        }
    };
    let threads = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let reports: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(reports.is_empty(), "{}", reports.join("\n\n"));
}

#[test]
fn a_seed_plays_the_same_history_again() {
    let replays = number("SIMULATION_REPLAYS").unwrap_or(REPLAYS);
    let differs = |seed: &u64| play(*seed, false).log != play(*seed, false).log;
    let different: Vec<u64> = (0..replays).filter(differs).collect();
    // What happens to the world is the same always. But the client library keeps what is ready in the same
    // millisecond in hash maps, and their order is a matter of chance; it seldom makes a difference.
    assert!(different.len() * 4 <= usize::try_from(replays).unwrap(), "{different:?} of {replays} differ");
}
