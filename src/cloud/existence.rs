//! Whether the machine of a Node still exists: three values, and what each rests on.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What must be remembered of a machine so that its end can be proved later, even by another
/// process: kept on the Node, in the annotation [`MACHINE_ANNOTATION`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineRecord {
    /// `about.instanceUuid` of its vCenter.
    pub vcenter: String,
    /// Its id there, as in `vm-12`.
    pub vm: String,
    /// `config.instanceUuid`, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_uuid: Option<String>,
    /// The id of the folder it was in last, as in `group-v3`; absent for a VM in a vApp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// Where a [`MachineRecord`] is kept, as JSON.
pub const MACHINE_ANNOTATION: &str = "vsphere-cloud.io/machine";

/// Whether a Node's machine exists.
///
/// "I could not see it" is never "it is gone": whatever is not proved is `Unknown`, and nothing is
/// destroyed for `Unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It exists.
    Exists(Power),
    /// It does not.
    Gone(Proof),
    /// The machine that the providerID names is gone, but the Node's systemUUID is that of another
    /// one, here: the Node was moved or rebuilt, and somebody has to say which it is.
    Replaced(String),
    /// Nobody can tell now, for this reason.
    Unknown(String),
}

/// Whether a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Power {
    /// It runs.
    On,
    /// It is switched off, and its host says so now; it has been seen so for at least this long.
    Off(Duration),
    /// It is suspended, and its host says so now.
    Suspended,
    /// Its host is not connected: what it said last is history.
    Unknown,
}

/// On what "gone" rests. Every configured vCenter has answered for each of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The recorded object does not exist any longer, no machine has one of its uuids, and the
    /// folder it was in is readable in the same session (so rights were not lost).
    Object {
        /// What was looked at, for the log and the Event.
        evidence: String,
    },
    /// There is no record of the machine; no machine has one of its uuids.
    ///
    /// Missing rights look the same, so this must be seen several times over some minutes.
    Absence {
        /// What was looked at, for the log and the Event.
        evidence: String,
    },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object { evidence } | Self::Absence { evidence } => f.write_str(evidence),
        }
    }
}
