//! What the product is to reach, and whether it did: calculated, never written by hand.

use super::results::{Measured, Results, Run};
use crate::bench::contestant::Contestant;
use crate::bench::figures::number;
use crate::bench::stats::{median, percentile};

/// A promise, compared with what was measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) promise: String,
    /// `None`: not measured.
    pub(super) measured: Option<String>,
    pub(super) met: bool,
}

/// Times the floor's that we may take.
const FLOOR: f64 = 1.3;
/// How many times faster than upstream we are to be.
const FASTER_THAN_TUNED: f64 = 4.0;
const FASTER_THAN_DEFAULT: f64 = 30.0;
const REQUESTS: f64 = 20.0;
/// Megabytes, up to so many nodes.
const MEMORY: [(usize, f64); 2] = [(1000, 40.0), (5000, 64.0)];
const PER_MINUTE: f64 = 2.0;
const CHANGE_MS: f64 = 200.0;
const JOIN_MS: f64 = 60.0;

/// All of them, in the order of the table.
pub(super) fn of(results: &Results) -> Vec<Target> {
    let ours = results.of(Contestant::Ours);
    let last = |contestant| results.median(contestant, |run| run.last_s);
    // Of two medians; `None` if one is missing.
    let ratio = |over, under| Some(last(over)? / last(under)?);
    let mut targets = vec![
        at_most(
            format!("the last node after at most {FLOOR} × the floor's time"),
            ratio(Contestant::Ours, Contestant::Floor),
            FLOOR,
            |ratio| format!("{ratio:.2} ×"),
        ),
        at_least(
            format!("at least {FASTER_THAN_TUNED} × faster than upstream, tuned"),
            ratio(Contestant::Tuned, Contestant::Ours),
            FASTER_THAN_TUNED,
        ),
        at_least(
            format!("at least {FASTER_THAN_DEFAULT} × faster than upstream, default"),
            ratio(Contestant::Default, Contestant::Ours),
            FASTER_THAN_DEFAULT,
        ),
        at_most(
            format!("at most {REQUESTS} vCenter requests besides the pages, in every run"),
            ours.and_then(|ours| worst(ours, |run| number(run.requests.besides_pages))),
            REQUESTS,
            |requests| format!("{requests:.0}"),
        ),
        logins(ours),
    ];
    let memory = MEMORY.into_iter().find(|(nodes, _)| results.setup.nodes <= *nodes);
    targets.extend(memory.map(|(nodes, limit)| {
        at_most(
            format!("at most {limit} MB of memory up to {nodes} nodes, in every run"),
            ours.and_then(Measured::peak_rss).map(|bytes| bytes / 1e6),
            limit,
            |megabytes| format!("{megabytes:.1} MB"),
        )
    }));
    targets.extend([
        at_most(
            format!("at most {PER_MINUTE} vCenter requests a minute in the steady state"),
            ours.and_then(|ours| Some(ours.steady.as_ref()?.per_minute())),
            PER_MINUTE,
            |requests| format!("{requests:.1}"),
        ),
        at_most(
            format!("a changed guest address on the Node within {CHANGE_MS} ms (p99)"),
            ours.and_then(|ours| percentile(&ours.changes_ms, 99)),
            CHANGE_MS,
            |ms| format!("{ms:.0} ms"),
        ),
        at_most(
            format!("a Node that joins an idle cluster is ready within {JOIN_MS} ms (median)"),
            ours.and_then(|ours| median(&ours.joins_ms)),
            JOIN_MS,
            |ms| format!("{ms:.0} ms"),
        ),
    ]);
    targets
}

fn at_most(promise: String, measured: Option<f64>, limit: f64, show: impl Fn(f64) -> String) -> Target {
    let met = measured.is_some_and(|measured| measured <= limit);
    Target { promise, measured: measured.map(show), met }
}

fn at_least(promise: String, measured: Option<f64>, limit: f64) -> Target {
    let met = measured.is_some_and(|measured| measured >= limit);
    Target { promise, measured: measured.map(|factor| format!("{factor:.1} ×")), met }
}

fn worst(measured: &Measured, value: impl Fn(&Run) -> f64) -> Option<f64> {
    crate::bench::stats::max(&measured.runs.iter().map(value).collect::<Vec<_>>())
}

fn logins(ours: Option<&Measured>) -> Target {
    let worst = |value: fn(&Run) -> u64| ours?.runs.iter().map(value).max();
    let measured = worst(|run| run.requests.soap_logins).zip(worst(|run| run.requests.rest_logins));
    Target {
        promise: "one SOAP and one REST login, in every run".to_owned(),
        measured: measured.map(|(soap, rest)| format!("{soap} and {rest}")),
        met: measured.is_some_and(|(soap, rest)| soap <= 1 && rest <= 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::nodes::results::fixtures::results;

    fn target<'a>(targets: &'a [Target], part: &str) -> &'a Target {
        targets.iter().find(|target| target.promise.contains(part)).unwrap()
    }

    #[test]
    fn good_figures_meet_everything() {
        for target in of(&results()) {
            assert!(target.met, "{target:?}");
        }
    }

    #[test]
    fn bad_figures_are_called_so() {
        let mut results = results();
        let ours = results.contestants.get_mut(&Contestant::Ours).unwrap();
        for run in &mut ours.runs {
            run.last_s *= 2.0;
        }
        // A single run is enough.
        ours.runs[1].requests.besides_pages = 21;
        ours.runs[2].requests.rest_logins = 2;
        ours.runs[0].peak_rss = 41_000_000;
        ours.changes_ms.extend([500.0, 500.0]);
        ours.joins_ms = vec![61.0];
        ours.steady.as_mut().unwrap().requests.besides_pages = 3;
        let targets = of(&results);
        let faster = "faster than upstream, tuned";
        assert_eq!(target(&targets, faster).measured.as_deref(), Some("2.6 ×"));
        assert!(targets.iter().all(|target| !target.met), "{targets:#?}");
    }

    #[test]
    fn what_was_not_measured_is_not_met() {
        let mut results = results();
        results.contestants.remove(&Contestant::Floor);
        let targets = of(&results);
        let floor = target(&targets, "the floor's time");
        assert!(floor.measured.is_none() && !floor.met);
        assert!(target(&targets, "login").met);
        results.contestants.clear();
        assert!(of(&results).iter().all(|target| target.measured.is_none() && !target.met));
    }

    #[test]
    fn memory_is_judged_by_the_number_of_nodes() {
        let mut results = results();
        results.setup.nodes = 5000;
        assert!(target(&of(&results), "memory").promise.contains("64 MB"));
        results.setup.nodes = 10_000;
        assert!(of(&results).iter().all(|target| !target.promise.contains("memory")));
    }
}
