//! The demo's nodes and what became of them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;

use super::table::seconds;
use super::zones;
use crate::testbed::{NodeSpec, Vm, VmSpec, guest_uuid};

pub(super) const UNINITIALIZED: &str = "node.cloudprovider.kubernetes.io/uninitialized";
const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
pub(super) const ZONE: &str = "topology.kubernetes.io/zone";
/// How many of the latest events are shown.
const RECENT: usize = 4;
/// The usual size of a node's status, in bytes.
pub(super) const STATUS: usize = 15_000;

/// All nodes, in the order of their names.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) members: Vec<Member>,
    by_name: HashMap<String, usize>,
    pub(super) recent: VecDeque<String>,
}

/// A node and its VM.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) node: String,
    pub(super) vm: Vm,
    created: Option<Instant>,
    ready: Option<Instant>,
    pub(super) provider_id: String,
    pub(super) addresses: String,
    pub(super) zone: String,
    pub(super) instance_type: String,
}

/// The VMs to be made for so many nodes.
pub(super) fn vm_specs(count: usize) -> Vec<VmSpec> {
    let digits = count.saturating_sub(1).to_string().len().max(2);
    let name = |number| format!("node-{number:0digits$}");
    // Another name than the node's: it is not by name that they find each other.
    let spec = |number| VmSpec {
        host_name: Some(name(number)),
        host: Some(zones::host_of(number)),
        ..VmSpec::named(format!("vm-{number:0digits$}"))
    };
    (0..count).map(spec).collect()
}

impl Fleet {
    pub(super) fn new(vms: Vec<Vm>) -> Self {
        let members: Vec<Member> = vms.into_iter().map(Member::new).collect();
        let by_name = members.iter().enumerate().map(|(at, member)| (member.node.clone(), at)).collect();
        Self { members, by_name, recent: VecDeque::new() }
    }

    /// What the kubelets register. Half of the firmwares report the uuid with swapped bytes.
    pub(super) fn node_specs(&self) -> Vec<NodeSpec> {
        let spec = |(at, member): (usize, &Member)| {
            let uuid = if at % 2 == 0 { guest_uuid(&member.vm.uuid) } else { member.vm.uuid.clone() };
            NodeSpec {
                addresses: vec![("Hostname".to_owned(), member.node.clone())],
                status_bytes: STATUS,
                ..NodeSpec::new(&member.node, uuid)
            }
        };
        self.members.iter().enumerate().map(spec).collect()
    }

    pub(super) fn registered(&mut self, at: usize, when: Instant) {
        if let Some(member) = self.members.get_mut(at) {
            member.created = Some(when);
        }
    }

    /// Takes note of a node; true if it became ready with that.
    pub(super) fn observe(&mut self, node: &Node, now: Instant) -> bool {
        let Some(member) = self.by_name.get(&node.name_any()).and_then(|at| self.members.get_mut(*at)) else {
            return false;
        };
        if !member.observe(node, now) {
            return false;
        }
        let news = member.news();
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(news);
        true
    }

    pub(super) fn ready(&self) -> usize {
        self.members.iter().filter(|member| member.is_ready()).count()
    }

    pub(super) fn all_ready(&self) -> bool {
        self.ready() == self.members.len()
    }

    /// The nodes that are not ready yet.
    pub(super) fn waiting(&self) -> Vec<&str> {
        self.members.iter().filter(|member| !member.is_ready()).map(|member| member.node.as_str()).collect()
    }

    /// The times to readiness, sorted.
    pub(super) fn times(&self) -> Vec<Duration> {
        let mut times: Vec<Duration> = self.members.iter().filter_map(Member::took).collect();
        times.sort();
        times
    }

    /// When the last one became ready.
    pub(super) fn last_ready(&self) -> Option<Instant> {
        self.members.iter().filter_map(|member| member.ready).max()
    }
}

impl Member {
    fn new(vm: Vm) -> Self {
        let node = vm.host_name.clone();
        let unknown = String::new;
        Self {
            node,
            vm,
            created: None,
            ready: None,
            provider_id: unknown(),
            addresses: unknown(),
            zone: unknown(),
            instance_type: unknown(),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// From its registration to its readiness.
    pub(super) fn took(&self) -> Option<Duration> {
        Some(self.ready?.duration_since(self.created?))
    }

    fn observe(&mut self, node: &Node, now: Instant) -> bool {
        let spec = node.spec.as_ref();
        self.provider_id = spec.and_then(|spec| spec.provider_id.clone()).unwrap_or_default();
        self.instance_type = node.labels().get(INSTANCE_TYPE).cloned().unwrap_or_default();
        self.zone = node.labels().get(ZONE).cloned().unwrap_or_default();
        self.addresses = addresses(node).join(" ");
        let became_ready = !has_taint(node, UNINITIALIZED) && self.ready.is_none();
        if became_ready {
            self.ready = Some(now);
        }
        became_ready
    }

    fn news(&self) -> String {
        let took = self.took().map(|took| format!(" after {}", seconds(took))).unwrap_or_default();
        format!("{} is ready{took}: {}  {}", self.node, self.provider_id, self.addresses)
    }
}

/// The IP addresses, each once: the same one is internal and external by default.
pub(super) fn addresses(node: &Node) -> Vec<&str> {
    let all = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    let mut once = Vec::new();
    for address in all.filter(|address| address.type_.ends_with("IP")) {
        if !once.contains(&address.address.as_str()) {
            once.push(address.address.as_str());
        }
    }
    once
}

pub(super) fn has_taint(node: &Node, key: &str) -> bool {
    node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()).any(|taint| taint.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fleet(count: usize) -> Fleet {
        let vm = |(number, spec): (usize, VmSpec)| Vm {
            name: spec.name.unwrap(),
            moref: format!("vm-{number}"),
            uuid: format!("4237aaaa-5c1c-0b7d-6f2e-{number:012}"),
            instance_uuid: String::new(),
            host_name: spec.host_name.unwrap(),
            addresses: None,
            host: String::new(),
            datacenter: String::new(),
        };
        Fleet::new(vm_specs(count).into_iter().enumerate().map(vm).collect())
    }

    fn node(name: &str, tainted: bool) -> Node {
        let taints =
            if tainted { json!([{"key": UNINITIALIZED, "effect": "NoSchedule"}]) } else { json!([]) };
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {INSTANCE_TYPE: "vsphere-vm.cpu-2", ZONE: "zone-a"}},
            "spec": {"providerID": "vsphere://x", "taints": taints},
            "status": {"addresses": [
                {"type": "Hostname", "address": name},
                {"type": "InternalIP", "address": "10.0.0.1"},
                {"type": "InternalIP", "address": "fd00::1"},
                {"type": "ExternalIP", "address": "10.0.0.1"},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn half_of_the_uuids_are_swapped() {
        let specs = fleet(2).node_specs();
        assert_eq!(specs[0].system_uuid, "aaaa3742-1c5c-7d0b-6f2e-000000000000");
        assert_eq!(specs[1].system_uuid, "4237aaaa-5c1c-0b7d-6f2e-000000000001");
        assert_eq!((specs[1].name.as_str(), vm_specs(101)[5].name.as_deref()), ("node-01", Some("vm-005")));
    }

    #[test]
    fn a_node_is_ready_once_when_its_taint_goes() {
        let mut fleet = fleet(2);
        let start = Instant::now();
        fleet.registered(0, start);
        assert!(!fleet.observe(&node("node-00", true), start));
        assert!(!fleet.observe(&node("stranger", false), start));
        let later = start + Duration::from_millis(1500);
        assert!(fleet.observe(&node("node-00", false), later));
        assert!(!fleet.observe(&node("node-00", false), later + Duration::from_secs(1)));
        assert_eq!(fleet.times(), [Duration::from_millis(1500)]);
        assert_eq!(fleet.waiting(), ["node-01"]);
        assert_eq!(fleet.members[0].addresses, "10.0.0.1 fd00::1");
        assert_eq!(fleet.members[0].zone, "zone-a");
        assert_eq!(fleet.recent, ["node-00 is ready after 1.50 s: vsphere://x  10.0.0.1 fd00::1"]);
        assert!(!fleet.all_ready());
    }
}
