//! Where a machine is, for scheduling.

/// Zone and region of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// `topology.kubernetes.io/zone`
    pub zone: Option<String>,
    /// `topology.kubernetes.io/region`
    pub region: Option<String>,
    /// Why one of them is missing although it is configured; for the Event on the Node.
    pub problem: Option<String>,
}
