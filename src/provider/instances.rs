//! [`Instances`] on vSphere.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::{broadcast, mpsc};

use super::desk::Desk;
use super::identify::Machine;
use super::roster::{Roster, State};
use super::shared::{Message, Shared, VcenterHandle};
use super::{addresses, afresh, existence, instance_type, resolver, search, zone};
use crate::cloud::{
    Existence, Instance, InstanceError, Instances, MachineRecord, NodeIdentity, ProviderId, swap_byte_order,
};
use crate::config::Nodes;
use crate::vsphere::inventory::Vm;
use uuid::Uuid;

/// Changes that a slow reader may lag behind before it gets every Node's name instead.
const CHANGES_KEPT: usize = 4096;

/// The machines of all configured vCenters.
#[derive(Clone, Debug)]
pub struct VsphereInstances {
    pub(super) shared: Arc<Shared>,
}

impl VsphereInstances {
    /// Starts looking after Nodes; `nodes` tells which addresses are meant.
    pub fn start(vcenters: Vec<VcenterHandle>, nodes: Nodes) -> Self {
        let (inbox, messages) = mpsc::unbounded_channel();
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let roster = Roster::default();
        let (existence, about_nodes) = Desk::open();
        let (afresh, about_machines) = Desk::open();
        let shared = Arc::new(Shared { vcenters, roster, changes, nodes, inbox, existence, afresh });
        tokio::spawn(about_nodes.serve(Arc::downgrade(&shared), existence::answer));
        tokio::spawn(about_machines.serve(Arc::downgrade(&shared), afresh::answer));
        resolver::start(&shared, messages);
        Self { shared }
    }

    /// The same for another configuration: Nodes whose machines are in a vCenter that stays keep
    /// them, the others are looked for anew.
    pub(super) fn followed_by(&self, vcenters: Vec<VcenterHandle>, nodes: Nodes) -> Self {
        let next = Self::start(vcenters, nodes);
        let place = |machine: Machine| {
            let here = &self.shared.vcenters[machine.vcenter].inventory;
            let vcenter = next.shared.vcenters.iter().position(|other| other.inventory.is(here))?;
            Some(Machine { vcenter, ..machine })
        };
        for (identity, machine) in self.shared.roster.entries() {
            let name = identity.name.clone();
            let machine = machine.and_then(place);
            let known = machine.is_some();
            next.shared.roster.adopt(identity, machine);
            if !known {
                let _ = next.shared.inbox.send(Message::Look(name));
            }
        }
        next
    }

    /// As [`instance`](Instances::instance), when the first search is over.
    pub(super) async fn searched_instance(&self, node: &NodeIdentity) -> Result<Instance, InstanceError> {
        loop {
            if let Some(answer) = self.instance(node) {
                return answer;
            }
            self.shared.roster.searched(&node.name).await;
        }
    }

    /// The Nodes that were asked for.
    pub(super) fn names(&self) -> Vec<String> {
        self.shared.roster.names()
    }

    /// Whether everything that the Node says of itself is true of this machine.
    fn fits(&self, machine: &Machine, node: &NodeIdentity) -> bool {
        let store = self.shared.vcenters[machine.vcenter].inventory.store();
        let (Some(vm), Ok(query)) = (store.vm(&machine.moref), search::query(node)) else { return false };
        let is_its = |uuid: Uuid| {
            vm.bios_uuid.is_some_and(|bios| bios == uuid || bios == swap_byte_order(uuid))
                || vm.instance_uuid == Some(uuid)
        };
        query.provider_uuid.is_none_or(is_its) && query.system_uuid.is_none_or(is_its)
    }

    /// The machine that the Node has, if it can be seen.
    fn known_machine(&self, node: &NodeIdentity) -> Option<Machine> {
        self.shared.roster.machine(&node.name).filter(|machine| self.fits(machine, node))
    }

    fn instance_of(&self, machine: &Machine) -> Result<Instance, InstanceError> {
        let vcenter = &self.shared.vcenters[machine.vcenter];
        let vm = vcenter.inventory.store().vm(&machine.moref).ok_or_else(|| {
            InstanceError::Unknown(format!(
                "{} is not visible in vCenter {} any longer; looking for it again",
                machine.moref.id,
                vcenter.inventory.endpoint()
            ))
        })?;
        let location = vcenter.locate(&vm);
        let bios_uuid = vm.bios_uuid.ok_or_else(|| {
            InstanceError::NotFound(format!(
                "{location} has no BIOS uuid (config.uuid) yet; waiting for vCenter to assign it"
            ))
        })?;
        Ok(Instance {
            provider_id: ProviderId::new(bios_uuid),
            instance_type: instance_type::instance_type(&vm),
            host_name: vm.host_name.clone(),
            addresses: addresses::select(&vm, &vcenter.ip_families, &self.shared.nodes),
            zone: zone::zone(vcenter.inventory.store().zone_of(&vm)),
            record: record(vcenter, &vm),
            location,
        })
    }
}

impl Instances for VsphereInstances {
    fn instance(&self, node: &NodeIdentity) -> Option<Result<Instance, InstanceError>> {
        let fits = |machine: &Machine, node: &NodeIdentity| self.fits(machine, node);
        let (state, search) = self.shared.roster.look(node, fits);
        if search {
            // The resolver ends with the process only.
            let _ = self.shared.inbox.send(Message::Look(node.name.clone()));
        }
        match state {
            State::Bound(machine) => Some(self.instance_of(&machine)),
            State::Failed(error) => Some(Err(error)),
            State::Looking => None,
        }
    }

    async fn existence(&self, node: &NodeIdentity) -> Existence {
        if let Some(machine) = self.known_machine(node)
            && let Some(existence) =
                existence::watched(&self.shared.vcenters[machine.vcenter], &machine.moref)
        {
            return existence;
        }
        self.shared.existence.ask(node.clone()).await
    }

    async fn existence_now(&self, node: &NodeIdentity) -> Existence {
        match self.known_machine(node) {
            Some(machine) => self.shared.afresh.ask(machine).await,
            None => self.shared.existence.ask(node.clone()).await,
        }
    }

    fn changes(&self) -> BoxStream<'static, String> {
        let receiver = self.shared.changes.subscribe();
        let shared = self.shared.clone();
        stream::unfold(
            (receiver, VecDeque::new(), shared),
            |(mut receiver, mut backlog, shared)| async move {
                if backlog.is_empty() {
                    match receiver.recv().await {
                        Ok(name) => backlog.push_back(name),
                        // Too slow for single names: everything may have changed.
                        Err(broadcast::error::RecvError::Lagged(_)) => backlog.extend(shared.roster.names()),
                        Err(broadcast::error::RecvError::Closed) => return None,
                    }
                }
                let next = backlog.pop_front();
                Some((next, (receiver, backlog, shared)))
            },
        )
        .filter_map(std::future::ready)
        .boxed()
    }

    fn forget(&self, node_name: &str) {
        // Here and now: another Node of the same name may come any moment, which is looked for anew.
        let machine = self.shared.roster.remove(node_name);
        let _ = self.shared.inbox.send(Message::Forget(node_name.to_owned(), machine));
    }
}

/// What must be remembered of a machine.
fn record(vcenter: &VcenterHandle, vm: &Vm) -> Option<MachineRecord> {
    Some(MachineRecord {
        vcenter: vcenter.inventory.store().vcenter_uuid()?.to_string(),
        vm: vm.moref.id.to_string(),
        instance_uuid: vm.instance_uuid.map(|uuid| uuid.to_string()),
        folder: vm.parent.as_ref().map(|folder| folder.id.to_string()),
    })
}
