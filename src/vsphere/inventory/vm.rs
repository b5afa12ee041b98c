//! The slim picture of one virtual machine, and the properties it is made of.

use tokio::time::Instant;
use uuid::Uuid;

use crate::vsphere::MoRef;
use crate::vsphere::soap::Value;
use crate::vsphere::types::{ObjectContent, PropertySpec};

/// What is read and watched of each machine of this cluster.
///
/// Leaf paths: a change of one costs only that one. (A real vCenter also reports a coarser change
/// to a filter on a leaf.)
pub(super) const VM_PROPERTIES: &[PropertySpec] = &[PropertySpec {
    kind: "VirtualMachine",
    paths: &[
        "name",
        "parent",
        "resourcePool",
        "config.uuid",
        "config.instanceUuid",
        METADATA,
        METADATA_ENCODING,
        "summary.config.guestId",
        "summary.config.numCpu",
        "summary.config.memorySizeMB",
        "guest.hostName",
        "guest.net",
        "runtime.connectionState",
        "runtime.host",
        "runtime.powerState",
    ],
}];

const METADATA: &str = "config.extraConfig[\"guestinfo.metadata\"]";
const METADATA_ENCODING: &str = "config.extraConfig[\"guestinfo.metadata.encoding\"]";

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
    /// Since when we know that it is switched off, said by a host that is connected; absent while it is not.
    pub off_since: Option<Instant>,
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

impl Vm {
    /// A machine of which nothing is known yet.
    pub fn new(moref: MoRef) -> Self {
        Self {
            moref,
            name: String::new(),
            bios_uuid: None,
            instance_uuid: None,
            guest_id: None,
            num_cpu: None,
            memory_mb: None,
            host_name: None,
            nics: Vec::new(),
            metadata: None,
            metadata_encoding: None,
            power_state: PowerState::Unknown,
            connection_state: ConnectionState::Unknown,
            off_since: None,
            host: None,
            resource_pool: None,
            parent: None,
        }
    }

    /// A machine as it was read with [`VM_PROPERTIES`].
    pub(super) fn read(content: ObjectContent) -> Self {
        let mut this = Self::new(content.object);
        for (path, value) in &content.properties {
            this.apply(path, Some(value));
        }
        this
    }

    /// Takes over the new value of one property; `None` means that it is unset.
    ///
    /// A value that makes no sense counts as unset: one odd field must not hide the machine.
    pub(super) fn apply(&mut self, path: &str, value: Option<&Value>) {
        let text = || value.and_then(Value::as_text).map(str::to_owned);
        let moref = || value.and_then(Value::as_moref);
        match path {
            "name" => self.name = text().unwrap_or_default(),
            "parent" => self.parent = moref(),
            "resourcePool" => self.resource_pool = moref(),
            "config.uuid" => self.bios_uuid = value.and_then(uuid),
            "config.instanceUuid" => self.instance_uuid = value.and_then(uuid),
            METADATA => self.metadata = value.and_then(option_value),
            METADATA_ENCODING => self.metadata_encoding = value.and_then(option_value),
            "summary.config.guestId" => self.guest_id = text(),
            "summary.config.numCpu" => self.num_cpu = value.and_then(Value::parse),
            "summary.config.memorySizeMB" => self.memory_mb = value.and_then(Value::parse),
            "guest.hostName" => self.host_name = text(),
            "guest.net" => self.nics = value.map(nics).unwrap_or_default(),
            "runtime.connectionState" => {
                self.connection_state = match value.and_then(Value::as_text) {
                    Some("connected") => ConnectionState::Connected,
                    Some("disconnected" | "inaccessible" | "invalid" | "orphaned") => ConnectionState::Stale,
                    _ => ConnectionState::Unknown,
                };
                self.time_power();
            }
            "runtime.host" => self.host = moref(),
            "runtime.powerState" => {
                self.power_state = match value.and_then(Value::as_text) {
                    Some("poweredOn") => PowerState::On,
                    Some("poweredOff") => PowerState::Off,
                    Some("suspended") => PowerState::Suspended,
                    _ => PowerState::Unknown,
                };
                self.time_power();
            }
            _ => {}
        }
    }

    /// vSphere tells when a machine was started, but not when it was switched off.
    fn time_power(&mut self) {
        let off = (self.connection_state, self.power_state) == (ConnectionState::Connected, PowerState::Off);
        self.off_since = if off { self.off_since.or_else(|| Some(Instant::now())) } else { None };
    }
}

/// A uuid property; vCenter shows the nil uuid, or none, while a clone is being made.
pub(super) fn uuid(value: &Value) -> Option<Uuid> {
    Uuid::try_parse(value.text.trim()).ok().filter(|uuid| !uuid.is_nil())
}

/// The value inside an `OptionValue`.
fn option_value(value: &Value) -> Option<String> {
    value.field("value").and_then(Value::as_text).map(str::to_owned)
}

/// `ArrayOfGuestNicInfo`
fn nics(array: &Value) -> Vec<GuestNic> {
    array
        .all("GuestNicInfo")
        .map(|nic| GuestNic {
            network: nic.field("network").and_then(Value::as_text).map(str::to_owned),
            // Required by the schema; an interface without it is treated as one of the guest's own.
            device_config_id: nic.field("deviceConfigId").and_then(Value::parse).unwrap_or(-1),
            addresses: nic.all("ipAddress").filter_map(Value::as_text).map(str::to_owned).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vsphere::soap::Reader;

    fn value(xml: &str) -> Value {
        let document =
            format!("<r xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><val>{xml}</val></r>");
        let mut read = None;
        Reader::new(&document)
            .children(|reader, _| {
                reader.children(|reader, tag| {
                    read = Some(reader.read(tag)?);
                    Ok(())
                })
            })
            .unwrap();
        read.unwrap()
    }

    fn vm() -> Vm {
        Vm::new(MoRef::new("VirtualMachine", "vm-1"))
    }

    #[test]
    fn guest_nics_are_read_with_all_their_addresses() {
        let mut vm = vm();
        vm.apply(
            "guest.net",
            Some(&value(
                "<GuestNicInfo><network>VM Network</network><ipAddress>10.0.0.1</ipAddress>\
                 <ipAddress>fe80::1</ipAddress><connected>true</connected><deviceConfigId>4000</deviceConfigId>\
                 <ipConfig><ipAddress><ipAddress>10.0.0.1</ipAddress></ipAddress></ipConfig></GuestNicInfo>\
                 <GuestNicInfo><connected>true</connected><deviceConfigId>-1</deviceConfigId></GuestNicInfo>",
            )),
        );
        assert_eq!(
            vm.nics,
            [
                GuestNic {
                    network: Some("VM Network".into()),
                    device_config_id: 4000,
                    addresses: vec!["10.0.0.1".into(), "fe80::1".into()],
                },
                GuestNic { network: None, device_config_id: -1, addresses: vec![] },
            ]
        );
        vm.apply("guest.net", None);
        assert!(vm.nics.is_empty());
    }

    #[test]
    fn odd_values_count_as_unset() {
        let mut vm = vm();
        for path in VM_PROPERTIES[0].paths {
            vm.apply(path, Some(&value("<odd>1</odd>")));
        }
        assert_eq!(vm, self::vm());
        vm.apply("config.uuid", Some(&value("00000000-0000-0000-0000-000000000000")));
        assert_eq!(vm.bios_uuid, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_being_off_begins_when_a_connected_host_says_so() {
        let (power, connection) = ("runtime.powerState", "runtime.connectionState");
        let mut vm = vm();
        let age = |vm: &Vm| vm.off_since.map(|since| since.elapsed().as_secs());
        for (path, text, expected) in [
            (power, "poweredOff", None),
            (connection, "connected", Some(0)),
            (power, "poweredOff", Some(10)),
            (connection, "disconnected", None),
            (connection, "connected", Some(0)),
            (power, "suspended", None),
            (power, "poweredOff", Some(0)),
            (power, "poweredOn", None),
        ] {
            vm.apply(path, Some(&value(text)));
            assert_eq!(age(&vm), expected, "{path} {text}");
            tokio::time::advance(std::time::Duration::from_secs(10)).await;
        }
    }

    #[test]
    fn guestinfo_metadata_is_the_value_inside_the_option() {
        let mut vm = vm();
        vm.apply(METADATA, Some(&value("<key>guestinfo.metadata</key><value>Zm9v</value>")));
        assert_eq!(vm.metadata.as_deref(), Some("Zm9v"));
    }
}
