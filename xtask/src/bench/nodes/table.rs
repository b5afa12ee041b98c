//! The results as Markdown.

use super::results::{Measured, Results, Run, Setup};
use super::targets;
use crate::bench::contestant::Contestant;
use crate::bench::figures::{NOTHING, count, count_or_tenths, megabytes, milliseconds, number, row, seconds};
use crate::bench::stats::{max, median, percentile};

/// The seconds between upstream's rounds.
const ROUND: f64 = 300.0;

/// What makes the figures of a row.
type Figure = fn(&Measured) -> Option<String>;

/// Each row's name and figures.
const ROWS: [(&str, Figure); 12] = [
    ("last node ready", |measured| over_runs(measured, |run| run.last_s).map(seconds)),
    ("p50 of the nodes", |measured| over_runs(measured, |run| run.p50_s).map(seconds)),
    ("vCenter requests besides the pages", |measured| {
        over_runs(measured, |run| number(run.requests.besides_pages)).map(count)
    }),
    ("further pages, long polls", |measured| {
        over_runs(measured, |run| number(run.requests.pages)).map(count)
    }),
    ("SOAP + REST logins", |measured| {
        let soap = over_runs(measured, |run| number(run.requests.soap_logins))?;
        let rest = over_runs(measured, |run| number(run.requests.rest_logins))?;
        Some(format!("{} + {}", count(soap), count(rest)))
    }),
    ("peak memory, start", |measured| over_runs(measured, |run| number(run.peak_rss)).map(megabytes)),
    ("peak memory, everything below included", |measured| {
        measured.final_peak_rss.map(|bytes| megabytes(number(bytes)))
    }),
    ("CPU time of the start", |measured| over_runs(measured, |run| run.cpu_s).map(seconds)),
    ("vCenter requests a minute, steady state", per_minute),
    ("a node joins the idle cluster, median", |measured| median(&measured.joins_ms).map(milliseconds)),
    ("… the slowest", |measured| max(&measured.joins_ms).map(milliseconds)),
    ("a changed guest address on the Node", change),
];

/// The whole report.
pub(super) fn render(results: &Results) -> String {
    let contestants: Vec<(Contestant, &Measured)> =
        results.contestants.iter().map(|(contestant, measured)| (*contestant, measured)).collect();
    let mut lines = vec![circumstances(&results.setup), String::new()];
    lines.push(row(std::iter::once("").chain(contestants.iter().map(|(contestant, _)| contestant.title()))));
    lines.push(row(std::iter::once(":--").chain(contestants.iter().map(|_| "--:"))));
    for (name, figure) in ROWS {
        let figures: Vec<Option<String>> = contestants.iter().map(|(_, measured)| figure(measured)).collect();
        if figures.iter().any(Option::is_some) {
            let cells = figures.iter().map(|figure| figure.as_deref().unwrap_or(NOTHING));
            lines.push(row(std::iter::once(name).chain(cells)));
        }
    }
    lines.push(String::new());
    lines.extend(promises(results));
    lines.extend(notes(results, &contestants));
    lines.join("\n") + "\n"
}

fn circumstances(setup: &Setup) -> String {
    let kilobytes = setup.status_bytes / 1000;
    let medians =
        if setup.runs == 1 { "one run".to_owned() } else { format!("medians of {} runs", setup.runs) };
    format!(
        "{} tainted nodes ({kilobytes} kB of status each), zones on, {} ms per vCenter request, {} cores; \
         {medians}; upstream is kubernetes/cloud-provider-vsphere {}; {}.",
        count(number(setup.nodes as u64)),
        setup.latency_ms,
        setup.cores,
        setup.upstream,
        setup.date,
    )
}

fn promises(results: &Results) -> Vec<String> {
    let mut lines = vec![row(["target", "measured", "met"]), row([":--", "--:", ":-:"])];
    for target in targets::of(results) {
        let met = match (&target.measured, target.met) {
            (None, _) => NOTHING,
            (Some(_), true) => "yes",
            (Some(_), false) => "**no**",
        };
        let measured = target.measured.as_deref().unwrap_or("not measured");
        lines.push(row([target.promise.as_str(), measured, met]));
    }
    lines
}

/// What the figures cannot say of themselves.
fn notes(results: &Results, contestants: &[(Contestant, &Measured)]) -> Vec<String> {
    let mut notes = Vec::new();
    let upstream = contestants.iter().filter(|(contestant, _)| contestant.is_upstream());
    if upstream.clone().any(|(_, measured)| measured.slow_change.is_some()) {
        notes.push(
            "Upstream looks for changed addresses on rounds that are 5 minutes apart: a single change was \
             waited for."
                .to_owned(),
        );
    }
    for (contestant, measured) in upstream {
        if let Some(steady) = &measured.steady {
            let title = contestant.title();
            let short = if steady.seconds < ROUND { ", which is less than a round" } else { "" };
            notes
                .push(format!("The steady state of {title} was watched for {:.0} s{short}.", steady.seconds));
        }
    }
    for (contestant, measured) in contestants {
        let title = contestant.title();
        if measured.runs.len() != results.setup.runs {
            notes.push(format!(
                "Of {title} {} runs succeeded, not {}.",
                measured.runs.len(),
                results.setup.runs
            ));
        }
        let problems = measured.problems.iter();
        notes.extend(
            problems.map(|problem| format!("A run of {title} failed and was tried again: {problem}")),
        );
    }
    let lines: Vec<String> = notes.into_iter().map(|note| format!("* {note}")).collect();
    if lines.is_empty() { lines } else { std::iter::once(String::new()).chain(lines).collect() }
}

/// Nothing for a manager that goes on rounds if none fits into the time it was watched.
fn per_minute(measured: &Measured) -> Option<String> {
    let steady = measured.steady.as_ref()?;
    let by_rounds = measured.slow_change.is_some();
    (!by_rounds || steady.seconds >= ROUND).then(|| count_or_tenths(steady.per_minute()))
}

fn change(measured: &Measured) -> Option<String> {
    if let Some(slow) = &measured.slow_change {
        return Some(match slow.seen_after_s {
            Some(after) => seconds(after),
            None => format!("> {:.0} s", slow.bound_s),
        });
    }
    let at = |percent| percentile(&measured.changes_ms, percent);
    let (p50, p99, slowest) = (at(50)?, at(99)?, at(100)?);
    Some(format!("p50 {p50:.0}, p99 {p99:.0}, max {slowest:.0} ms"))
}

fn over_runs(measured: &Measured, value: impl Fn(&Run) -> f64) -> Option<f64> {
    measured.median(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::nodes::results::fixtures::results;

    #[test]
    fn the_table_has_a_column_for_each_contestant() {
        let table = render(&results());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[0],
            "1,000 tainted nodes (15 kB of status each), zones on, 10 ms per vCenter request, 2 cores; \
             medians of 3 runs; upstream is kubernetes/cloud-provider-vsphere v1.36.0; 2026-11-21."
        );
        assert_eq!(lines[2], "|  | vsphere-cloud | upstream, tuned | upstream, default | floor |");
        assert!(table.contains("| last node ready | 6.50 s | 34.0 s | 246 s | 5.20 s |"), "{table}");
        assert!(table.contains("| SOAP + REST logins | 1 + 1 | 1 + 1,000 | 1 + 1,000 | 0 + 0 |"), "{table}");
        assert!(table.contains("| vCenter requests a minute, steady state | 1.0 | 5,200 |"), "{table}");
        assert!(table.contains("p50 50, p99 99, max 100 ms | > 300 s | > 300 s | – |"), "{table}");
        assert!(table.contains("| at least 4 × faster than upstream, tuned | 5.2 × | yes |"), "{table}");
        assert!(table.contains("* Of upstream, tuned 1 runs succeeded, not 3."), "{table}");
        let columns = |line: &&&str| line.starts_with('|');
        let table_of_figures = lines.iter().skip(2).take_while(columns);
        assert!(table_of_figures.map(|line| line.matches('|').count()).all(|count| count == 6), "{table}");
    }

    #[test]
    fn less_than_a_round_says_nothing() {
        let mut results = results();
        let tuned = results.contestants.get_mut(&Contestant::Tuned).unwrap();
        tuned.steady.as_mut().unwrap().seconds = 10.0;
        let table = render(&results);
        assert!(table.contains("steady state | 1.0 | – | 5,200 |"), "{table}");
        assert!(table.contains("watched for 10 s, which is less than a round."), "{table}");
    }

    #[test]
    fn nothing_measured_is_no_reason_to_fail() {
        let mut results = results();
        results.contestants.clear();
        assert!(render(&results).contains("not measured"));
    }
}
