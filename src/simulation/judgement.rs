//! What can be known of a machine from outside: the contract of [`cloud::Instances`](crate::cloud::Instances)
//! over the truth.

use super::Time;
use super::machines::{Machine, Place, Run, VCENTERS, Vcenter, vcenter_uuid};
use crate::cloud::{
    Address, AddressKind, Addresses, Candidate, Existence, Instance, InstanceError, MachineRecord, Mismatch,
    NodeIdentity, Power, Proof, ProviderId, Zone, parse_uuid, swap_byte_order,
};
use uuid::Uuid;

/// What the account sees at one moment.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) machines: &'a [Machine],
    pub(super) vcenters: &'a [Vcenter; VCENTERS],
    pub(super) now: Time,
}

impl<'a> View<'a> {
    /// The machine of a Node, and what is said of it.
    pub(super) fn find(self, node: &NodeIdentity) -> (Option<usize>, Result<Instance, InstanceError>) {
        let provider = node.provider_id.as_deref().and_then(|id| ProviderId::parse(id).ok());
        let by_provider = self.with(provider.map(ProviderId::uuid));
        let by_system = self.with(system_uuid(node));
        match (by_provider, by_system) {
            (Some(a), Some(b)) if a != b => {
                let (by_provider_id, by_system_uuid) = (self.candidate(a), self.candidate(b));
                let mismatch = Mismatch { by_provider_id, by_system_uuid };
                (None, Err(InstanceError::Mismatch(Box::new(mismatch))))
            }
            (Some(found), _) | (None, Some(found)) => (Some(found), Ok(self.instance(found))),
            (None, None) if self.is_complete() => {
                (None, Err(InstanceError::NotFound("no VM has its uuid".to_owned())))
            }
            (None, None) => (None, Err(InstanceError::Unknown("a vCenter is away".to_owned()))),
        }
    }

    /// Whether the machine of a Node exists.
    pub(super) fn judge(self, node: &NodeIdentity) -> Existence {
        let record = node.record.as_deref();
        let provider = node.provider_id.as_deref().and_then(|id| ProviderId::parse(id).ok());
        let provider = provider.map(ProviderId::uuid);
        let instance = record.and_then(|record| parse_uuid(record.instance_uuid.as_deref()?));
        let is_it = |machine: &Machine| {
            provider.is_some_and(|uuid| is(machine, uuid))
                || instance == Some(machine.instance_uuid())
                || record.is_some_and(|record| is_at(machine, record))
        };
        let found = self.visible().find(|(_, machine)| is_it(machine));
        let by_system = self.with(system_uuid(node));
        if let Some((_, machine)) = found {
            return Existence::Exists(power(machine.run, machine.told, machine.off.since(), self.now));
        }
        if let Some(other) = by_system.filter(|_| provider.is_none()) {
            let machine = &self.machines[other];
            return Existence::Exists(power(machine.run, machine.told, machine.off.since(), self.now));
        }
        if !self.is_complete() {
            return Existence::Unknown("a vCenter is away".to_owned());
        }
        if let Some(other) = by_system {
            return Existence::Replaced(self.candidate(other).location);
        }
        if provider.is_none() && node.system_uuid.is_none() {
            return Existence::Unknown("nothing to look for".to_owned());
        }
        let evidence = "no VM has its uuid".to_owned();
        if record.is_some_and(|record| self.is_proved_gone(record)) {
            Existence::Gone(Proof::Object { evidence })
        } else {
            Existence::Gone(Proof::Absence { evidence })
        }
    }

    /// Whether vCenter swears that the recorded object does not exist, and the folder can be read.
    fn is_proved_gone(self, record: &MachineRecord) -> bool {
        let Some(at) = (0..VCENTERS).find(|index| vcenter_uuid(*index) == record.vcenter) else {
            return false;
        };
        let still_there = self.machines.iter().any(|machine| is_at(machine, record));
        let Vcenter { blind, empty, .. } = self.vcenters[at];
        record.folder.is_some() && !blind && (empty || !still_there)
    }

    fn is_complete(self) -> bool {
        self.vcenters.iter().all(|vcenter| !vcenter.down)
    }

    fn visible(self) -> impl Iterator<Item = (usize, &'a Machine)> {
        self.machines.iter().enumerate().filter(move |(_, machine)| {
            let up = machine.place.as_ref().is_some_and(|place| !self.vcenters[place.vcenter].down);
            up && machine.is_visible(self.vcenters)
        })
    }

    fn with(self, uuid: Option<Uuid>) -> Option<usize> {
        let uuid = uuid?;
        self.visible().find(|(_, machine)| is(machine, uuid)).map(|(index, _)| index)
    }

    fn candidate(self, machine: usize) -> Candidate {
        Candidate {
            location: self.machines[machine].name.clone(),
            found_by: "BIOS uuid",
            ..Candidate::default()
        }
    }

    /// What is said of a machine that is seen.
    pub(super) fn instance(self, machine: usize) -> Instance {
        let machine = &self.machines[machine];
        let ip = machine.address();
        Instance {
            provider_id: machine.provider_id(),
            instance_type: "vsphere-vm.cpu-2.mem-4gb.os-other".to_owned(),
            host_name: Some(machine.name.clone()),
            addresses: Addresses {
                selected: vec![Address { kind: AddressKind::Internal, ip }],
                problem: None,
                reported: vec![ip],
            },
            zone: Zone::default(),
            record: machine.place.as_ref().map(|place| machine.record(place)),
            location: machine.name.clone(),
        }
    }
}

/// What is said of a machine's power.
pub(super) fn power(run: Run, told: bool, off_since: Option<Time>, now: Time) -> Power {
    match run {
        _ if !told => Power::Unknown,
        Run::On => Power::On,
        Run::Suspended => Power::Suspended,
        Run::Off => Power::Off(off_since.map(|since| now.saturating_sub(since)).unwrap_or_default()),
    }
}

fn system_uuid(node: &NodeIdentity) -> Option<Uuid> {
    parse_uuid(node.system_uuid.as_deref()?)
}

fn is(machine: &Machine, uuid: Uuid) -> bool {
    machine.bios_uuid() == uuid || swap_byte_order(machine.bios_uuid()) == uuid
}

fn is_at(machine: &Machine, record: &MachineRecord) -> bool {
    let at = |place: &Place| vcenter_uuid(place.vcenter) == record.vcenter && place.id == record.vm;
    machine.place.as_ref().is_some_and(at)
}
