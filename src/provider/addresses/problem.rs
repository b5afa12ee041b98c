//! Says why a machine lacks addresses, so that the Event on its Node is all one has to read.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Seen;
use crate::config::{AddressRule, IpFamily, Nodes};
use crate::provider::static_addresses::Unreadable;
use crate::vsphere::inventory::Vm;

/// An Event's note holds 1024 bytes; these two leave room for what stands around the list.
const MAX_LISTED: usize = 20;
const MAX_LIST_BYTES: usize = 700;
/// Names and unreadable addresses are cut here, so that one cannot crowd out the others.
const MAX_QUOTED: usize = 60;

/// What selection found, or rather did not.
#[derive(Debug)]
pub(super) struct Shortage<'a> {
    pub(super) vm: &'a Vm,
    pub(super) seen: &'a [Seen<'a>],
    /// The families without an address.
    pub(super) missing: &'a [IpFamily],
    /// The families that are wanted.
    pub(super) families: &'a [IpFamily],
    pub(super) rules: &'a Nodes,
    /// The configured networks, if the machine is on neither.
    pub(super) networks_absent: Option<(&'a str, &'a str)>,
}

/// The text for the Event; absent when nothing is wrong.
pub(super) fn text(shortage: &Shortage<'_>, unreadable: Option<&Unreadable>) -> Option<String> {
    let shortage = (!shortage.missing.is_empty()).then(|| shortage.text());
    let unreadable =
        unreadable.map(|error| format!("static addresses in guestinfo.metadata are ignored: {error}"));
    let texts: Vec<String> = shortage.into_iter().chain(unreadable).collect();
    (!texts.is_empty()).then(|| texts.join(". "))
}

impl Shortage<'_> {
    fn text(&self) -> String {
        let families = join(self.missing.iter().map(|family| family.as_str()), " or ");
        let nics = self.vm.nics.len();
        if nics == 0 {
            return format!(
                "no {families} address: the guest reports no network interface (are VMware Tools running?)"
            );
        }
        if self.seen.is_empty() {
            return format!("no {families} address: the guest reports none (network interfaces: {nics})");
        }
        let mut listed: Vec<&Seen<'_>> = self.seen.iter().filter(|seen| self.concerns(seen)).collect();
        if listed.is_empty() {
            return format!("no {families} address: none among those that the guest reports");
        }
        // What the configuration could have taken comes before what never counts.
        listed.sort_by_key(|seen| (seen.unfit.is_some(), !seen.on_virtual_nic));
        let list = list(listed.iter().map(|seen| self.entry(seen)), listed.len());
        match self.networks_absent {
            Some((internal, external)) => {
                let (internal, external) = (quoted(internal), quoted(external));
                format!("no {families} address: no NIC is on network {internal} or {external}: {list}")
            }
            None => format!("no usable {families} address: {list}"),
        }
    }

    /// Whether it would have been an answer to what is missing: beside a family that was found,
    /// its addresses explain nothing.
    fn concerns(&self, seen: &Seen<'_>) -> bool {
        let nothing_found = self.families.iter().all(|family| self.missing.contains(family));
        nothing_found || seen.ip.is_none_or(|ip| self.missing.iter().any(|family| family.contains(ip)))
    }

    /// An address, and why it was passed over.
    pub(super) fn entry(&self, seen: &Seen<'_>) -> String {
        let address = seen.ip.map_or_else(|| quoted(seen.text), |ip| ip.to_string());
        let reason = self.reason(seen);
        if seen.network.is_empty() {
            format!("{address}: {reason}")
        } else {
            format!("{address} on {}: {reason}", quoted(seen.network))
        }
    }

    fn reason(&self, seen: &Seen<'_>) -> String {
        let ip = match (seen.unfit, seen.ip) {
            (Some(unfit), _) => return unfit.to_owned(),
            (None, None) => return String::new(),
            (None, Some(ip)) => ip,
        };
        if self.networks_absent.is_some() {
            return "on another network".to_owned();
        }
        if !self.families.iter().any(|family| family.contains(ip)) {
            return format!("not {}", join(self.families.iter().map(|family| family.as_str()), " or "));
        }
        let sides = [("internal", &self.rules.internal), ("external", &self.rules.external)];
        let exclusions = sides.into_iter().filter_map(|(side, rule)| {
            excluded_by(rule, ip).map(|subnet| format!("excluded from {side} by {subnet}"))
        });
        match join(exclusions, ", ") {
            // Nothing is wrong with it.
            none if none.is_empty() => "another one comes first".to_owned(),
            excluded => excluded,
        }
    }
}

fn excluded_by(rule: &AddressRule, ip: IpAddr) -> Option<&IpNet> {
    rule.exclude.iter().find(|subnet| subnet.contains(&ip))
}

/// The first entries, and how many there are beyond.
fn list(entries: impl Iterator<Item = String>, total: usize) -> String {
    let mut list = String::new();
    let mut listed = 0;
    for entry in entries.take(MAX_LISTED) {
        if listed > 0 {
            if list.len() + entry.len() > MAX_LIST_BYTES {
                break;
            }
            list.push_str("; ");
        }
        list.push_str(&entry);
        listed += 1;
    }
    match total - listed {
        0 => list,
        more => format!("{list}; and {more} more"),
    }
}

/// In quotes, without control characters, and cut if long.
fn quoted(text: &str) -> String {
    let mut escaped = text.escape_debug();
    let mut quoted: String = escaped.by_ref().take(MAX_QUOTED).collect();
    if escaped.next().is_some() {
        quoted.push('…');
    }
    format!("\"{quoted}\"")
}

fn join(texts: impl Iterator<Item = impl AsRef<str>>, separator: &str) -> String {
    let mut joined = String::new();
    for text in texts {
        if !joined.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(text.as_ref());
    }
    joined
}
