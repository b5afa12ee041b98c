//! What was measured, as it is kept.

use serde::{Deserialize, Serialize};

/// Everything of one soak; what the table and the chart are made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) setup: Setup,
    pub(super) samples: Vec<Sample>,
    /// How many status patches were sent.
    pub(super) heartbeats: u64,
    pub(super) done: Done,
    /// Each change of an address.
    pub(super) changes_ms: Vec<Change>,
    /// What was done to nodes that should not have been.
    pub(super) wrong: Vec<String>,
    /// Nodes that are not as they should be at the end, and why.
    pub(super) left_wrong: Vec<String>,
    /// In bytes.
    pub(super) peak_rss: u64,
}

/// The circumstances.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) nodes: usize,
    pub(super) minutes: u32,
    pub(super) latency_ms: u64,
    /// The machine's.
    pub(super) cores: usize,
    /// The product's version.
    pub(super) product: String,
    /// The day, in UTC.
    pub(super) date: String,
}

/// One look at the manager; what is counted is counted from the begin of the churn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Seconds since the begin of the churn.
    pub(super) at_s: f64,
    /// Resident memory in bytes.
    pub(super) rss: u64,
    pub(super) cpu_s: f64,
    /// vCenter requests but the pages.
    pub(super) requests: u64,
    /// Long polls and further pages.
    pub(super) pages: u64,
    /// SOAP and REST.
    pub(super) logins: u64,
}

/// How often what was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) addresses: u64,
    pub(super) joins: u64,
    pub(super) leaves: u64,
    pub(super) power_offs: u64,
    pub(super) power_ons: u64,
    /// All sessions ended; no operation.
    pub(super) sessions_ended: u64,
}

/// The change of a guest's address.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Change {
    /// Seconds since the begin of the churn.
    pub(super) at_s: f64,
    /// Milliseconds until the simulator had carried out the order.
    pub(super) order_ms: f64,
    /// Milliseconds from the order until it was on the node; `None`: not in the time that it was waited for.
    pub(super) ms: Option<f64>,
}

impl Done {
    /// All operations.
    pub(super) fn operations(self) -> u64 {
        self.addresses + self.joins + self.leaves + self.power_offs + self.power_ons
    }
}

impl Results {
    /// Milliseconds of all changes that arrived.
    pub(super) fn latencies(&self) -> Vec<f64> {
        self.changes_ms.iter().filter_map(|change| change.ms).collect()
    }

    /// The last look, if there was any.
    pub(super) fn last(&self) -> Option<&Sample> {
        self.samples.last().filter(|sample| sample.at_s > 0.0)
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    use super::*;
    use crate::bench::figures::number;

    /// Ten minutes as they might be: memory grows by 6 MB an hour.
    pub(in crate::bench::soak) fn results() -> Results {
        let samples = (0..=120_u64).map(|at| Sample {
            at_s: number(at) * 5.0,
            rss: 40_000_000 + at * 8_333,
            cpu_s: number(at) * 0.5,
            requests: at * 10,
            pages: at * 20,
            logins: 2 * (at / 12),
        });
        let changes_ms = (0..1200_u64).map(|at| Change {
            at_s: number(at) / 2.0,
            order_ms: 12.0,
            ms: (at != 7).then_some(number(at % 100 + 1)),
        });
        Results {
            setup: Setup {
                nodes: 1000,
                minutes: 10,
                latency_ms: 10,
                cores: 2,
                product: "0.1.0".into(),
                date: "2026-11-21".into(),
            },
            samples: samples.collect(),
            heartbeats: 12_000,
            done: Done {
                addresses: 1200,
                joins: 300,
                leaves: 300,
                power_offs: 300,
                power_ons: 300,
                sessions_ended: 9,
            },
            changes_ms: changes_ms.collect(),
            wrong: Vec::new(),
            left_wrong: vec!["node-001: it is gone".into()],
            peak_rss: 45_000_000,
        }
    }
}
