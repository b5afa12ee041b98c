//! Samples gathered into windows, as the picture shows them.

use super::results::{Results, Sample};
use crate::bench::figures::number;
use crate::bench::stats::percentile;

/// How many windows there are, if there are enough samples.
const WINDOWS: usize = 40;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    /// Its end, in minutes.
    pub(super) at_min: f64,
    /// Resident memory at its end, in bytes.
    pub(super) rss: f64,
    /// vCenter requests a minute but the pages.
    pub(super) per_minute: f64,
    /// Milliseconds until changed addresses were on their nodes; `None`: there was no change.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

/// All windows, the first one first.
pub(super) fn of(results: &Results) -> Vec<Window> {
    let width = results.samples.len().saturating_sub(1).div_ceil(WINDOWS).max(1);
    let ends: Vec<&Sample> = results.samples.iter().step_by(width).collect();
    ends.windows(2)
        .filter_map(|ends| {
            let [begin, end] = ends else { return None };
            let minutes = (end.at_s - begin.at_s) / 60.0;
            let changes = results.changes_ms.iter();
            let inside = changes.filter(|change| change.at_s >= begin.at_s && change.at_s < end.at_s);
            let latencies: Vec<f64> = inside.filter_map(|change| change.ms).collect();
            (minutes > 0.0).then(|| Window {
                at_min: end.at_s / 60.0,
                rss: number(end.rss),
                per_minute: number(end.requests.saturating_sub(begin.requests)) / minutes,
                p50_ms: percentile(&latencies, 50),
                p99_ms: percentile(&latencies, 99),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::results::fixtures::results;
    use super::*;

    #[test]
    fn windows_cover_all_of_it() {
        let windows = of(&results());
        assert_eq!(windows.len(), WINDOWS);
        let last = windows.last().unwrap();
        assert!((last.at_min - 10.0).abs() < 1e-9, "{last:?}");
        // 10 requests in each 5 s.
        assert!(windows.iter().all(|window| (window.per_minute - 120.0).abs() < 1e-6));
        assert!(last.p50_ms.unwrap() < last.p99_ms.unwrap());
    }

    #[test]
    fn few_samples_make_few_windows() {
        let mut results = results();
        results.samples.truncate(3);
        assert_eq!(of(&results).len(), 2);
        results.samples.truncate(1);
        assert!(of(&results).is_empty());
        results.samples.clear();
        assert!(of(&results).is_empty());
    }
}
