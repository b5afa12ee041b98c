//! What was measured, as it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bench::contestant::Contestant;
use crate::bench::counters::Counted;
use crate::bench::figures::number;
use crate::bench::stats::{max, median};

/// Everything of one bench; what the table and the chart are made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) setup: Setup,
    pub(super) contestants: BTreeMap<Contestant, Measured>,
}

/// The circumstances.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) nodes: usize,
    pub(super) latency_ms: u64,
    pub(super) runs: usize,
    pub(super) status_bytes: usize,
    /// The machine's.
    pub(super) cores: usize,
    /// The product's version.
    pub(super) product: String,
    /// Upstream's version.
    pub(super) upstream: String,
    /// The day, in UTC.
    pub(super) date: String,
}

/// One contestant's figures.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) runs: Vec<Run>,
    /// From here on: the last run only.
    pub(super) joins_ms: Vec<f64>,
    pub(super) steady: Option<Steady>,
    pub(super) changes_ms: Vec<f64>,
    pub(super) slow_change: Option<SlowChange>,
    /// Peak memory at the very end.
    pub(super) final_peak_rss: Option<u64>,
    /// What went wrong.
    pub(super) problems: Vec<String>,
}

/// One start, from the process's begin to the last node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) last_s: f64,
    pub(super) p50_s: f64,
    pub(super) requests: Counted,
    /// In bytes, when all had come to rest.
    pub(super) peak_rss: u64,
    pub(super) cpu_s: f64,
}

/// All nodes are ready and nothing happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Steady {
    pub(super) seconds: f64,
    pub(super) requests: Counted,
    pub(super) cpu_s: f64,
}

/// A single change of an address, waited for as long as it takes or nearly so.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SlowChange {
    /// `None`: not within the bound.
    pub(super) seen_after_s: Option<f64>,
    pub(super) bound_s: f64,
}

impl Results {
    pub(super) fn of(&self, contestant: Contestant) -> Option<&Measured> {
        self.contestants.get(&contestant)
    }

    /// The median over the runs of a contestant.
    pub(super) fn median(&self, contestant: Contestant, value: impl Fn(&Run) -> f64) -> Option<f64> {
        self.of(contestant)?.median(value)
    }
}

impl Measured {
    pub(super) fn median(&self, value: impl Fn(&Run) -> f64) -> Option<f64> {
        median(&self.runs.iter().map(value).collect::<Vec<_>>())
    }

    /// The most memory in any run, and at the end of the last one.
    pub(super) fn peak_rss(&self) -> Option<f64> {
        let all = self.runs.iter().map(|run| run.peak_rss).chain(self.final_peak_rss);
        max(&all.map(number).collect::<Vec<_>>())
    }
}

impl Steady {
    /// Requests besides the long poll.
    pub(super) fn per_minute(&self) -> f64 {
        number(self.requests.besides_pages) * 60.0 / self.seconds
    }
}

/// A problem in one line: its first, and what a Go program said when it died.
pub(super) fn gist(problem: &str) -> String {
    let first = problem.lines().next().unwrap_or_default();
    let first = first.strip_suffix("; the end of its log:").unwrap_or(first);
    let mut said = problem.lines().map(|line| line.trim_start_matches([' ', '|']));
    let last_words = said.find(|line| line.starts_with("fatal error:") || line.starts_with("panic:"));
    last_words.map_or_else(|| first.to_owned(), |words| format!("{first}: {words}"))
}

#[cfg(test)]
pub(super) mod fixtures {
    use super::*;

    /// Figures as they might be.
    pub(in crate::bench::nodes) fn results() -> Results {
        let run = |last_s: f64, besides_pages: u64, logins: (u64, u64), megabytes: u64| Run {
            last_s,
            p50_s: last_s / 2.0,
            requests: Counted {
                besides_pages,
                pages: 12,
                soap_logins: logins.0,
                rest_logins: logins.1,
                by_method: BTreeMap::new(),
            },
            peak_rss: megabytes << 20,
            cpu_s: last_s / 3.0,
        };
        let steady = |seconds: f64, requests: &Run| Steady {
            seconds,
            requests: requests.requests.clone(),
            cpu_s: 0.1,
        };
        let ours = Measured {
            runs: [6.5, 6.0, 7.0].map(|last| run(last, 15, (1, 1), 34)).to_vec(),
            joins_ms: vec![40.0, 41.0, 55.0],
            steady: Some(steady(60.0, &run(1.0, 1, (0, 0), 0))),
            changes_ms: (1..=100).map(f64::from).collect(),
            final_peak_rss: Some(36 << 20),
            ..Measured::default()
        };
        let upstream = |last: f64| Measured {
            runs: vec![run(last, 26_800, (1, 1000), 190)],
            joins_ms: vec![300.0, 308.0],
            steady: Some(steady(300.0, &run(1.0, 26_000, (0, 0), 0))),
            slow_change: Some(SlowChange { seen_after_s: None, bound_s: 300.0 }),
            ..Measured::default()
        };
        let floor = Measured { runs: vec![run(5.2, 0, (0, 0), 20)], ..Measured::default() };
        Results {
            setup: Setup {
                nodes: 1000,
                latency_ms: 10,
                runs: 3,
                status_bytes: 15_000,
                cores: 2,
                product: "0.1.0".into(),
                upstream: "v1.36.0".into(),
                date: "2026-11-21".into(),
            },
            contestants: [
                (Contestant::Ours, ours),
                (Contestant::Tuned, upstream(34.0)),
                (Contestant::Default, upstream(246.0)),
                (Contestant::Floor, floor),
            ]
            .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::publish;

    #[test]
    fn a_problem_is_told_with_the_last_words_of_a_crash() {
        let ended = "manager ended unexpectedly (exit status: 2)";
        let crashed = format!(
            "{ended}; the end of its log:\n  | I1121 x\n  | fatal error: concurrent map writes\n  | "
        );
        assert_eq!(gist(&crashed), format!("{ended}: fatal error: concurrent map writes"));
        assert_eq!(gist(&format!("{ended}; the end of its log:\n  | nothing")), ended);
        assert_eq!(gist("not within 60 s"), "not within 60 s");
    }

    #[test]
    fn results_survive_their_file() {
        let run = crate::testbed::RunDir::new().unwrap();
        let path = run.path().join("results.json");
        let results = fixtures::results();
        publish::write(&results, &path).unwrap();
        let read: Results = publish::read(&path).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(&results).unwrap());
        assert!(
            results.median(Contestant::Ours, |run| run.last_s).is_some_and(|last| (last - 6.5).abs() < 1e-9)
        );
        assert!(results.of(Contestant::Ours).unwrap().peak_rss().is_some_and(|peak| peak > 35e6));
        assert!(results.of(Contestant::Ours).unwrap().steady.as_ref().unwrap().per_minute() < 1.01);
    }
}
