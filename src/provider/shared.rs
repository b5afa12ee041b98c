//! What the parts of the provider share: the vCenters, and what is known of each Node.

use tokio::sync::{broadcast, mpsc};

use super::desk::Desk;
use super::identify::Machine;
use super::roster::Roster;
use crate::cloud::NodeIdentity;
use crate::config::{IpFamily, Nodes};
use crate::vsphere::inventory::{Inventory, Vm};

/// One vCenter as the provider uses it.
#[derive(Clone, Debug)]
pub struct VcenterHandle {
    /// Its key in the configuration.
    pub id: String,
    /// Its machines.
    pub inventory: Inventory,
    /// `datacenters` of the configuration, for messages.
    pub datacenters: Vec<String>,
    /// The address families wanted of its machines.
    pub ip_families: Vec<IpFamily>,
}

impl VcenterHandle {
    /// `vm-12 (node-1) in vCenter vc.example.org`
    pub(super) fn locate(&self, vm: &Vm) -> String {
        format!("{} ({}) in vCenter {}", vm.moref.id, vm.name, self.inventory.endpoint())
    }
}

/// One generation of the provider: it lives as long as its configuration.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) vcenters: Vec<VcenterHandle>,
    pub(super) roster: Roster,
    pub(super) changes: broadcast::Sender<String>,
    pub(super) nodes: Nodes,
    pub(super) inbox: mpsc::UnboundedSender<Message>,
    /// Whether the machines of Nodes exist, asked of every vCenter.
    pub(super) existence: Desk<NodeIdentity>,
    /// Whether machines run, read now.
    pub(super) afresh: Desk<Machine>,
}

/// What the resolver is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A Node is new, or says something else of itself.
    Look(String),
    /// A Node is gone; this was its machine, and no other Node's.
    Forget(String, Option<Machine>),
}
