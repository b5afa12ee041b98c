//! One vCenter that is in use.

use std::sync::Arc;

use super::change::Running;
use super::files::Trust;
use super::keeper::Keeper;
use super::{Options, Unusable, trial};
use crate::config::{Credentials, Vcenter};
use crate::provider::VcenterHandle;
use crate::vsphere::inventory::{Inventory, ZoneOptions};
use crate::vsphere::{Endpoint, Error};

/// What it was started with, and what runs for it. It ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Member {
    vcenter: Vcenter,
    zones: Option<ZoneOptions>,
    trust: Trust,
    pub(super) inventory: Inventory,
    pub(super) keeper: Keeper,
}

impl Member {
    /// Begins to connect.
    pub(super) fn start(
        vcenter: &Vcenter,
        zones: Option<&ZoneOptions>,
        trust: &Trust,
        options: &Options,
    ) -> Result<Self, Unusable> {
        let (sender, feed) = Keeper::channel(vcenter);
        let metrics = options.metrics.vcenters.of(&Endpoint::new(vcenter).to_string());
        let inventory = Inventory::observed(vcenter, zones.cloned(), feed, metrics)
            .map_err(|error| unusable(vcenter, error))?;
        let keeper = Keeper::start(vcenter, sender, inventory.clone(), options);
        Ok(Self { vcenter: vcenter.clone(), zones: zones.cloned(), trust: trust.clone(), inventory, keeper })
    }

    /// Connects, and gives up if that fails.
    pub(super) async fn tried(
        vcenter: &Vcenter,
        zones: Option<&ZoneOptions>,
        trust: &Trust,
        options: &Options,
    ) -> Result<Self, Unusable> {
        let member = Self::start(vcenter, zones, trust, options)?;
        match trial::connected(&member.inventory).await {
            Ok(()) => Ok(member),
            Err(error) => {
                member.inventory.close().await;
                options.metrics.vcenters.retire(&member.inventory.endpoint().to_string());
                Err(unusable(vcenter, error))
            }
        }
    }

    /// The same vCenter as it is configured now; `tried` are credentials that it accepts.
    pub(super) fn reconfigured(
        &self,
        vcenter: &Vcenter,
        trust: &Trust,
        retrust: bool,
        tried: Option<Arc<Credentials>>,
        options: &Options,
    ) -> Result<Self, Unusable> {
        if retrust {
            self.inventory.retrust(&vcenter.tls).map_err(|error| unusable(vcenter, error))?;
        }
        let keeper = if retrust || vcenter.credentials != self.vcenter.credentials {
            self.keeper.succeeded(vcenter, tried, self.inventory.clone(), options)
        } else {
            self.keeper.clone()
        };
        Ok(Self { vcenter: vcenter.clone(), trust: trust.clone(), keeper, ..self.clone() })
    }

    /// Its key in the configuration.
    pub(super) fn id(&self) -> &str {
        &self.vcenter.id
    }

    pub(super) fn running(&self) -> Running<'_> {
        Running { vcenter: &self.vcenter, zones: self.zones.as_ref(), trust: &self.trust }
    }

    /// As the provider uses it.
    pub(super) fn handle(&self) -> VcenterHandle {
        VcenterHandle {
            id: self.vcenter.id.clone(),
            inventory: self.inventory.clone(),
            datacenters: self.vcenter.datacenters.clone(),
            ip_families: self.vcenter.ip_families.clone(),
        }
    }
}

fn unusable(vcenter: &Vcenter, error: Error) -> Unusable {
    Unusable { vcenter: vcenter.id.clone(), error }
}
