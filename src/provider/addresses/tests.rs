use base64::Engine;

use super::*;
use crate::provider::fixtures::{self, nic};

mod properties;
mod refusals;

const V4: &[IpFamily] = &[IpFamily::V4];
const V6: &[IpFamily] = &[IpFamily::V6];
const V4_V6: &[IpFamily] = &[IpFamily::V4, IpFamily::V6];
const V6_V4: &[IpFamily] = &[IpFamily::V6, IpFamily::V4];

/// A rule from subnets, a network and excluded subnets; empty means not configured.
fn rule(subnets: &str, network: &str, exclude: &str) -> AddressRule {
    let parse = |text: &str| text.split_whitespace().map(|subnet| subnet.parse().unwrap()).collect();
    let network = (!network.is_empty()).then(|| network.to_owned());
    AddressRule { subnets: parse(subnets), network, exclude: parse(exclude) }
}

fn rules(internal: AddressRule, external: AddressRule) -> Nodes {
    Nodes { internal, external }
}

fn with(nics: &[GuestNic]) -> Vm {
    Vm { nics: nics.to_vec(), ..fixtures::vm() }
}

/// An interface that only the guest knows.
fn guest_only(addresses: &[&str]) -> GuestNic {
    GuestNic { network: None, device_config_id: -1, ..nic("", addresses) }
}

fn with_metadata(vm: Vm, metadata: &str) -> Vm {
    Vm {
        metadata: Some(base64::prelude::BASE64_STANDARD.encode(metadata)),
        metadata_encoding: Some("base64".to_owned()),
        ..vm
    }
}

/// `I` and `E` addresses in their order.
fn written(addresses: &Addresses) -> String {
    let texts: Vec<String> =
        addresses.selected.iter().map(|a| format!("{} {}", &a.kind.as_str()[..1], a.ip)).collect();
    texts.join(", ")
}

/// What is selected where nothing is to be complained about.
#[track_caller]
fn check(name: &str, vm: &Vm, families: &[IpFamily], rules: &Nodes, expected: &str) {
    let addresses = select(vm, families, rules);
    assert_eq!(written(&addresses), expected, "{name}");
    assert_eq!(addresses.problem, None, "{name}");
}

#[test]
fn one_family_row_by_row() {
    let any = || rule("", "", "");
    let two = [nic("VM Network", &["10.0.0.5", "10.0.1.5"]), nic("Public", &["192.0.2.5", "2001:db8::5"])];
    let cases = [
        ("default: both the first", any(), any(), "I 10.0.0.5, E 10.0.0.5"),
        ("subnets", rule("10.0.1.0/24", "", ""), rule("192.0.2.0/24", "", ""), "I 10.0.1.5, E 192.0.2.5"),
        ("subnet order beats address order", rule("192.0.2.0/24 10.0.0.0/8", "", ""), any(), "I 192.0.2.5"),
        ("a later subnet", rule("172.16.0.0/12 10.0.1.0/24", "", ""), any(), "I 10.0.1.5"),
        (
            "both sides the same subnet",
            rule("10.0.0.0/8", "", ""),
            rule("10.0.0.0/8", "", ""),
            "I 10.0.0.5, E 10.0.0.5",
        ),
        ("a subnet of the other family", rule("2001:db8::/32", "", ""), any(), "I 10.0.0.5, E 10.0.0.5"),
        (
            "no subnet matches: the first",
            rule("172.16.0.0/12", "", ""),
            rule("172.16.0.0/12", "", ""),
            "I 10.0.0.5, E 10.0.0.5",
        ),
        ("network names", rule("", "VM Network", ""), rule("", "Public", ""), "I 10.0.0.5, E 192.0.2.5"),
        (
            "network names in any case",
            rule("", "vm network", ""),
            rule("", "PUBLIC", ""),
            "I 10.0.0.5, E 192.0.2.5",
        ),
        ("subnet before network", rule("10.0.1.0/24", "Public", ""), any(), "I 10.0.1.5"),
        ("network where the subnet fails", rule("172.16.0.0/12", "Public", ""), any(), "I 192.0.2.5"),
        ("external only", any(), rule("192.0.2.0/24", "", ""), "E 192.0.2.5"),
        ("external network only", any(), rule("", "Public", ""), "E 192.0.2.5"),
        ("one network unknown", rule("", "Gone", ""), rule("", "Public", ""), "E 192.0.2.5"),
        ("the only configured network unknown", rule("", "Gone", ""), any(), "I 10.0.0.5, E 10.0.0.5"),
        ("excluded from internal", rule("", "", "10.0.0.0/24"), any(), "I 10.0.1.5, E 10.0.0.5"),
        ("excluded from external", any(), rule("", "", "10.0.0.0/8"), "I 10.0.0.5, E 192.0.2.5"),
        ("everything excluded from one side", any(), rule("", "", "10.0.0.0/8 192.0.2.0/24"), "I 10.0.0.5"),
        ("an excluded address in the subnet", rule("10.0.0.0/8", "", "10.0.0.0/24"), any(), "I 10.0.1.5"),
        ("an excluded address on the network", rule("", "VM Network", "10.0.0.0/24"), any(), "I 10.0.1.5"),
        ("the network all excluded", rule("", "VM Network", "10.0.0.0/8"), any(), "I 192.0.2.5, E 10.0.0.5"),
    ];
    for (name, internal, external, expected) in cases {
        check(name, &with(&two), V4, &rules(internal, external), expected);
    }
}

#[test]
fn families() {
    let both = with(&[nic("a", &["2001:db8::5", "10.0.0.5"]), nic("b", &["192.0.2.5", "2001:db8:1::5"])]);
    let none = Nodes::default();
    check("v4", &both, V4, &none, "I 10.0.0.5, E 10.0.0.5");
    check("v6", &both, V6, &none, "I 2001:db8::5, E 2001:db8::5");
    check("v4, v6", &both, V4_V6, &none, "I 10.0.0.5, E 10.0.0.5, I 2001:db8::5, E 2001:db8::5");
    check("v6, v4", &both, V6_V4, &none, "I 2001:db8::5, E 2001:db8::5, I 10.0.0.5, E 10.0.0.5");
    check("the same twice", &both, &[IpFamily::V4, IpFamily::V4], &none, "I 10.0.0.5, E 10.0.0.5");
    check("none counts as v4", &both, &[], &none, "I 10.0.0.5, E 10.0.0.5");
    let by_network = rules(rule("", "a", ""), rule("", "b", ""));
    check("networks", &both, V4_V6, &by_network, "I 10.0.0.5, E 192.0.2.5, I 2001:db8::5, E 2001:db8:1::5");
    // Each family decides for itself.
    let one_each = rules(rule("10.0.0.0/8", "", ""), rule("2001:db8:1::/48", "", ""));
    check("sides", &both, V4_V6, &one_each, "I 10.0.0.5, E 2001:db8:1::5");
}

#[test]
fn addresses_that_never_count() {
    let cases: [(&str, &[&str]); 8] = [
        ("unspecified", &["0.0.0.0", "::"]),
        ("loopback", &["127.0.0.1", "::1"]),
        ("link-local", &["169.254.1.1", "fe80::1", "fe80::1%eth0"]),
        ("link-local multicast", &["224.0.0.1", "ff02::1"]),
        ("no address", &["", "unset", "10.0.0.5/24", "10.0.0.256"]),
        ("mapped", &["::ffff:127.0.0.1", "::ffff:169.254.1.1"]),
        ("a zone on v4", &["10.0.0.1%eth0"]),
        ("nothing", &[]),
    ];
    let expected = "I 10.0.0.9, E 10.0.0.9, I 2001:db8::9, E 2001:db8::9";
    for (name, addresses) in cases {
        let vm = with(&[nic("a", addresses), nic("a", &["10.0.0.9", "2001:db8::9"])]);
        check(name, &vm, V4_V6, &Nodes::default(), expected);
    }
}

#[test]
fn unusual_spellings() {
    let vm = with(&[nic("a", &["::ffff:10.0.0.5", "2001:DB8:0:0::5%eth0"])]);
    check(
        "mapped, zone",
        &vm,
        V4_V6,
        &Nodes::default(),
        "I 10.0.0.5, E 10.0.0.5, I 2001:db8::5, E 2001:db8::5",
    );
    let subnets = rules(rule("10.0.0.0/8 2001:db8::/32", "", ""), rule("", "", "0.0.0.0/0 ::/0"));
    check("in subnets", &vm, V4_V6, &subnets, "I 10.0.0.5, I 2001:db8::5");
}

#[test]
fn interfaces_of_the_guest_alone() {
    let mut nics = vec![guest_only(&["172.17.0.1", "10.0.0.1"]); 40];
    nics.insert(20, nic("VM Network", &["10.0.0.5"]));
    check("among 40", &with(&nics), V4, &Nodes::default(), "I 10.0.0.5, E 10.0.0.5");
    let subnet = rules(rule("172.17.0.0/16 10.0.0.0/8", "", ""), rule("", "", ""));
    check("in the subnet", &with(&nics), V4, &subnet, "I 10.0.0.5");
}

#[test]
fn networks_by_name() {
    let named = |name| rules(rule("", name, ""), rule("", "", ""));
    let vm = with(&[nic("other", &["10.0.0.1"]), nic("Größe ß Ⅷ", &["10.0.0.5"])]);
    check("beyond ASCII", &vm, V4, &named("GRÖSSE"), "I 10.0.0.1, E 10.0.0.1");
    check("beyond ASCII", &vm, V4, &named("gRÖßE ẞ ⅷ"), "I 10.0.0.5");
    let empty = Nodes {
        internal: AddressRule { network: Some(String::new()), ..rule("", "", "") },
        ..Nodes::default()
    };
    let vm = with(&[nic("a", &["10.0.0.1"]), GuestNic { network: None, ..nic("", &["10.0.0.2"]) }]);
    check("the empty name is none", &vm, V4, &empty, "I 10.0.0.1, E 10.0.0.1");
    // A NIC without address is a NIC on that network all the same.
    let vm = with(&[nic("a", &[]), nic("b", &["10.0.0.5"])]);
    check("present", &vm, V4, &rules(rule("", "A", ""), rule("", "gone", "")), "I 10.0.0.5, E 10.0.0.5");
}

/// A virtual IP that vCenter lists first is taken: nothing tells it from the machine's own.
#[test]
fn virtual_ip_first() {
    let vm = with(&[nic("VM Network", &["10.0.0.100", "10.0.0.5"])]);
    check("unconfigured", &vm, V4, &Nodes::default(), "I 10.0.0.100, E 10.0.0.100");
    let excluded = rules(rule("", "", "10.0.0.100/32"), rule("", "", "10.0.0.100/32"));
    check("excluded", &vm, V4, &excluded, "I 10.0.0.5, E 10.0.0.5");
    let vm = with_metadata(vm, "network: {ethernets: {id0: {addresses: [10.0.0.5/24]}}}");
    check("static address in the metadata", &vm, V4, &Nodes::default(), "I 10.0.0.5, E 10.0.0.5");
}

#[test]
fn static_addresses_come_first() {
    let plain = with(&[
        nic("a", &["10.0.0.1", "10.0.0.2", "2001:db8::1"]),
        nic("b", &["10.0.0.3", "2001:db8::3"]),
        guest_only(&["10.0.0.9"]),
    ]);
    let vm = with_metadata(
        plain.clone(),
        "network:\n  ethernets:\n    eth10: {addresses: [10.0.0.1/24]}\n    \
         eth9: {addresses: [10.0.0.9/24, 192.0.2.77/24, 10.0.0.3/24, '2001:DB8::3/64']}\n",
    );
    let none = Nodes::default();
    // 10.0.0.9 is on no virtual NIC and 192.0.2.77 is not reported: listing does not add any.
    check("order of the list", &vm, V4_V6, &none, "I 10.0.0.3, E 10.0.0.3, I 2001:db8::3, E 2001:db8::3");
    let second = rules(rule("", "", "10.0.0.3/32"), rule("", "", "10.0.0.1/32 10.0.0.3/32"));
    check("then the next", &vm, V4, &second, "I 10.0.0.1, E 10.0.0.2");
    let subnet = rules(rule("10.0.0.2/32", "", ""), rule("10.0.0.0/24", "", ""));
    check("subnets still decide", &vm, V4, &subnet, "I 10.0.0.2, E 10.0.0.3");
    let network = rules(rule("", "a", ""), rule("", "b", ""));
    check("so do networks", &vm, V4, &network, "I 10.0.0.1, E 10.0.0.3");
    let unmarked = Vm { metadata_encoding: None, ..vm };
    check("another encoding", &unmarked, V4, &none, "I 10.0.0.1, E 10.0.0.1");
}

#[test]
fn addresses_that_were_not_taken_are_told_with_the_reason() {
    let vm = with(&[nic("a", &["10.0.0.1", "10.0.0.9", "10.0.0.2", "fd00::1"]), guest_only(&["172.17.0.1"])]);
    let rules = rules(rule("", "", "10.0.0.9/32"), rule("", "", "10.0.0.9/32"));
    assert_eq!(
        passed_over(&vm, V4, &rules),
        [
            "10.0.0.9 on \"a\": excluded from internal by 10.0.0.9/32, excluded from external by 10.0.0.9/32",
            "10.0.0.2 on \"a\": another one comes first",
            "fd00::1 on \"a\": not ipv4",
            "172.17.0.1: on no virtual NIC",
        ]
    );
}
