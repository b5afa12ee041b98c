//! What `problem` says.

use super::*;

#[track_caller]
fn problem(vm: &Vm, families: &[IpFamily], rules: &Nodes, selected: &str) -> String {
    let addresses = select(vm, families, rules);
    assert_eq!(written(&addresses), selected);
    addresses.problem.unwrap()
}

#[test]
fn without_tools() {
    assert_eq!(
        problem(&with(&[]), V4, &Nodes::default(), ""),
        "no ipv4 address: the guest reports no network interface (are VMware Tools running?)"
    );
    let networks = rules(rule("", "a", ""), rule("", "b", ""));
    assert_eq!(
        problem(&with(&[]), V4_V6, &networks, ""),
        "no ipv4 or ipv6 address: the guest reports no network interface (are VMware Tools running?)"
    );
}

#[test]
fn without_any_address() {
    assert_eq!(
        problem(&with(&[nic("a", &[]), nic("b", &[])]), V6, &Nodes::default(), ""),
        "no ipv6 address: the guest reports none (network interfaces: 2)"
    );
}

#[test]
fn every_address_and_why_it_was_passed_over() {
    let vm = with(&[
        guest_only(&["172.17.0.1"]),
        nic("VM Network", &["fe80::1%eth0", "127.0.0.1", "0.0.0.0", "ff02::1", "junk", "2001:db8::5"]),
        nic("Public \"1\"", &["10.0.0.5"]),
        GuestNic { network: None, ..nic("", &["10.1.0.5"]) },
    ]);
    let excluded = rules(rule("", "", "192.0.2.0/24 10.0.0.0/8"), rule("", "", "10.0.0.0/16 10.1.0.0/16"));
    insta::assert_snapshot!(
        problem(&vm, V4, &excluded, "").replace("; ", "\n"),
        @r#"
    no usable ipv4 address: 2001:db8::5 on "VM Network": not ipv4
    10.0.0.5 on "Public \"1\"": excluded from internal by 10.0.0.0/8, excluded from external by 10.0.0.0/16
    10.1.0.5: excluded from internal by 10.0.0.0/8, excluded from external by 10.1.0.0/16
    fe80::1 on "VM Network": link-local
    127.0.0.1 on "VM Network": loopback
    0.0.0.0 on "VM Network": unspecified
    ff02::1 on "VM Network": link-local multicast
    "junk" on "VM Network": not an IP address
    172.17.0.1: on no virtual NIC
    "#
    );
}

#[test]
fn on_neither_network() {
    let vm = with(&[
        nic("VM Network", &["10.0.0.5", "fe80::1"]),
        GuestNic { network: Some("b".into()), ..guest_only(&["10.0.0.6"]) },
    ]);
    let networks = rules(rule("10.0.0.0/8", "a", ""), rule("", "b", ""));
    assert_eq!(
        problem(&vm, V4, &networks, ""),
        "no ipv4 address: no NIC is on network \"a\" or \"b\": 10.0.0.5 on \"VM Network\": on another network; \
         fe80::1 on \"VM Network\": link-local; 10.0.0.6 on \"b\": on no virtual NIC"
    );
}

#[test]
fn one_of_two_families() {
    let none = Nodes::default();
    let v4_only = with(&[nic("a", &["10.0.0.5", "fe80::1"])]);
    let expected = "no usable ipv6 address: fe80::1 on \"a\": link-local";
    assert_eq!(problem(&v4_only, V4_V6, &none, "I 10.0.0.5, E 10.0.0.5"), expected);
    assert_eq!(problem(&v4_only, V6_V4, &none, "I 10.0.0.5, E 10.0.0.5"), expected);
    let v6_only = with(&[nic("a", &["2001:db8::5"])]);
    assert_eq!(
        problem(&v6_only, V4_V6, &none, "I 2001:db8::5, E 2001:db8::5"),
        "no ipv4 address: none among those that the guest reports"
    );
    let excluded = rules(rule("", "", "2001:db8::/32"), rule("", "", "::/0"));
    assert_eq!(
        problem(&with(&[nic("a", &["10.0.0.5", "2001:db8::5"])]), V4_V6, &excluded, "I 10.0.0.5, E 10.0.0.5"),
        "no usable ipv6 address: 2001:db8::5 on \"a\": excluded from internal by 2001:db8::/32, \
         excluded from external by ::/0"
    );
    assert_eq!(
        problem(&with(&[nic("a", &["fe80::1"])]), V4_V6, &none, ""),
        "no usable ipv4 or ipv6 address: fe80::1 on \"a\": link-local"
    );
}

#[test]
fn broken_metadata_costs_its_priority_only() {
    let vm = with(&[nic("a", &["10.0.0.100", "10.0.0.5"])]);
    let broken = [
        ("network: {ethernets: 1}", "guestinfo.metadata is not the expected YAML (line 1, column 22)"),
        ("network.encoding: b64\nnetwork: '?'", "network in guestinfo.metadata is not valid base64"),
        ("network.encoding: gz+b64\nnetwork: AAAA", "network in guestinfo.metadata is not valid gzip"),
    ];
    for (metadata, reason) in broken {
        assert_eq!(
            problem(
                &with_metadata(vm.clone(), metadata),
                V4,
                &Nodes::default(),
                "I 10.0.0.100, E 10.0.0.100"
            ),
            format!("static addresses in guestinfo.metadata are ignored: {reason}")
        );
    }
    let not_even_base64 = Vm { metadata: Some("---".into()), ..with_metadata(vm, "") };
    assert_eq!(
        problem(&not_even_base64, V6, &Nodes::default(), ""),
        "no usable ipv6 address: 10.0.0.100 on \"a\": not ipv6; 10.0.0.5 on \"a\": not ipv6. static addresses in \
         guestinfo.metadata are ignored: guestinfo.metadata is not valid base64"
    );
}

#[test]
fn the_list_is_bounded() {
    let many: Vec<String> = (0..200).map(|i| format!("10.0.0.{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let nothing = rules(rule("", "", "0.0.0.0/0"), rule("", "", "0.0.0.0/0"));
    let by_count = problem(&with(&[GuestNic { network: None, ..nic("", &many) }]), V6, &nothing, "");
    assert!(by_count.ends_with("; 10.0.0.19: not ipv6; and 180 more"), "{by_count}");
    let by_length = problem(&with(&[nic("a network of this house", &many)]), V4, &nothing, "");
    assert!(by_length.ends_with(" more") && by_length.len() < 800, "{by_length}");
    let long = "x".repeat(5000);
    let one = problem(&with(&[nic(&long, &[&long])]), V4, &nothing, "");
    assert!(one.len() < 300 && one.contains("x…\" on \"x"), "{one}");
    let exactly = problem(&with(&[GuestNic { network: None, ..nic("", &many[..20]) }]), V6, &nothing, "");
    assert!(exactly.ends_with("; 10.0.0.19: not ipv6"), "{exactly}");
}

#[test]
fn what_the_guest_could_not_have_meant_comes_last() {
    let mut nics = vec![guest_only(&["172.17.0.1"]); 40];
    nics.push(nic("a", &["fe80::1", "10.0.0.5"]));
    let nothing = rules(rule("", "", "10.0.0.0/8"), rule("", "", "10.0.0.0/8"));
    let text = problem(&with(&nics), V4, &nothing, "");
    assert!(
        text.starts_with(
            "no usable ipv4 address: 10.0.0.5 on \"a\": excluded from internal by 10.0.0.0/8, excluded from \
             external by 10.0.0.0/8; fe80::1 on \"a\": link-local; 172.17.0.1: on no virtual NIC; "
        ) && text.ends_with("; and 22 more"),
        "{text}"
    );
}
