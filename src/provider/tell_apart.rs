//! Which of several machines with the same evidence is the Node's: the decision, without any I/O.
//!
//! Clones share a BIOS uuid, and two datacenters may each have a guest of the same name. Then other
//! facts decide, and only facts that do not stem from an earlier decision about the Node's machine:
//! the record of the machine that it was found to have when there was no doubt, the address that its
//! kubelet was started with, and its name. Its `status.addresses` and the label
//! `kubernetes.io/hostname` are no proof: the first were written by us, of whichever machine we took it
//! for, and the second repeats the name.

use std::net::IpAddr;

use super::ip;
use crate::cloud::{MachineRecord, NodeIdentity, parse_uuid};
use crate::vsphere::inventory::Vm;

/// What is true of a candidate, besides what it was found by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// It is the machine that is remembered in the Node's annotation.
    remembered: bool,
    /// Its guest has an address that the kubelet was started with.
    has_ip: bool,
    /// Its guest has the Node's name.
    has_name: bool,
}

/// A kind of proof.
struct Clue {
    holds: fn(&Marks) -> bool,
    /// In the middle of a sentence: found by …
    words: &'static str,
    /// Whether it is a proof even if there may be candidates that were not seen, because nobody else
    /// can have it. A clone in a vCenter that is away may have the same name and address.
    unique: bool,
}

const CLUES: [Clue; 3] = [
    Clue { holds: |marks| marks.remembered, words: "the Node's annotation", unique: true },
    Clue { holds: |marks| marks.has_ip, words: "the kubelet's --node-ip", unique: false },
    Clue { holds: |marks| marks.has_name, words: "the Node's name", unique: false },
];

impl Marks {
    /// What is true of this machine, in the vCenter with this `about.instanceUuid`.
    pub(super) fn of(vm: &Vm, vcenter: Option<&str>, node: &NodeIdentity) -> Self {
        let name = vm.host_name.as_deref().unwrap_or_default();
        Self {
            remembered: node.record.as_ref().is_some_and(|record| is_remembered(vm, vcenter, record)),
            has_ip: addresses(vm).any(|ip| node.provided_ips.iter().any(|own| own.to_canonical() == ip)),
            has_name: !name.is_empty() && name.eq_ignore_ascii_case(&node.name),
        }
    }

    /// In words, for the list of candidates.
    pub(super) fn words(self) -> Vec<&'static str> {
        CLUES.iter().filter(|clue| (clue.holds)(&self)).map(|clue| clue.words).collect()
    }
}

/// Which candidate is meant; `None` if nothing tells.
///
/// It takes a proof that is true of this candidate alone, and none that is true of others and not of
/// it. `complete`: whether every vCenter has answered, so that there can be no more candidates.
pub(super) fn tell_apart(candidates: &[Marks], complete: bool) -> Option<usize> {
    let having = |clue: &Clue| -> Vec<usize> {
        (0..candidates.len()).filter(|&i| (clue.holds)(&candidates[i])).collect()
    };
    let chosen =
        CLUES.iter().filter(|clue| complete || clue.unique).find_map(|clue| match *having(clue) {
            [only] => Some(only),
            _ => None,
        })?;
    let agrees = |clue: &Clue| {
        let having = having(clue);
        having.is_empty() || having.contains(&chosen)
    };
    CLUES.iter().all(agrees).then_some(chosen)
}

/// Whether this machine, in the vCenter with this `about.instanceUuid`, is the one in the record: by the
/// object's id, or by the instance uuid, which stays when a machine is registered anew.
pub(super) fn is_remembered(vm: &Vm, vcenter: Option<&str>, record: &MachineRecord) -> bool {
    let instance_uuid = record.instance_uuid.as_deref().and_then(parse_uuid);
    let same_instance = instance_uuid.is_some() && vm.instance_uuid == instance_uuid;
    vcenter == Some(record.vcenter.as_str()) && (*vm.moref.id == *record.vm || same_instance)
}

/// All addresses of the guest by which it can be told from others: on every interface, because a
/// kubelet may be bound to a bridge or a bond.
fn addresses(vm: &Vm) -> impl Iterator<Item = IpAddr> {
    let texts = vm.nics.iter().flat_map(|nic| &nic.addresses);
    texts.filter_map(|text| ip::parse(text)).filter(|&ip| ip::local_only(ip).is_none())
}

#[cfg(test)]
impl Marks {
    /// As in `rin`: remembered, has the ip, has the name.
    pub(super) fn from_letters(text: &str) -> Self {
        let has = |letter| text.contains(letter);
        Self { remembered: has('r'), has_ip: has('i'), has_name: has('n') }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::super::fixtures::{nic, vm};
    use super::*;

    fn told(candidates: &[&str], complete: bool) -> Option<usize> {
        let candidates: Vec<Marks> = candidates.iter().map(|text| Marks::from_letters(text)).collect();
        tell_apart(&candidates, complete)
    }

    #[test]
    fn one_proof_that_is_true_of_one_candidate_alone_decides() {
        for (candidates, expected) in [
            (["", ""], None),
            (["r", ""], Some(0)),
            (["i", ""], Some(0)),
            (["", "n"], Some(1)),
            (["rin", ""], Some(0)),
            // What is true of both proves nothing, and does no harm.
            (["i", "i"], None),
            (["n", "n"], None),
            (["rin", "rin"], None),
            (["i", "in"], Some(1)),
            (["in", "n"], Some(0)),
            (["in", "rin"], Some(1)),
        ] {
            assert_eq!(told(&candidates, true), expected, "{candidates:?}");
        }
    }

    #[test]
    fn proofs_that_contradict_each_other_decide_nothing() {
        for candidates in [["i", "n"], ["r", "i"], ["r", "n"], ["r", "in"], ["ri", "n"], ["rn", "i"]] {
            assert_eq!(told(&candidates, true), None, "{candidates:?}");
            assert_eq!(told(&[candidates[1], candidates[0]], true), None, "{candidates:?}");
        }
        // The name is that of two, and neither has the address.
        assert_eq!(told(&["i", "n", "n"], true), None);
        assert_eq!(told(&["in", "n", ""], true), Some(0));
        // Both the address and the name are those of two: neither singles one out.
        assert_eq!(told(&["i", "in", "n"], true), None);
    }

    #[test]
    fn every_combination_of_two_candidates_follows_the_rule() {
        let all = ["", "r", "i", "n", "ri", "rn", "in", "rin"];
        for (a, b) in all.iter().flat_map(|a| all.map(|b| (*a, b))) {
            let only = |mine: &str, other: &str| {
                ['r', 'i', 'n'].iter().any(|&c| mine.contains(c) && !other.contains(c))
            };
            let expected = match (only(a, b), only(b, a)) {
                (true, false) => Some(0),
                (false, true) => Some(1),
                _ => None,
            };
            assert_eq!(told(&[a, b], true), expected, "{a:?} {b:?}");
            assert_eq!(told(&[b, a], true), expected.map(|i| 1 - i), "{b:?} {a:?}");
        }
    }

    #[test]
    fn while_a_vcenter_is_away_only_the_record_is_a_proof() {
        for (candidates, expected) in [
            (["r", ""], Some(0)),
            (["ri", "n"], None),
            (["r", "i"], None),
            (["rin", "in"], Some(0)),
            (["i", ""], None),
            (["n", ""], None),
            (["in", ""], None),
        ] {
            assert_eq!(told(&candidates, false), expected, "{candidates:?}");
        }
    }

    fn node() -> NodeIdentity {
        NodeIdentity { name: "node-1".into(), ..NodeIdentity::default() }
    }

    #[test]
    fn names_count_in_any_case_and_as_a_whole() {
        let mut machine = vm();
        for (guest, node, expected) in [
            (Some("node-1"), "node-1", true),
            (Some("NODE-1"), "node-1", true),
            (Some("node-1.example.org"), "node-1.example.org", true),
            // Another machine may have the short name in another domain.
            (Some("node-1.example.org"), "node-1", false),
            (Some("node-1"), "node-1.example.org", false),
            (Some(""), "", false),
            (None, "", false),
        ] {
            machine.host_name = guest.map(str::to_owned);
            let node = NodeIdentity { name: node.into(), ..NodeIdentity::default() };
            assert_eq!(Marks::of(&machine, None, &node).has_name, expected, "{guest:?} {node:?}");
        }
    }

    #[test]
    fn an_address_counts_on_any_interface_but_not_if_every_guest_may_have_it() {
        let mut machine = vm();
        machine.nics = vec![nic("VM Network", &["10.0.0.1", "::ffff:10.0.0.2", "fe80::1"])];
        machine.nics.push(nic("", &["FD00::0:1", "127.0.0.1", "nonsense"]));
        machine.nics[1].device_config_id = -1;
        for (ips, expected) in [
            (vec![], false),
            (vec!["10.0.0.1"], true),
            (vec!["10.0.0.2"], true),
            (vec!["fd00::1"], true),
            (vec!["10.0.0.9", "fd00::1"], true),
            (vec!["10.0.0.9"], false),
            (vec!["fe80::1"], false),
            (vec!["127.0.0.1"], false),
        ] {
            let provided_ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
            let node = NodeIdentity { provided_ips, ..node() };
            assert_eq!(Marks::of(&machine, None, &node).has_ip, expected, "{ips:?}");
        }
    }

    #[test]
    fn a_machine_is_remembered_by_vcenter_and_object_or_instance_uuid() {
        let (uuid, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut machine = vm();
        machine.instance_uuid = Some(uuid);
        for (vcenter, object, instance, expected) in [
            ("vc", "vm-12", None, true),
            ("vc", "vm-12", Some(uuid), true),
            ("vc", "vm-99", Some(uuid), true),
            ("vc", "vm-12", Some(other), true),
            ("vc", "vm-99", Some(other), false),
            ("vc", "vm-99", None, false),
            ("vc", "vm-1", None, false),
            ("other", "vm-12", Some(uuid), false),
        ] {
            let instance_uuid = instance.map(|uuid: Uuid| uuid.to_string());
            let record =
                MachineRecord { vcenter: vcenter.into(), vm: object.into(), instance_uuid, folder: None };
            let node = NodeIdentity { record: Some(Arc::new(record)), ..node() };
            let remembered = Marks::of(&machine, Some("vc"), &node).remembered;
            assert_eq!(remembered, expected, "{vcenter} {object} {instance:?}");
            assert!(!Marks::of(&machine, None, &node).remembered, "nobody knows which vCenter it is");
        }
        machine.instance_uuid = None;
        let record =
            MachineRecord { vcenter: "vc".into(), vm: "vm-1".into(), instance_uuid: None, folder: None };
        let node = NodeIdentity { record: Some(Arc::new(record)), ..node() };
        assert_eq!(
            Marks::of(&machine, Some("vc"), &node),
            Marks::default(),
            "nothing is not the same as nothing"
        );
    }
}
