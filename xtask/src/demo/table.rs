//! Tables that fit the terminal, and the numbers below them.

use std::time::Duration;

/// How a column gives way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// It is not made narrower than this.
    pub(super) min: usize,
    pub(super) right: bool,
    /// What is left out of a long text: the middle (of an id) or the end.
    pub(super) cut_middle: bool,
}

impl Column {
    pub(super) const fn new(title: &'static str, min: usize) -> Self {
        Self { title, min, right: false, cut_middle: false }
    }
}

const GAP: &str = "  ";

/// The lines of a table: titles, a rule, rows.
pub(super) fn render(columns: &[Column], rows: &[Vec<String>], width: usize) -> Vec<String> {
    let widths = fit(columns, rows, width);
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = columns.iter().zip(&widths).zip(cells);
        let cells: Vec<String> = cells.map(|((column, width), text)| cell(column, *width, text)).collect();
        cells.join(GAP).trim_end().to_owned()
    };
    let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let mut lines = vec![line(&mut columns.iter().map(|column| column.title))];
    lines.push(rules.join(GAP));
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines
}

/// Natural widths; if that is too wide, the widest column gives way, step by step.
fn fit(columns: &[Column], rows: &[Vec<String>], width: usize) -> Vec<usize> {
    let longest = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|text| length(text)).max();
    let mut widths: Vec<usize> =
        (0..columns.len()).map(|at| length(columns[at].title).max(longest(at).unwrap_or(0))).collect();
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let widest =
            (0..columns.len()).filter(|at| widths[*at] > columns[*at].min).max_by_key(|at| widths[*at]);
        match widest {
            Some(at) => widths[at] -= 1,
            None => break,
        }
    }
    widths
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn cell(column: &Column, width: usize, text: &str) -> String {
    let missing = width.saturating_sub(length(text));
    if length(text) <= width {
        let padding = " ".repeat(missing);
        return if column.right { padding + text } else { text.to_owned() + &padding };
    }
    if !column.cut_middle {
        return crate::terminal::cut(text, width);
    }
    let tail = width.saturating_sub(1) / 2;
    let head = width.saturating_sub(1 + tail);
    let characters: Vec<char> = text.chars().collect();
    let (head, tail) = (&characters[..head], &characters[characters.len() - tail..]);
    head.iter().chain(&['…']).chain(tail).collect()
}

/// The smallest value that `percent` of `sorted` do not exceed.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Seconds, as people read them.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> [Column; 4] {
        [
            Column::new("NODE", 6),
            Column { cut_middle: true, ..Column::new("PROVIDER ID", 20) },
            Column::new("INSTANCE TYPE", 10),
            Column { right: true, ..Column::new("READY", 6) },
        ]
    }

    fn rows() -> Vec<Vec<String>> {
        let id = "vsphere://4237aaaa-5c1c-0b7d-6f2e-0123456789ab";
        let row = |node: &str, time: &str| {
            [node, id, "vsphere-vm.cpu-2.mem-4gb.os-ubuntu", time].map(str::to_owned).to_vec()
        };
        vec![row("node-00", "0.51 s"), row("node-01", "12.5 s")]
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        let lines = render(&columns(), &rows(), 120);
        assert_eq!(
            lines[2],
            "node-00  vsphere://4237aaaa-5c1c-0b7d-6f2e-0123456789ab  vsphere-vm.cpu-2.mem-4gb.os-ubuntu  0.51 s"
        );
        assert!(lines[0].starts_with("NODE     PROVIDER ID  "), "{}", lines[0]);
        assert!(lines[0].ends_with("   READY") || lines[0].ends_with("  READY"), "{}", lines[0]);
    }

    #[test]
    fn a_narrow_one_cuts_ids_in_the_middle_and_texts_at_the_end() {
        for width in [60, 80, 100] {
            let lines = render(&columns(), &rows(), width);
            assert!(lines.iter().all(|line| length(line) <= width), "{lines:#?}");
        }
        let lines = render(&columns(), &rows(), 60);
        assert_eq!(lines[2], "node-00  vsphere://…23456789ab  vsphere-vm.cpu-2.me…  0.51 s");
        // What cannot be narrower stays as it is.
        assert!(length(&render(&columns(), &rows(), 10)[2]) > 10);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Duration::from_millis(50));
        assert_eq!(percentile(&sorted, 99), Duration::from_millis(99));
        assert_eq!(percentile(&sorted[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
