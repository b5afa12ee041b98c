//! Which of a machine's addresses become its Node's.
//!
//! The guest reports every address that it has: of container bridges, of virtual IPs that float
//! between machines, link-local ones. The configuration says which are meant; without it the
//! first usable one counts, in the order in which vCenter lists them. So a virtual IP that is
//! listed first is taken, unless the configuration excludes it or the machine's metadata lists
//! its static addresses.

mod problem;

use std::net::IpAddr;

use super::{ip, static_addresses};
use crate::cloud::{Address, AddressKind, Addresses};
use crate::config::{AddressRule, IpFamily, Nodes};
use crate::vsphere::inventory::{GuestNic, Vm};

/// Selects the addresses of this machine: for each family the internal, then the external one.
///
/// Per family and side, the first rule that finds something decides:
///
/// 1. the rule's subnets in their order: the first address inside;
/// 2. the first address on the rule's network;
/// 3. if neither side found any: the first address, on both sides (mostly the same one).
///
/// A side's excluded subnets apply throughout. When only one side finds an address, the other one
/// stays empty. A family without any address does not take the other one's away, and metadata
/// that cannot be read costs its priority only: `problem` tells of both.
pub fn select(vm: &Vm, families: &[IpFamily], rules: &Nodes) -> Addresses {
    // What the configuration defaults to.
    let families = if families.is_empty() { &[IpFamily::V4] } else { families };
    let seen = seen(vm);
    let networks_absent = networks_absent(vm, rules);
    let (static_first, unreadable) = match static_addresses::listed(vm) {
        Ok(addresses) => (addresses, None),
        Err(error) => (Vec::new(), Some(error)),
    };

    let mut usable: Vec<Usable<'_>> = Vec::new();
    if networks_absent.is_none() {
        usable.extend(seen.iter().filter_map(Seen::usable));
        usable.sort_by_cached_key(|usable| {
            static_first.iter().position(|ip| *ip == usable.ip).unwrap_or(usize::MAX)
        });
    }
    let mut selected = Vec::new();
    let mut missing = Vec::new();
    for &family in families {
        let (internal, external) = choose(&usable, family, rules);
        if internal.is_none() && external.is_none() && !missing.contains(&family) {
            missing.push(family);
        }
        let found = [(AddressKind::Internal, internal), (AddressKind::External, external)];
        for (kind, ip) in found.into_iter().filter_map(|(kind, ip)| Some((kind, ip?))) {
            let address = Address { kind, ip };
            if !selected.contains(&address) {
                selected.push(address);
            }
        }
    }

    let shortage = problem::Shortage { vm, seen: &seen, missing: &missing, families, rules, networks_absent };
    let problem = problem::text(&shortage, unreadable.as_ref());
    let reported = seen.iter().filter_map(Seen::usable).map(|usable| usable.ip).collect();
    Addresses { selected, problem, reported }
}

/// The addresses that were not selected, each with the reason, as in `10.0.0.9 on "VM Network": excluded
/// from internal by 10.0.0.0/24`.
pub(super) fn passed_over(vm: &Vm, families: &[IpFamily], rules: &Nodes) -> Vec<String> {
    let selected = select(vm, families, rules).selected;
    let families = if families.is_empty() { &[IpFamily::V4] } else { families };
    let seen = seen(vm);
    let networks_absent = networks_absent(vm, rules);
    let shortage = problem::Shortage { vm, seen: &seen, missing: &[], families, rules, networks_absent };
    let passed_over = seen.iter().filter(|seen| !selected.iter().any(|address| Some(address.ip) == seen.ip));
    passed_over.map(|seen| shortage.entry(seen)).collect()
}

/// An address as the guest reports it.
#[derive(Debug)]
struct Seen<'a> {
    text: &'a str,
    /// Empty when not told.
    network: &'a str,
    ip: Option<IpAddr>,
    /// Whether it belongs to a device of the machine, and not to the guest alone.
    on_virtual_nic: bool,
    /// Why no configuration could select it.
    unfit: Option<&'static str>,
}

impl<'a> Seen<'a> {
    fn usable(&self) -> Option<Usable<'a>> {
        self.ip.filter(|_| self.unfit.is_none()).map(|ip| Usable { ip, network: self.network })
    }
}

/// An address that may be selected.
#[derive(Clone, Copy, Debug)]
struct Usable<'a> {
    ip: IpAddr,
    network: &'a str,
}

fn seen(vm: &Vm) -> Vec<Seen<'_>> {
    let mut seen = Vec::new();
    for nic in &vm.nics {
        let network = nic.network.as_deref().unwrap_or_default();
        let on_virtual_nic = is_virtual(nic);
        for text in &nic.addresses {
            let ip = ip::parse(text);
            let unfit = if on_virtual_nic {
                ip.map_or(Some("not an IP address"), ip::local_only)
            } else {
                Some("on no virtual NIC")
            };
            seen.push(Seen { text, network, ip, on_virtual_nic, unfit });
        }
    }
    seen
}

/// Whether vCenter knows the device: the guest's bridges and tunnels have the key −1.
fn is_virtual(nic: &GuestNic) -> bool {
    nic.device_config_id != -1
}

/// The two networks that are configured, if this machine is on neither: then nothing fits it.
fn networks_absent<'r>(vm: &Vm, rules: &'r Nodes) -> Option<(&'r str, &'r str)> {
    let internal = network(&rules.internal)?;
    let external = network(&rules.external)?;
    let present = vm.nics.iter().filter(|nic| is_virtual(nic)).any(|nic| {
        let name = nic.network.as_deref().unwrap_or_default();
        same_name(name, internal) || same_name(name, external)
    });
    (!present).then_some((internal, external))
}

fn network(rule: &AddressRule) -> Option<&str> {
    rule.network.as_deref().filter(|name| !name.is_empty())
}

/// The internal and the external address of one family.
fn choose(usable: &[Usable<'_>], family: IpFamily, rules: &Nodes) -> (Option<IpAddr>, Option<IpAddr>) {
    let allowed = |rule: &AddressRule| -> Vec<Usable<'_>> {
        let allowed = |ip| family.contains(ip) && !rule.exclude.iter().any(|subnet| subnet.contains(&ip));
        usable.iter().copied().filter(|usable| allowed(usable.ip)).collect()
    };
    let internals = allowed(&rules.internal);
    let externals = allowed(&rules.external);
    match (matching(&internals, &rules.internal), matching(&externals, &rules.external)) {
        (None, None) => (internals.first().map(|first| first.ip), externals.first().map(|first| first.ip)),
        found => found,
    }
}

fn matching(allowed: &[Usable<'_>], rule: &AddressRule) -> Option<IpAddr> {
    let in_subnet = rule.subnets.iter().find_map(|subnet| {
        // An earlier subnet counts for more than an earlier address.
        allowed.iter().find(|usable| subnet.contains(&usable.ip))
    });
    let on_network = || {
        let name = network(rule)?;
        allowed.iter().find(|usable| same_name(usable.network, name))
    };
    in_subnet.or_else(on_network).map(|usable| usable.ip)
}

/// Equality in any case, letter by letter as in Go: `ß` is not `SS`.
fn same_name(a: &str, b: &str) -> bool {
    let same = |a: char, b: char| {
        a == b || a.to_lowercase().eq(b.to_lowercase()) || a.to_uppercase().eq(b.to_uppercase())
    };
    a.chars().count() == b.chars().count() && a.chars().zip(b.chars()).all(|(a, b)| same(a, b))
}

#[cfg(test)]
mod tests;
