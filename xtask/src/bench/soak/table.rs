//! The results as Markdown.

use super::results::{Results, Sample};
use crate::bench::figures::{NOTHING, count, count_or_tenths, megabytes, milliseconds, number, row};
use crate::bench::stats::{max, percentile, slope};

/// Of the time, when memory is looked at first: until then caches fill.
const FIRST: f64 = 0.1;

/// The whole report.
pub(super) fn render(results: &Results) -> String {
    let mut lines = vec![circumstances(results), String::new(), row(["", "measured"]), row([":--", "--:"])];
    for (name, figure) in figures(results) {
        lines.push(row([name, figure.as_deref().unwrap_or(NOTHING)]));
    }
    let problems = results.wrong.iter().chain(&results.left_wrong);
    let problems: Vec<String> = problems.map(|problem| format!("* {problem}")).collect();
    if !problems.is_empty() {
        lines.push(String::new());
        lines.extend(problems);
    }
    lines.join("\n") + "\n"
}

fn circumstances(results: &Results) -> String {
    let (setup, done) = (&results.setup, results.done);
    let minutes = f64::from(setup.minutes);
    let rate = |times: u64| count_or_tenths(number(times) / minutes);
    let heartbeats = if results.heartbeats == 0 {
        "no heartbeats of kubelets".to_owned()
    } else {
        format!(
            "{} status patches of kubelets a second",
            count_or_tenths(number(results.heartbeats) / minutes / 60.0)
        )
    };
    format!(
        "{} nodes (15 kB of status each), zones on, {minutes} min of churn: {} operations a minute, of \
         which {} changes of addresses, {} joins, {} leaves, {} power cycles; all sessions ended {} ×; \
         {heartbeats}; {} ms per vCenter request, {} cores; {}.",
        count(number(setup.nodes as u64)),
        rate(done.operations()),
        rate(done.addresses),
        rate(done.joins),
        rate(done.leaves),
        rate(done.power_ons),
        done.sessions_ended,
        setup.latency_ms,
        setup.cores,
        setup.date,
    )
}

fn figures(results: &Results) -> Vec<(&'static str, Option<String>)> {
    let last = results.last();
    let operations = number(results.done.operations());
    let latencies = results.latencies();
    let latency = |percent| percentile(&latencies, percent).map(milliseconds);
    let lost = results.changes_ms.len() - latencies.len();
    let orders: Vec<f64> = results.changes_ms.iter().map(|change| change.order_ms).collect();
    let order = percentile(&orders, 50).zip(percentile(&orders, 99));
    let order = order.map(|(p50, p99)| format!("{p50:.0} and {p99:.0} ms"));
    let per_minute = |requests: fn(&Sample) -> u64| {
        last.map(|last| count_or_tenths(number(requests(last)) * 60.0 / last.at_s))
    };
    vec![
        (
            "resident memory after a tenth of the time",
            early(results).map(|sample| megabytes(number(sample.rss))),
        ),
        ("… at the end", last.map(|last| megabytes(number(last.rss)))),
        ("… its peak", Some(megabytes(number(results.peak_rss)))),
        (
            "… its slope over the second half (least squares)",
            growth(results).map(|slope| format!("{slope:+.1} MB an hour")),
        ),
        ("CPU, of one core", last.map(|last| format!("{:.1} %", last.cpu_s / last.at_s * 100.0))),
        ("vCenter requests a minute, pages and long polls apart", per_minute(|sample| sample.requests)),
        (
            "… for each operation",
            last.filter(|_| operations > 0.0)
                .map(|last| format!("{:.2}", number(last.requests) / operations)),
        ),
        ("pages and long polls a minute", per_minute(|sample| sample.pages)),
        ("logins, SOAP and REST", last.map(|last| count(number(last.logins)))),
        ("a changed guest address on the Node, p50", latency(50)),
        ("… p99", latency(99)),
        ("… the slowest", max(&latencies).map(milliseconds)),
        ("… not within a minute", Some(lost.to_string())),
        ("the simulator's own part in that, p50 and p99", order),
        ("nodes deleted or marked as shut down without a reason", Some(results.wrong.len().to_string())),
        ("nodes that were not right a minute after the end", Some(results.left_wrong.len().to_string())),
    ]
}

/// The first look after the caches have filled.
fn early(results: &Results) -> Option<&Sample> {
    let begin = results.last()?.at_s * FIRST;
    results.samples.iter().find(|sample| sample.at_s >= begin)
}

/// MB an hour in the second half.
fn growth(results: &Results) -> Option<f64> {
    let half = results.last()?.at_s / 2.0;
    let late = results.samples.iter().filter(|sample| sample.at_s >= half);
    let points: Vec<(f64, f64)> =
        late.map(|sample| (sample.at_s / 3600.0, number(sample.rss) / 1e6)).collect();
    slope(&points)
}

#[cfg(test)]
mod tests {
    use super::super::results::fixtures::results;
    use super::*;

    #[test]
    fn everything_that_was_measured_is_told() {
        let table = render(&results());
        for part in [
            "10 min of churn: 240 operations a minute, of which 120 changes of addresses, 30 joins,",
            "ended 9 ×; 20 status patches of kubelets a second; 10 ms",
            "| resident memory after a tenth of the time | 40.1 MB |",
            "| … at the end | 41.0 MB |",
            "| … its slope over the second half (least squares) | +6.0 MB an hour |",
            "| CPU, of one core | 10.0 % |",
            "| vCenter requests a minute, pages and long polls apart | 120 |",
            "| … for each operation | 0.50 |",
            "| … p99 | 100 ms |",
            "| … not within a minute | 1 |",
            "| the simulator's own part in that, p50 and p99 | 12 and 12 ms |",
            "| nodes deleted or marked as shut down without a reason | 0 |",
            "| nodes that were not right a minute after the end | 1 |",
            "* node-001: it is gone",
        ] {
            assert!(table.contains(part), "{part}\n{table}");
        }
    }

    #[test]
    fn nothing_measured_is_no_reason_to_fail() {
        let mut results = results();
        results.samples.clear();
        results.changes_ms.clear();
        results.heartbeats = 0;
        let table = render(&results);
        assert!(table.contains("no heartbeats") && table.contains("| CPU, of one core | – |"), "{table}");
    }
}
