//! Virtual machines, as the simulator's control port describes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A virtual machine to be made, or what to change of one; what is `None` is left to the
/// simulator's default or as it is.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are vSphere's")]
pub struct VmSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nics: Option<Vec<Nic>>,
    /// `running` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// Only for a new one; see [`Vcsim::power`](super::Vcsim::power).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_cpu: Option<u32>,
    #[serde(rename = "memoryMB", skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Only for a new one; see [`Vcsim::move_to`](super::Vcsim::move_to).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    /// A path below the datacenter's folder of VMs. Only for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// A host's name. Only for a new one; see [`Vcsim::relocate`](super::Vcsim::relocate).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_config: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation: Option<String>,
}

impl VmSpec {
    /// A VM of this name, and the defaults.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }
}

/// A network adapter, as the guest reports it.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are vSphere's")]
pub struct Nic {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    pub addresses: Vec<String>,
    /// Below 4000: an interface that the guest made itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_config_id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
}

/// A VM's power state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are vSphere's")]
pub enum Power {
    PoweredOn,
    PoweredOff,
    Suspended,
}

/// A virtual machine that exists.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are vSphere's")]
pub struct Vm {
    pub name: String,
    pub moref: String,
    pub uuid: String,
    pub instance_uuid: String,
    #[serde(default)]
    pub host_name: String,
    #[serde(default)]
    pub addresses: Option<Vec<String>>,
    /// The host's moref.
    #[serde(default)]
    pub host: String,
    #[serde(default)]
    pub datacenter: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_sent() {
        let spec = VmSpec { memory_mb: Some(8192), power: Some(Power::PoweredOff), ..VmSpec::named("a") };
        let json = serde_json::to_value(&spec).unwrap();
        assert_eq!(json, serde_json::json!({"name": "a", "memoryMB": 8192, "power": "poweredOff"}));
    }

    #[test]
    fn a_vm_without_addresses_can_be_read() {
        let json = r#"{"name":"a","moref":"vm-1","uuid":"u","instanceUuid":"i","addresses":null,"more":1}"#;
        assert_eq!(serde_json::from_str::<Vm>(json).unwrap().addresses, None);
    }
}
