//! The results as Markdown.

use super::fault::Fault;
use super::results::{Outcome, Record, Results, Setup};
use crate::bench::contestant::Contestant;
use crate::bench::figures::{NOTHING, count, number, row, seconds};

/// What makes a cell.
type Figure = fn(&Outcome, &Setup) -> Option<String>;

/// The first table: how long it takes.
const TIMES: [(&str, Figure); 2] = [
    ("recovered", |outcome, setup| Some(after(outcome.recovered_s, setup))),
    ("changed address", |outcome, setup| Some(after(outcome.address?.after_s, setup))),
];

/// The second one: at what price.
const PRICES: [(&str, Figure); 3] = [
    ("wrong actions", |outcome, _| Some(wrong(outcome))),
    ("restarts", |outcome, _| Some(outcome.restarts.to_string())),
    ("logins", |outcome, _| Some(count(number(outcome.logins)))),
];

/// The whole report.
pub(super) fn render(results: &Results) -> String {
    let contestants: Vec<(Contestant, &Record)> =
        results.contestants.iter().map(|(contestant, record)| (*contestant, record)).collect();
    let mut lines = vec![circumstances(&results.setup)];
    for columns in [TIMES.as_slice(), PRICES.as_slice()] {
        lines.push(String::new());
        lines.extend(table(results, &contestants, columns));
    }
    lines.push(String::new());
    lines.extend(notes(results, &contestants).into_iter().map(|note| format!("* {note}")));
    lines.join("\n") + "\n"
}

fn circumstances(setup: &Setup) -> String {
    format!(
        "{} nodes, {} more join during each fault; zones on, {} ms per vCenter request, {} cores; upstream is \
         kubernetes/cloud-provider-vsphere {}; {}.",
        count(number(setup.nodes as u64)),
        setup.joins,
        setup.latency_ms,
        setup.cores,
        setup.upstream,
        setup.date,
    )
}

fn table(
    results: &Results,
    contestants: &[(Contestant, &Record)],
    columns: &[(&str, Figure)],
) -> Vec<String> {
    // A column for each figure and contestant, unless nobody has anything in it.
    let cell = |fault: Fault, record: &Record, figure: Figure| {
        record.outcomes.get(&fault).and_then(|outcome| figure(outcome, &results.setup))
    };
    let all = columns.iter().flat_map(|(name, figure)| {
        contestants.iter().map(move |(contestant, record)| (*name, *contestant, *record, *figure))
    });
    let columns: Vec<_> = all
        .filter(|(_, _, record, figure)| {
            Fault::ALL.into_iter().any(|fault| cell(fault, record, *figure).is_some())
        })
        .collect();
    let heads: Vec<String> =
        columns.iter().map(|(name, contestant, ..)| format!("{name}, {}", contestant.title())).collect();
    let mut lines = vec![
        row(std::iter::once("fault").chain(heads.iter().map(String::as_str))),
        row(std::iter::once(":--").chain(columns.iter().map(|_| "--:"))),
    ];
    for fault in Fault::ALL {
        let cells: Vec<Option<String>> =
            columns.iter().map(|(_, _, record, figure)| cell(fault, record, *figure)).collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.iter().map(|cell| cell.as_deref().unwrap_or(NOTHING));
            lines.push(row(std::iter::once(fault.title()).chain(cells)));
        }
    }
    lines
}

/// A time after the fault's end.
pub(super) fn after(time: Option<f64>, setup: &Setup) -> String {
    match time {
        None => format!("not within {} s", setup.give_up_s),
        Some(time) if time > 0.0 => seconds(time),
        Some(_) => "before its end".to_owned(),
    }
}

fn wrong(outcome: &Outcome) -> String {
    let parts = [(outcome.deleted.len(), "deleted"), (outcome.shut_down.len(), "shut down")];
    let parts: Vec<String> =
        parts.iter().filter(|(times, _)| *times > 0).map(|(times, what)| format!("{times} {what}")).collect();
    if parts.is_empty() { "0".to_owned() } else { format!("**{}**", parts.join(", ")) }
}

/// What was measured, and what the figures cannot say of themselves.
fn notes(results: &Results, contestants: &[(Contestant, &Record)]) -> Vec<String> {
    let setup = &results.setup;
    let mut notes = vec![
        "Each contestant has an API server and a simulated vCenter of its own, meets the faults in this order, \
         and is at rest before each. Both have their default flags, leader election included, and are started \
         again one second after they end by themselves (a kubelet waits longer from the second time on)."
            .to_owned(),
        format!(
            "Half a second after a fault's begin {} nodes join whose VMs are there, and a node whose VM runs \
             falls silent (not ready), so that the lifecycle controller asks about it. Without an API server \
             that happens when it is back; while another holds the lease, 13 s after it was taken, when \
             a leader must have stopped.",
            setup.joins
        ),
        format!(
            "*Recovered*: seconds from the fault's end until all nodes that joined are initialised; given up \
             after {} s. Who has not recovered by then is killed and started anew before the next fault.",
            setup.give_up_s
        ),
        "*Wrong actions*: nodes deleted, or given the shutdown taint, until 8 s after the recovery. Every VM \
         runs all the time. *Restarts*: the process ended by itself. *Logins*: SOAP and REST, from the fault's \
         begin to the recovery."
            .to_owned(),
        "Nodes that joined stay. A manager may remember what it met before (our breaker does for ten minutes): \
         `--faults` with a single one measures that by itself."
            .to_owned(),
        "In the faults without VMs, vCenter has none of them in its inventory, and has them again with other \
         object ids; without rights, whatever names their folder is refused as well."
            .to_owned(),
    ];
    if contestants.iter().any(|(contestant, _)| contestant.is_upstream()) {
        notes.push(
            "*Changed address*: a guest's address changes during the fault; seconds from its end (or the \
             change, if that was later) until it is on the node. Not measured for upstream, which looks for new \
             addresses on rounds 5 minutes apart: it would be the time to the next round."
                .to_owned(),
        );
    }
    for (contestant, record) in contestants {
        let title = contestant.title();
        notes.extend(record.end.map(|end| {
            let (before, left, seconds) = (end.sessions_before, end.sessions_left, seconds(end.seconds));
            let behind = match end.left_behind {
                0 => String::new(),
                some => format!(" When it ended by itself, it left {some} in all."),
            };
            format!(
                "Sessions in vCenter, {title}: {before} before SIGTERM, **{left} left** by it after \
                 {seconds}.{behind}"
            )
        }));
        let problems = record.problems.iter();
        notes.extend(problems.map(|problem| format!("The testbed failed with {title}: {problem}")));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::results::fixtures::results;
    use super::*;

    #[test]
    fn contestants_are_side_by_side() {
        let table = render(&results());
        for line in [
            "| fault | recovered, vsphere-cloud | recovered, upstream, default | changed address, vsphere-cloud |",
            "| all sessions ended | before its end | 3.50 s | 0.31 s |",
            "| accepts and hangs for 20 s | 0.52 s | not within 180 s | 1.25 s |",
            "| inventory empty for 2 min | 0.52 s | 61.2 s | not within 180 s |",
            "| inventory empty for 2 min | 0 | **1 deleted, 2 shut down** | 0 | 2 | 1 | 1 |",
            "* Sessions in vCenter, upstream, default: 2 before SIGTERM, **2 left** by it after 0.10 s. When it ended by \
             itself, it left 3 in all.",
            "* Sessions in vCenter, vsphere-cloud: 2 before SIGTERM, **0 left** by it after 0.20 s.",
            "* The testbed failed with upstream, default: the simulator crashed",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
        // Faults that nobody met have no row.
        assert!(!table.contains("lease held"), "{table}");
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let mut results = results();
        results.contestants.get_mut(&Contestant::Ours).unwrap().outcomes.remove(&Fault::Hang);
        let table = render(&results);
        assert!(table.contains("| accepts and hangs for 20 s | – | not within 180 s | – |"), "{table}");
        results.contestants.clear();
        assert!(render(&results).contains("| fault |"));
    }
}
