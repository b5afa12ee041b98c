//! Each rule about addresses a row.

use super::*;
use crate::k8s::EventKind;

const HOST: &str = "Hostname";
const INT: &str = "InternalIP";
const EXT: &str = "ExternalIP";

/// Name of the rule, `--node-ip`, host name in the guest, selected addresses, and what is written.
type Waiting<'a> = (&'a str, &'a str, Option<&'a str>, &'a [&'a str], &'a [(&'a str, &'a str)]);

#[test]
fn addresses_of_a_waiting_node() {
    let rows: &[Waiting<'_>] = &[
        (
            "the guest's spelling of the name",
            "",
            Some("NODE-1"),
            &["int:10.0.0.1"],
            &[(HOST, "NODE-1"), (INT, "10.0.0.1")],
        ),
        (
            "but not another name",
            "",
            Some("node-1.example.org"),
            &["int:10.0.0.1"],
            &[(HOST, "node-1"), (INT, "10.0.0.1")],
        ),
        (
            "the order is the provider's",
            "",
            None,
            &["int:10.0.0.1", "ext:192.0.2.1", "int:fd00::1"],
            &[(HOST, "node-1"), (INT, "10.0.0.1"), (EXT, "192.0.2.1"), (INT, "fd00::1")],
        ),
        (
            "--node-ip is the only one of its type",
            "10.0.0.2",
            None,
            &["int:10.0.0.1", "int:10.0.0.2", "ext:192.0.2.1"],
            &[(INT, "10.0.0.2"), (HOST, "node-1"), (EXT, "192.0.2.1")],
        ),
        (
            "--node-ip in both types",
            "10.0.0.1",
            None,
            &["int:10.0.0.1", "ext:10.0.0.1", "int:fd00::1"],
            &[(INT, "10.0.0.1"), (EXT, "10.0.0.1"), (HOST, "node-1")],
        ),
        (
            "two of them, in their order",
            "fd00:0::1,10.0.0.1",
            None,
            &["int:10.0.0.1", "int:10.0.0.9", "int:fd00::1"],
            &[(INT, "fd00::1"), (INT, "10.0.0.1"), (HOST, "node-1")],
        ),
        ("--node-ip alone", "10.0.0.1", None, &[], &[(INT, "10.0.0.1"), (HOST, "node-1")]),
    ];
    for (rule, node_ip, guest, selected, expected) in rows {
        let node = with_node_ip(registered("node-1"), node_ip);
        let mut instance = instance(selected);
        instance.host_name = guest.map(str::to_owned);
        let plan = decide(&slim(&node), &Ok(instance), &none());
        assert_eq!(applied(&node, &plan)["status"]["addresses"], entries(expected), "{rule}");
        assert!(plan.initialised, "{rule}");
    }
}

#[test]
fn without_addresses_the_taint_stays_but_the_rest_is_written() {
    for (node_ip, instance, reason, texts) in [
        ("", silent(), "NoAddresses", ["no network at all", "vm-12 (node-1)"]),
        (
            "10.0.0.9",
            instance(&["int:10.0.0.1"]),
            "ProvidedNodeIPMismatch",
            ["10.0.0.9", "InternalIP 10.0.0.1"],
        ),
        (
            "10.0.0.1,10.0.0.9",
            instance(&["int:10.0.0.1"]),
            "ProvidedNodeIPMismatch",
            ["10.0.0.1, 10.0.0.9", "InternalIP 10.0.0.1"],
        ),
        ("eth0", instance(&["int:10.0.0.1"]), "InvalidProvidedNodeIP", ["eth0", "--node-ip"]),
    ] {
        let node = with_node_ip(registered("node-1"), node_ip);
        let plan = decide(&slim(&node), &Ok(instance.clone()), &none());
        assert_eq!((reasons(&plan), plan.initialised, &plan.status), (vec![reason], false, &None));
        assert_eq!(plan.events[0].kind, EventKind::Warning);
        assert!(texts.iter().all(|text| plan.events[0].message.contains(text)), "{:?}", plan.events);
        let after = applied(&node, &plan);
        assert_eq!(after["spec"]["providerID"], format!("vsphere://{UUID}"));
        assert_eq!(after["spec"]["taints"], node["spec"]["taints"]);
        let again = decide(&slim(&after), &Ok(instance), &none());
        assert_eq!((&again.metadata, &again.status), (&None, &None), "{reason}");
    }
}

#[test]
fn a_family_that_is_missing_is_told_and_does_not_delay() {
    let mut partial = instance(&["int:10.0.0.1"]);
    partial.addresses.problem = Some("no IPv6 address".to_owned());
    let plan = decide(&slim(&registered("node-1")), &Ok(partial), &none());
    assert!(plan.initialised);
    assert_eq!(reasons(&plan), ["Synced", "MissingAddresses"]);
}

/// A Node that upstream has initialised, with these addresses.
fn at_work(addresses: &[(&str, &str)]) -> Value {
    let mut node = initialised("node-1");
    node["status"]["addresses"] = entries(addresses);
    node
}

#[test]
fn a_node_at_work_is_left_alone() {
    let one = || instance(&["int:10.0.0.1"]);
    let dual = || instance(&["int:10.0.0.1", "int:fd00::1"]);
    let mut partial = one();
    partial.addresses.problem = Some("no IPv6 address".to_owned());
    let mut other_name = one();
    other_name.host_name = Some("Node-1.example.org".to_owned());
    let node = at_work(&[(HOST, "node-1"), (INT, "10.0.0.1")]);
    let two = at_work(&[(HOST, "node-1"), (INT, "10.0.0.1"), (INT, "fd00::1")]);
    for (rule, node, instance) in [
        ("the same", node.clone(), one()),
        ("two of a type", two.clone(), dual()),
        (
            "another spelling of an address",
            at_work(&[(HOST, "node-1"), (INT, "10.0.0.1"), (INT, "fd00:0:0::1")]),
            dual(),
        ),
        ("another spelling of the name", at_work(&[(HOST, "NODE-1"), (INT, "10.0.0.1")]), one()),
        (
            "upstream's idea of the name",
            at_work(&[(HOST, "node-1.example.org"), (INT, "10.0.0.1")]),
            other_name,
        ),
        (
            "upstream's order with --node-ip",
            with_node_ip(at_work(&[(INT, "10.0.0.1"), (HOST, "node-1")]), "10.0.0.1"),
            dual(),
        ),
        ("the guest fell silent", node.clone(), silent()),
        ("the guest fell silent, with --node-ip", with_node_ip(node.clone(), "10.0.0.1"), silent()),
        ("--node-ip is not there now", with_node_ip(node.clone(), "10.0.0.7"), one()),
        ("one family fell silent", two, partial),
    ] {
        assert_eq!(decide(&slim(&node), &Ok(instance), &none()), Plan::default(), "{rule}");
    }
}

#[test]
fn a_node_at_work_follows_its_machine() {
    let node = at_work(&[(HOST, "node-1"), (INT, "10.0.0.1")]);
    for (rule, node, selected, expected) in [
        (
            "another address",
            node.clone(),
            ["int:10.0.0.2"].as_slice(),
            [(HOST, "node-1"), (INT, "10.0.0.2")].as_slice(),
        ),
        (
            "another address, and the name as it was",
            at_work(&[(HOST, "NODE-1"), (INT, "10.0.0.1")]),
            &["int:10.0.0.2"],
            &[(HOST, "NODE-1"), (INT, "10.0.0.2")],
        ),
        (
            "another order",
            at_work(&[(HOST, "node-1"), (INT, "fd00::1"), (INT, "10.0.0.1")]),
            &["int:10.0.0.1", "int:fd00::1"],
            &[(HOST, "node-1"), (INT, "10.0.0.1"), (INT, "fd00::1")],
        ),
        (
            "another type",
            at_work(&[(HOST, "node-1"), (EXT, "10.0.0.1")]),
            &["int:10.0.0.1"],
            &[(HOST, "node-1"), (INT, "10.0.0.1")],
        ),
        (
            "a wrong name",
            at_work(&[(HOST, "somebody"), (INT, "10.0.0.1")]),
            &["int:10.0.0.1"],
            &[(HOST, "node-1"), (INT, "10.0.0.1")],
        ),
    ] {
        let plan = decide(&slim(&node), &Ok(instance(selected)), &none());
        assert_eq!((&plan.metadata, &plan.events), (&None, &vec![]), "{rule}");
        assert_eq!(applied(&node, &plan)["status"]["addresses"], entries(expected), "{rule}");
    }
    let plan = decide(&slim(&node), &Ok(instance(&["int:10.0.0.2"])), &none());
    insta::assert_snapshot!(lines(plan.status.as_ref()), @r#"
    test /metadata/uid "uid-of-node-1"
    test /status/addresses [{"address":"node-1","type":"Hostname"},{"address":"10.0.0.1","type":"InternalIP"}]
    replace /status/addresses [{"address":"node-1","type":"Hostname"},{"address":"10.0.0.2","type":"InternalIP"}]
    "#);
}
