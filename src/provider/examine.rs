//! A machine looked at closely: what the manager would say of it, and what that rests on.

use std::sync::Arc;

use super::instances::VsphereInstances;
use super::{addresses, search};
use crate::cloud::{Instance, InstanceError, NodeIdentity, swap_byte_order};
use crate::vsphere::inventory::{FoundBy, Query, Vm, ZoneFacts};

/// A Node's machine, with the evidence.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What the manager is told.
    pub instance: Instance,
    /// The key of its vCenter in the configuration.
    pub vcenter: String,
    /// What it is made of.
    pub vm: Arc<Vm>,
    /// The best reason to believe that it is this Node's.
    pub found_by: FoundBy,
    /// The tags that tell zone and region, and the objects that have them; absent where none are wanted.
    pub zone: Option<ZoneFacts>,
    /// Addresses of the guest that were not selected, each with the reason.
    pub passed_over: Vec<String>,
}

impl VsphereInstances {
    /// As [`instance`](crate::cloud::Instances::instance) when the first search is over, with the evidence.
    pub async fn examine(&self, node: &NodeIdentity) -> Result<Examined, InstanceError> {
        let instance = self.searched_instance(node).await?;
        let lost = || InstanceError::Unknown(format!("{} is being looked for again", instance.location));
        let machine = self.shared.roster.machine(&node.name).ok_or_else(lost)?;
        let handle = &self.shared.vcenters[machine.vcenter];
        let store = handle.inventory.store();
        let vm = store.vm(&machine.moref).ok_or_else(lost)?;
        let found_by = evidence(&vm, &search::query(node)?);
        let zone = store.zone_of(&vm);
        let passed_over = addresses::passed_over(&vm, &handle.ip_families, &self.shared.nodes);
        Ok(Examined { vcenter: handle.id.clone(), vm, found_by, zone, passed_over, instance })
    }
}

/// The best of what a Node says of itself that is true of the machine it was found to have.
fn evidence(vm: &Vm, query: &Query) -> FoundBy {
    let bios = |uuid| vm.bios_uuid.is_some_and(|bios| bios == uuid || bios == swap_byte_order(uuid));
    if query.provider_uuid.is_some_and(bios) {
        FoundBy::ProviderId
    } else if query.system_uuid.is_some_and(bios) {
        FoundBy::SystemUuid
    } else if vm.instance_uuid.is_some_and(|uuid| query.instance_uuids().any(|known| known == uuid)) {
        FoundBy::InstanceUuid
    } else if vm.host_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&query.dns_name)) {
        FoundBy::DnsName
    } else {
        FoundBy::Ip
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::vm;
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_best_evidence_is_named() {
        let uuid = |last: u128| Uuid::from_u128(0x4237_aaaa_5c1c_0b7d_6f2e_0123_4567_0000 + last);
        let mut machine = vm();
        machine.bios_uuid = Some(uuid(1));
        machine.instance_uuid = Some(uuid(2));
        machine.host_name = Some("NODE-1".to_owned());
        let by = |provider: Option<Uuid>, system: Option<Uuid>, name: &str| {
            let query = Query {
                provider_uuid: provider,
                system_uuid: system,
                dns_name: name.to_owned(),
                ..Query::default()
            };
            evidence(&machine, &query)
        };
        assert_eq!(by(Some(uuid(1)), Some(uuid(1)), ""), FoundBy::ProviderId);
        assert_eq!(by(Some(swap_byte_order(uuid(1))), None, ""), FoundBy::ProviderId);
        assert_eq!(by(None, Some(swap_byte_order(uuid(1))), "node-1"), FoundBy::SystemUuid);
        assert_eq!(by(None, Some(uuid(2)), "node-1"), FoundBy::InstanceUuid);
        assert_eq!(by(None, Some(uuid(9)), "node-1"), FoundBy::DnsName);
        assert_eq!(by(None, None, "other"), FoundBy::Ip);
    }
}
