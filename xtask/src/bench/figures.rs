//! Figures as people read them, and rows of tables in Markdown.

/// What is not there: not measured, or it has no such thing.
pub(super) const NOTHING: &str = "–";

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "nothing here is counted beyond 2^52")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        short if short < 10.0 => format!("{short:.2} s"),
        medium if medium < 100.0 => format!("{medium:.1} s"),
        long => format!("{long:.0} s"),
    }
}

pub(super) fn milliseconds(milliseconds: f64) -> String {
    format!("{} ms", count(milliseconds))
}

pub(super) fn megabytes(bytes: f64) -> String {
    let megabytes = bytes / 1e6;
    if megabytes < 100.0 { format!("{megabytes:.1} MB") } else { format!("{megabytes:.0} MB") }
}

/// A whole number with thousands apart.
pub(super) fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub(super) fn count_or_tenths(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { count(value) }
}

pub(super) fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<&str> = cells.into_iter().collect();
    format!("| {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(
            [0.0, 999.0, 1000.0, 26_800.4, 1e6].map(count),
            ["0", "999", "1,000", "26,800", "1,000,000"]
        );
        assert_eq!([6.543, 34.04, 246.4].map(seconds), ["6.54 s", "34.0 s", "246 s"]);
        assert_eq!([35_650_000.0, 192_900_000.0].map(megabytes), ["35.6 MB", "193 MB"]);
        assert_eq!([1.04, 5200.0].map(count_or_tenths), ["1.0", "5,200"]);
        assert_eq!(row(["a", "b"]), "| a | b |");
    }
}
