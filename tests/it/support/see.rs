//! What a user sees of a node.

use k8s_openapi::api::core::v1::Node;
use xtask::testbed::{NodeSpec, Vm};

/// Nodes as the kubelets of these VMs register them, each named like its VM.
pub(crate) fn specs(vms: &[Vm]) -> Vec<NodeSpec> {
    vms.iter().map(|vm| NodeSpec::new(&vm.name, &vm.uuid)).collect()
}

pub(crate) fn names(vms: &[Vm]) -> Vec<&str> {
    vms.iter().map(|vm| vm.name.as_str()).collect()
}

/// Whether pods are kept off until the cloud provider has been here.
pub(crate) fn is_tainted(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    taints.into_iter().flatten().any(|taint| taint.key == "node.cloudprovider.kubernetes.io/uninitialized")
}

/// `InternalIP 10.0.0.1` and so on, in order.
pub(crate) fn addresses(node: &Node) -> Vec<String> {
    let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    addresses.into_iter().flatten().map(|entry| format!("{} {}", entry.type_, entry.address)).collect()
}

pub(crate) fn provider_id(node: &Node) -> Option<&str> {
    node.spec.as_ref()?.provider_id.as_deref()
}

pub(crate) fn label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.metadata.labels.as_ref()?.get(key).map(String::as_str)
}
