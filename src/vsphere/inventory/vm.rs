//! The slim picture of one virtual machine.

use uuid::Uuid;

use crate::vsphere::MoRef;

/// One virtual machine, as much of it as Kubernetes needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// Its reference in this vCenter.
    pub moref: MoRef,
    /// Its inventory name (`name`).
    pub name: String,
    /// `config.uuid`; absent while a clone is being made.
    pub bios_uuid: Option<Uuid>,
    /// `config.instanceUuid`: unique within one vCenter.
    pub instance_uuid: Option<Uuid>,
    /// `summary.config.guestId`, as in `ubuntu64Guest`.
    pub guest_id: Option<String>,
    /// `summary.config.numCpu`
    pub num_cpu: Option<i32>,
    /// `summary.config.memorySizeMB`, in MiB.
    pub memory_mb: Option<i32>,
    /// `guest.hostName`: absent or empty without VMware Tools.
    pub host_name: Option<String>,
    /// `guest.net` in vCenter's order.
    pub nics: Vec<GuestNic>,
    /// `config.extraConfig["guestinfo.metadata"]`
    pub metadata: Option<String>,
    /// `config.extraConfig["guestinfo.metadata.encoding"]`
    pub metadata_encoding: Option<String>,
    /// `runtime.powerState`
    pub power_state: PowerState,
    /// `runtime.connectionState`
    pub connection_state: ConnectionState,
    /// `runtime.host`
    pub host: Option<MoRef>,
    /// `resourcePool`; templates have none.
    pub resource_pool: Option<MoRef>,
    /// `parent`: the folder; absent for a VM directly in a vApp.
    pub parent: Option<MoRef>,
}

/// One entry of `guest.net` (vSphere `GuestNicInfo`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestNic {
    /// The name of the port group it is connected to.
    pub network: Option<String>,
    /// The key of the virtual device it belongs to; −1 for interfaces that only the guest knows
    /// (bridges, tunnels, container interfaces).
    pub device_config_id: i32,
    /// Its addresses, as the guest reports them.
    pub addresses: Vec<String>,
}

/// vSphere `VirtualMachinePowerState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PowerState {
    /// `poweredOn`
    On,
    /// `poweredOff`
    Off,
    /// `suspended`
    Suspended,
    /// Not told, or a value this version does not know.
    #[default]
    Unknown,
}

/// vSphere `VirtualMachineConnectionState`: whether vCenter's other facts about the VM are current.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionState {
    /// `connected`: the facts are current.
    Connected,
    /// `disconnected`, `inaccessible`, `invalid` or `orphaned`: the facts are history.
    Stale,
    /// Not told, or a value this version does not know.
    #[default]
    Unknown,
}
