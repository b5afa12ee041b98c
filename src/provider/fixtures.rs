//! Machines for this module's tests.

use crate::vsphere::MoRef;
use crate::vsphere::inventory::{ConnectionState, GuestNic, PowerState, Vm};

/// A running machine of which nothing optional is known.
pub(super) fn vm() -> Vm {
    Vm {
        moref: MoRef::new("VirtualMachine", "vm-12"),
        name: "node-1".to_owned(),
        bios_uuid: None,
        instance_uuid: None,
        guest_id: None,
        num_cpu: None,
        memory_mb: None,
        host_name: None,
        nics: Vec::new(),
        metadata: None,
        metadata_encoding: None,
        power_state: PowerState::On,
        connection_state: ConnectionState::Connected,
        off_since: None,
        host: None,
        resource_pool: None,
        parent: None,
    }
}

/// A virtual NIC on this network with these addresses.
pub(super) fn nic(network: &str, addresses: &[&str]) -> GuestNic {
    GuestNic {
        network: Some(network.to_owned()),
        device_config_id: 4000,
        addresses: addresses.iter().map(ToString::to_string).collect(),
    }
}
