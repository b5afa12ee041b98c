//! What the demo shows, live and at the end.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, Member};
use super::table::{Column, percentile, render, seconds};
use crate::terminal::{DONE, WAITING};
use crate::testbed::Requests;

/// The widest grid and bar.
const WIDTH: usize = 60;
/// Up to so many nodes each has its own mark.
const GRID: usize = 300;
/// Up to so many nodes each has its row in the closing table.
const ROWS: usize = 30;
/// Of more, so many at each end.
const ENDS: usize = 6;

/// The live block.
pub(super) fn frame(fleet: &Fleet, since: Duration, requests: u64, width: usize) -> Vec<String> {
    let width = width.saturating_sub(4).clamp(10, WIDTH);
    let (ready, all) = (fleet.ready(), fleet.members.len());
    let mut lines = vec![String::new()];
    if all <= GRID {
        let marks: Vec<char> =
            fleet.members.iter().map(|member| if member.is_ready() { DONE } else { WAITING }).collect();
        lines.extend(marks.chunks(width).map(|row| format!("  {}", row.iter().collect::<String>())));
    } else {
        let full = ready * width / all;
        lines.push(format!(
            "  {}{}",
            DONE.to_string().repeat(full),
            WAITING.to_string().repeat(width - full)
        ));
    }
    lines.push(format!(
        "  {ready} of {all} nodes ready   {}   {requests} requests to vCenter",
        seconds(since)
    ));
    lines.push(String::new());
    lines.extend(fleet.recent.iter().map(|news| format!("  {news}")));
    lines
}

/// The closing table.
pub(super) fn closing(fleet: &Fleet, width: usize) -> Vec<String> {
    let columns = [
        Column::new("NODE", 7),
        Column::new("VM", 5),
        Column { cut_middle: true, ..Column::new("PROVIDER ID", 18) },
        Column::new("ADDRESSES", 11),
        Column::new("ZONE", 6),
        Column::new("INSTANCE TYPE", 13),
        Column { right: true, ..Column::new("READY IN", 8) },
    ];
    let all = fleet.members.len();
    let shown: Vec<Option<&Member>> = if all <= ROWS {
        fleet.members.iter().map(Some).collect()
    } else {
        let (first, last) = (&fleet.members[..ENDS], &fleet.members[all - ENDS..]);
        first.iter().map(Some).chain([None]).chain(last.iter().map(Some)).collect()
    };
    let rows: Vec<Vec<String>> =
        shown.into_iter().map(|member| row(member, all - (2 * ENDS).min(all))).collect();
    render(&columns, &rows, width)
}

fn row(member: Option<&Member>, hidden: usize) -> Vec<String> {
    let Some(member) = member else {
        return vec!["…".to_owned(), "…".to_owned(), format!("({hidden} more)")];
    };
    let took = member.took().map_or_else(|| "-".to_owned(), seconds);
    vec![
        member.node.clone(),
        member.vm.name.clone(),
        member.provider_id.clone(),
        member.addresses.clone(),
        member.zone.clone(),
        member.instance_type.clone(),
        took,
    ]
}

/// The numbers below the table.
pub(super) fn numbers(fleet: &Fleet, manager_started: Instant, peak_rss: Option<u64>) -> Vec<String> {
    let times = fleet.times();
    let mut lines = vec![format!(
        "Registration to readiness: p50 {}, p90 {}, p99 {}, max {}",
        seconds(percentile(&times, 50)),
        seconds(percentile(&times, 90)),
        seconds(percentile(&times, 99)),
        seconds(percentile(&times, 100)),
    )];
    if let Some(last) = fleet.last_ready() {
        let took = seconds(last.duration_since(manager_started));
        lines.push(format!("All {} nodes were ready {took} after the manager's start.", fleet.members.len()));
    }
    lines.extend(peak_rss.map(|bytes| format!("The manager's peak memory: {} MB", bytes.div_ceil(1 << 20))));
    lines
}

/// vCenter's side of it.
pub(super) fn requests(requests: &Requests, total: &str) -> Vec<String> {
    let columns = [Column::new("VCENTER REQUESTS", 30), Column { right: true, ..Column::new("COUNT", 5) }];
    let mut rows: Vec<Vec<String>> = requests
        .by_method()
        .into_iter()
        .map(|(method, count)| vec![method.to_owned(), count.to_string()])
        .collect();
    rows.push(vec![total.to_owned(), requests.total.to_string()]);
    render(&columns, &rows, 80)
}

#[cfg(test)]
mod tests {
    use super::super::fleet::vm_specs;
    use super::*;
    use crate::testbed::Vm;

    fn fleet(count: usize) -> Fleet {
        let vm = |name: Option<String>, host_name: Option<String>| Vm {
            name: name.unwrap_or_default(),
            moref: String::new(),
            uuid: "u".into(),
            instance_uuid: String::new(),
            host_name: host_name.unwrap_or_default(),
            addresses: None,
            host: String::new(),
            datacenter: String::new(),
        };
        Fleet::new(vm_specs(count).into_iter().map(|spec| vm(spec.name, spec.host_name)).collect())
    }

    #[test]
    fn few_nodes_are_a_grid_and_many_a_bar() {
        let second = Duration::from_secs(1);
        let few = frame(&fleet(130), second, 7, 120);
        assert_eq!(few.iter().filter(|line| line.contains(WAITING)).count(), 3);
        assert!(
            few.iter().any(|line| line == "  0 of 130 nodes ready   1.00 s   7 requests to vCenter"),
            "{few:#?}"
        );
        let many = frame(&fleet(5000), second, 7, 40);
        let bars: Vec<&String> = many.iter().filter(|line| line.contains(WAITING)).collect();
        assert_eq!((bars.len(), bars[0].chars().count()), (1, 38));
    }

    #[test]
    fn of_many_nodes_the_ends_are_shown() {
        assert_eq!(closing(&fleet(30), 100).len(), 32);
        let lines = closing(&fleet(5000), 100);
        assert_eq!(lines.len(), 2 + 2 * ENDS + 1);
        assert!(lines[2 + ENDS].contains("(4988 more)"), "{lines:#?}");
        assert!(lines.last().unwrap().starts_with("node-4999"));
    }

    #[test]
    fn requests_end_with_their_sum() {
        let counted = Requests { soap: [("Login".to_owned(), 1)].into(), total: 1, ..Requests::default() };
        let lines = requests(&counted, "total, for 20 nodes");
        assert!(lines[2].starts_with("Login"), "{lines:#?}");
        assert!(lines[3].starts_with("total, for 20 nodes"), "{lines:#?}");
    }
}
