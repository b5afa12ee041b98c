//! The truth: two vCenters and their machines.

use std::net::{IpAddr, Ipv4Addr};

use uuid::Uuid;

use super::Time;
use super::spans::Spans;
use crate::cloud::{MachineRecord, ProviderId};

/// How many vCenters there are.
pub(super) const VCENTERS: usize = 2;

/// A vCenter, as it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vcenter {
    /// It answers nothing.
    pub(super) down: bool,
    /// When that changed last.
    pub(super) since: Time,
    /// The account has lost its rights: it sees neither machines nor folders.
    pub(super) blind: bool,
    /// It swears that it has no machine, as after a restore of its database.
    pub(super) empty: bool,
}

/// Where a machine is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) vcenter: usize,
    /// `vm-12`
    pub(super) id: String,
}

/// Whether it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    On,
    Off,
    Suspended,
}

/// A virtual machine.
#[derive(Debug)]
pub(super) struct Machine {
    /// Its name, and its Node's.
    pub(super) name: String,
    number: u32,
    /// `None`: it is in no vCenter.
    pub(super) place: Option<Place>,
    pub(super) run: Run,
    /// Its host is connected.
    pub(super) told: bool,
    /// It was moved to where the account sees nothing.
    pub(super) hidden: bool,
    /// It will not come back.
    pub(super) destroyed: bool,
    /// All places that it ever had.
    pub(super) places: Vec<Place>,
    /// It was in no vCenter.
    pub(super) missing: Spans,
    /// The account could not see it, though its vCenter answered.
    pub(super) unseen: Spans,
    /// It was switched off.
    pub(super) off: Spans,
    /// It was switched off or suspended.
    pub(super) still: Spans,
}

impl Machine {
    /// A machine that runs.
    pub(super) fn new(name: &str, number: u32, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            number,
            places: vec![place.clone()],
            place: Some(place),
            run: Run::On,
            told: true,
            hidden: false,
            destroyed: false,
            missing: Spans::default(),
            unseen: Spans::default(),
            off: Spans::default(),
            still: Spans::default(),
        }
    }

    /// Puts it into a vCenter, or takes it out of all of them.
    pub(super) fn place_at(&mut self, place: Option<Place>) {
        self.places.extend(place.clone());
        self.place = place;
    }

    /// The BIOS uuid. Its two byte orders differ.
    pub(super) fn bios_uuid(&self) -> Uuid {
        Uuid::from_u128(0x4237_0102_0304_0506_0000_0000_0000_0000 | u128::from(self.number))
    }

    pub(super) fn instance_uuid(&self) -> Uuid {
        Uuid::from_u128(0x5037_0102_0304_0506_0000_0000_0000_0000 | u128::from(self.number))
    }

    pub(super) fn provider_id(&self) -> ProviderId {
        ProviderId::new(self.bios_uuid())
    }

    /// Its only address.
    pub(super) fn address(&self) -> IpAddr {
        let [.., high, low] = self.number.to_be_bytes();
        Ipv4Addr::new(10, 1, high, low).into()
    }

    /// Whether its guest does anything.
    pub(super) fn runs(&self) -> bool {
        self.place.is_some() && self.run == Run::On
    }

    /// What is to be remembered of it where it is.
    pub(super) fn record(&self, place: &Place) -> MachineRecord {
        MachineRecord {
            vcenter: vcenter_uuid(place.vcenter),
            vm: place.id.clone(),
            instance_uuid: Some(self.instance_uuid().to_string()),
            folder: Some(format!("group-v{}", place.vcenter)),
        }
    }

    /// Notes what is true now.
    pub(super) fn note(&mut self, vcenters: &[Vcenter; VCENTERS], now: Time) {
        let there = self.place.is_some();
        self.missing.set(!there, now);
        self.unseen.set(!self.is_visible(vcenters), now);
        self.off.set(there && self.run == Run::Off, now);
        self.still.set(there && self.run != Run::On, now);
    }

    /// Whether the account sees it, if its vCenter answers.
    pub(super) fn is_visible(&self, vcenters: &[Vcenter; VCENTERS]) -> bool {
        let Some(place) = &self.place else { return false };
        let vcenter = vcenters[place.vcenter];
        !self.hidden && !vcenter.blind && !vcenter.empty
    }
}

/// `about.instanceUuid`
pub(super) fn vcenter_uuid(vcenter: usize) -> String {
    format!("vc-{vcenter}")
}
