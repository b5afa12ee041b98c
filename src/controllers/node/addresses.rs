//! `status.addresses`: what it should be.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::NodeAddress;

use crate::cloud::{AddressKind, Instance};
use crate::controllers::identity::provided_ips;
use crate::k8s::{Node, NodeEvent};

const HOSTNAME: &str = "Hostname";

/// The addresses of a Node that waits for them, or the Event that says why there are none.
pub(super) fn initial(node: &Node, instance: &Instance) -> Result<Vec<NodeAddress>, NodeEvent> {
    let provided = provided_ips(node).map_err(|text| {
        NodeEvent::warning(
            "InvalidProvidedNodeIP",
            format!(
                "The kubelet's --node-ip is {text:?}, which is no list of IP addresses. \
                 Correct it and restart the kubelet."
            ),
        )
    })?;
    let mut reported: Vec<NodeAddress> = vec![entry(HOSTNAME, host_name(node, instance))];
    let selected = &instance.addresses.selected;
    if selected.is_empty() && provided.is_empty() {
        return Err(no_addresses(instance));
    }
    reported.extend(selected.iter().map(|address| entry(address.kind.as_str(), address.ip)));
    // What the kubelet was told counts, also where the configuration would have chosen another of
    // the machine's addresses, and where the guest tells nothing (no VMware Tools, say).
    let seen = &instance.addresses.reported;
    let elsewhere = provided.iter().filter(|ip| selected.iter().all(|address| address.ip != **ip));
    let possible = elsewhere.filter(|ip| seen.is_empty() || seen.contains(ip));
    reported.extend(possible.map(|ip| entry(AddressKind::Internal.as_str(), ip)));
    prefer(&provided, reported).map_err(|reported| mismatch(&provided, &reported, instance))
}

/// The addresses that an initialised Node should have instead of its present ones, if any.
///
/// Present ones are better than none and than a part of them: what a guest that is booting, or
/// whose tools have stopped, does not tell has not ceased to be true.
pub(super) fn refreshed(node: &Node, instance: &Instance) -> Option<Vec<NodeAddress>> {
    if instance.addresses.selected.is_empty() {
        return None;
    }
    let mut wanted = initial(node, instance).ok()?;
    keep_host_name(node, instance, &mut wanted);
    let present = node.addresses();
    let lost_a_part = instance.addresses.problem.is_some()
        && wanted.iter().all(|address| present.iter().any(|other| same(address, other)));
    (!lost_a_part && !same_list(&wanted, present)).then_some(wanted)
}

/// Whether two lists say the same: the same entries in the same order.
pub(super) fn same_list(left: &[NodeAddress], right: &[NodeAddress]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
}

/// Puts the kubelet's own addresses first; each is then the only one of its type.
///
/// The error is the list in which one of them is missing.
fn prefer(provided: &[IpAddr], reported: Vec<NodeAddress>) -> Result<Vec<NodeAddress>, Vec<NodeAddress>> {
    let mut preferred: Vec<NodeAddress> = Vec::new();
    for ip in provided {
        let matching = reported.iter().filter(|address| parse(address) == Some(ip.to_canonical()));
        let before = preferred.len();
        preferred.extend(matching.cloned());
        if preferred.len() == before {
            return Err(reported);
        }
    }
    let others = |address: &NodeAddress| preferred.iter().all(|other| other.type_ != address.type_);
    let others: Vec<NodeAddress> = reported.into_iter().filter(others).collect();
    preferred.extend(others);
    Ok(preferred)
}

/// The node's name, in the guest's spelling if that is only another spelling of it.
///
/// Not the guest's host name as such: kubectl logs and exec have to resolve what stands here, and
/// certificates are made out to it.
fn host_name<'a>(node: &'a Node, instance: &'a Instance) -> &'a str {
    match instance.host_name.as_deref() {
        Some(guest) if guest.eq_ignore_ascii_case(node.name()) => guest,
        _ => node.name(),
    }
}

/// Leaves the present host name alone if upstream, which writes the guest's, or we wrote it.
fn keep_host_name(node: &Node, instance: &Instance, wanted: &mut [NodeAddress]) {
    let guest = instance.host_name.as_deref();
    let ours = |address: &&NodeAddress| {
        address.type_ == HOSTNAME
            && [Some(node.name()), guest]
                .into_iter()
                .flatten()
                .any(|name| name.eq_ignore_ascii_case(&address.address))
    };
    let Some(present) = node.addresses().iter().find(ours) else { return };
    for address in wanted.iter_mut().filter(|address| address.type_ == HOSTNAME) {
        address.address.clone_from(&present.address);
    }
}

fn same(left: &NodeAddress, right: &NodeAddress) -> bool {
    left.type_ == right.type_
        && (left.address == right.address || parse(left).is_some_and(|ip| Some(ip) == parse(right)))
}

fn parse(address: &NodeAddress) -> Option<IpAddr> {
    address.address.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn entry(kind: &str, address: impl std::fmt::Display) -> NodeAddress {
    NodeAddress { address: address.to_string(), type_: kind.to_owned() }
}

fn no_addresses(instance: &Instance) -> NodeEvent {
    let why = instance.addresses.problem.as_deref().unwrap_or("the guest reports none");
    NodeEvent::warning(
        "NoAddresses",
        format!(
            "No address for {}: {why}. The Node stays tainted until there is one. Check that VMware Tools \
             run in the guest, or start the kubelet with --node-ip.",
            instance.location
        ),
    )
}

fn mismatch(provided: &[IpAddr], reported: &[NodeAddress], instance: &Instance) -> NodeEvent {
    let provided: Vec<String> = provided.iter().map(ToString::to_string).collect();
    let reported: Vec<String> =
        reported.iter().map(|address| format!("{} {}", address.type_, address.address)).collect();
    let mut message = format!(
        "The kubelet's --node-ip {} is not among the addresses of {}: {}. Correct --node-ip, or the \
         networks and subnets in the configuration that select the addresses.",
        provided.join(", "),
        instance.location,
        reported.join(", "),
    );
    if let Some(problem) = &instance.addresses.problem {
        message.push(' ');
        message.push_str(problem);
    }
    NodeEvent::warning("ProvidedNodeIPMismatch", message)
}
