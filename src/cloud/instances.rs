//! The Instances interface: which machine is this Node, and what is known of it.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use futures::stream::BoxStream;

use super::{Existence, MachineRecord, ProviderId, Zone};

/// What a Node says of itself, and all that is needed to find its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeIdentity {
    /// `metadata.name`.
    pub name: String,
    /// `spec.providerID`, as written; empty counts as absent.
    pub provider_id: Option<String>,
    /// `status.nodeInfo.systemUUID`, as written; in either byte order.
    pub system_uuid: Option<String>,
    /// The addresses the kubelet was started with (`alpha.kubernetes.io/provided-node-ip`), in order.
    pub provided_ips: Vec<IpAddr>,
    /// The machine that it was found to have before, by anybody; it tells machines apart that are else the same.
    pub record: Option<Arc<MachineRecord>>,
}

impl NodeIdentity {
    /// Whether both say the same, but for what is remembered.
    pub fn same_but_record(&self, other: &Self) -> bool {
        let Self { name, provider_id, system_uuid, provided_ips, record: _ } = self;
        (name, provider_id, system_uuid, provided_ips)
            == (&other.name, &other.provider_id, &other.system_uuid, &other.provided_ips)
    }
}

/// A machine that a Node runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What belongs into `spec.providerID`.
    pub provider_id: ProviderId,
    /// `node.kubernetes.io/instance-type`, as in `vsphere-vm.cpu-2.mem-4gb.os-ubuntu`.
    pub instance_type: String,
    /// The guest's own host name, exactly as the guest spells it; absent without guest tools.
    pub host_name: Option<String>,
    /// The addresses that the configuration selects among those the guest reports.
    pub addresses: Addresses,
    /// Zone and region; empty where none are configured.
    pub zone: Zone,
    /// What must be remembered of it to prove its end one day; absent while it cannot be told.
    pub record: Option<MachineRecord>,
    /// Where the machine is, for messages: `vm-12 (node-1) in vCenter vc.example.org`.
    pub location: String,
}

/// Outcome of address selection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Internal and external addresses in the order they are to be written, without the host name.
    pub selected: Vec<Address>,
    /// Why there is no address, why one of several families has none, or what else is wrong with
    /// what the guest reports; for the Event on the Node.
    ///
    /// It names every address seen and the reason each was passed over.
    pub problem: Option<String>,
    /// Every usable address that the guest reports, whether selected or not.
    pub reported: Vec<IpAddr>,
}

/// One entry of `status.addresses`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Internal or external.
    pub kind: AddressKind,
    /// The address itself.
    pub ip: IpAddr,
}

/// The type of an address, as Kubernetes names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressKind {
    /// `InternalIP`
    Internal,
    /// `ExternalIP`
    External,
}

impl AddressKind {
    /// The value of `type` in `status.addresses`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "InternalIP",
            Self::External => "ExternalIP",
        }
    }
}

/// One of several machines that a Node could be.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Where it is: `vm-12 (node-1) in vCenter vc.example.org`.
    pub location: String,
    /// By what it was found: `BIOS uuid`, `instance uuid`, `DNS name`, `IP address`.
    pub found_by: &'static str,
    /// What else speaks for it: `the kubelet's --node-ip`.
    pub also_by: Vec<&'static str>,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.location, self.found_by)?;
        self.also_by.iter().try_for_each(|also| write!(f, " and {also}"))
    }
}

/// Why there is no answer to "which machine is this Node".
///
/// None of these says that the machine does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceError {
    /// Every vCenter answered and none has such a machine (yet): it may appear later.
    #[error("{0}")]
    NotFound(String),
    /// Several machines match and nothing tells which is meant: refused, never guessed.
    #[error("{}: {}", match_count(.0.len()), join(.0))]
    Ambiguous(Vec<Candidate>),
    /// `spec.providerID` and `systemUUID` name two different machines.
    #[error("providerID names {}, but systemUUID names {}", .0.by_provider_id, .0.by_system_uuid)]
    Mismatch(Box<Mismatch>),
    /// The Node belongs to another cloud, or its providerID is unreadable: hands off.
    #[error("{0}")]
    NotOurs(String),
    /// It could not be seen now: a vCenter is down, refuses the login, or did not answer in time.
    #[error("{0}")]
    Unknown(String),
}

/// The two machines of a Node that is torn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The machine that the providerID names.
    pub by_provider_id: Candidate,
    /// The machine that the systemUUID names.
    pub by_system_uuid: Candidate,
}

fn match_count(number: usize) -> String {
    if number == 1 { "1 machine matches".to_owned() } else { format!("{number} machines match") }
}

fn join(candidates: &[Candidate]) -> String {
    let texts: Vec<String> = candidates.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Finds the machines of Nodes and tells when something about them changes.
///
/// An implementation batches: a thousand callers that ask at once cost a few requests, and a
/// second question about a known Node costs none.
pub trait Instances: Send + Sync + 'static {
    /// The machine of this Node, as far as it is known; `None` while it is being looked for.
    ///
    /// It never waits. The first call for an identity begins the search, in the next batch; when there
    /// is an answer, and whenever it may be another one, [`changes`](Self::changes) names the Node.
    /// An error is an answer too. Callers do not poll: the implementation looks again by itself for as
    /// long as the Node is not [forgotten](Self::forget).
    fn instance(&self, node: &NodeIdentity) -> Option<Result<Instance, InstanceError>>;

    /// Whether the machine of this Node still exists, in any of the vCenters, configured datacenter
    /// or not.
    ///
    /// A machine that is being watched, without an interruption since it was last read, is answered
    /// from memory; for any other every vCenter is asked, many Nodes at once.
    fn existence(&self, node: &NodeIdentity) -> impl Future<Output = Existence> + Send;

    /// The same, with a machine that is being watched looked at now: what is in memory may be some
    /// seconds old. For whoever is about to do what must not be done to a machine that runs.
    ///
    /// An implementation that remembers nothing need not tell the two apart.
    fn existence_now(&self, node: &NodeIdentity) -> impl Future<Output = Existence> + Send {
        self.existence(node)
    }

    /// Names of Nodes for which there is an answer, or another one than before.
    ///
    /// Each subscriber gets every name; a slow one may get a name once for several changes.
    fn changes(&self) -> BoxStream<'static, String>;

    /// The Node is gone: its machine need not be watched any longer.
    fn forget(&self, node_name: &str);
}
