//! What was measured, as it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use crate::bench::contestant::Contestant;

/// Everything of one bench; what the table and the chart are made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) setup: Setup,
    pub(super) contestants: BTreeMap<Contestant, Record>,
}

/// The circumstances.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) nodes: usize,
    /// How many nodes join during each fault.
    pub(super) joins: usize,
    pub(super) latency_ms: u64,
    /// For how long recovery is waited for.
    pub(super) give_up_s: u64,
    /// The machine's.
    pub(super) cores: usize,
    /// The product's version.
    pub(super) product: String,
    /// Upstream's version.
    pub(super) upstream: String,
    /// The day, in UTC.
    pub(super) date: String,
}

/// What became of one contestant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) outcomes: BTreeMap<Fault, Outcome>,
    pub(super) end: Option<End>,
    /// Where the testbed failed.
    pub(super) problems: Vec<String>,
}

/// One fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// From its begin to its end.
    pub(super) lasted_s: f64,
    /// From its end, or the last registration if that came later, until all nodes that joined are
    /// initialised; 0 if they were before. `None`: not in the time.
    pub(super) recovered_s: Option<f64>,
    /// The same for a changed address on its node, where that was waited for.
    pub(super) address: Option<Seen>,
    /// Nodes that were deleted though their VM runs.
    pub(super) deleted: Vec<String>,
    /// Nodes that were marked as shut down though their VM runs.
    pub(super) shut_down: Vec<String>,
    /// How often the process ended by itself.
    pub(super) restarts: usize,
    /// SOAP and REST, from the fault's begin to the recovery.
    pub(super) logins: u64,
    /// vCenter requests in that time.
    pub(super) requests: u64,
}

/// `None`: not in the time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) after_s: Option<f64>,
}

/// What SIGTERM left.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) seconds: f64,
    pub(super) sessions_before: usize,
    pub(super) sessions_left: usize,
    /// Sessions of earlier processes, which ended by themselves; in no other number.
    pub(super) left_behind: usize,
}

impl Outcome {
    pub(super) fn wrong_actions(&self) -> usize {
        self.deleted.len() + self.shut_down.len()
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    use super::*;

    /// Figures as they might be.
    pub(in crate::bench::outage) fn results() -> Results {
        let outcome = |recovered_s: Option<f64>| Outcome {
            lasted_s: 20.0,
            recovered_s,
            address: None,
            deleted: Vec::new(),
            shut_down: Vec::new(),
            restarts: 0,
            logins: 1,
            requests: 40,
        };
        let with_address = |after_s| Outcome { address: Some(Seen { after_s }), ..outcome(Some(0.52)) };
        let ours = Record {
            outcomes: [
                (Fault::Sessions, Outcome { recovered_s: Some(0.0), ..with_address(Some(0.31)) }),
                (Fault::Hang, with_address(Some(1.25))),
                (Fault::Empty, with_address(None)),
            ]
            .into(),
            end: Some(End { seconds: 0.2, sessions_before: 2, sessions_left: 0, left_behind: 0 }),
            problems: Vec::new(),
        };
        let wrong = Outcome {
            deleted: vec!["node-01".into()],
            shut_down: vec!["node-02".into(), "node-03".into()],
            restarts: 2,
            ..outcome(Some(61.2))
        };
        let upstream = Record {
            outcomes: [
                (Fault::Sessions, outcome(Some(3.5))),
                (Fault::Hang, outcome(None)),
                (Fault::Empty, wrong),
            ]
            .into(),
            end: Some(End { seconds: 0.1, sessions_before: 2, sessions_left: 2, left_behind: 3 }),
            problems: vec!["the simulator crashed".into()],
        };
        Results {
            setup: Setup {
                nodes: 50,
                joins: 5,
                latency_ms: 10,
                give_up_s: 180,
                cores: 2,
                product: "0.1.0".into(),
                upstream: "v1.36.0".into(),
                date: "2026-11-21".into(),
            },
            contestants: [(Contestant::Ours, ours), (Contestant::Default, upstream)].into(),
        }
    }
}
