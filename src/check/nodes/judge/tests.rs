//! Nodes and machines in every state, as a table.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::cloud::{Address, AddressKind, Addresses, Candidate, Mismatch, Zone, parse_uuid};
use crate::vsphere::inventory::{FoundBy, Vm, ZoneFacts, ZoneTags};

const UUID: &str = "4237aaaa-5c1c-0b7d-6f2e-0123456789ab";

fn registered() -> Node {
    serde_json::from_value(json!({
        "metadata": {"name": "node-1", "uid": "u"},
        "spec": {"taints": [{"key": "node.cloudprovider.kubernetes.io/uninitialized", "effect": "NoSchedule"}]},
        "status": {"nodeInfo": {"systemUUID": UUID}},
    }))
    .unwrap()
}

fn initialised(labels: &serde_json::Value) -> Node {
    let id = format!("vsphere://{UUID}");
    serde_json::from_value(json!({
        "metadata": {"name": "node-1", "uid": "u", "labels": labels},
        "spec": {"providerID": id},
        "status": {"nodeInfo": {"systemUUID": UUID}, "addresses": [
            {"type": "Hostname", "address": "node-1"}, {"type": "InternalIP", "address": "10.0.0.1"},
        ]},
    }))
    .unwrap()
}

fn found(change: impl FnOnce(&mut Examined, &mut Vm)) -> Seen {
    let mut vm = Vm::new(MoRef::new("VirtualMachine", "vm-1"));
    vm.power_state = PowerState::On;
    vm.connection_state = ConnectionState::Connected;
    let instance = Instance {
        provider_id: ProviderId::new(parse_uuid(UUID).unwrap()),
        instance_type: "vsphere-vm.cpu-2".to_owned(),
        host_name: Some("node-1".to_owned()),
        addresses: Addresses {
            selected: vec![Address { kind: AddressKind::Internal, ip: "10.0.0.1".parse().unwrap() }],
            problem: None,
            reported: vec!["10.0.0.1".parse().unwrap()],
        },
        zone: Zone::default(),
        record: None,
        location: "vm-1 (node-1) in vCenter vc".to_owned(),
    };
    let mut examined = Examined {
        instance,
        vcenter: "vc".to_owned(),
        vm: Arc::new(vm.clone()),
        found_by: FoundBy::SystemUuid,
        zone: None,
        passed_over: Vec::new(),
    };
    change(&mut examined, &mut vm);
    examined.vm = Arc::new(vm);
    Seen { outcome: Ok(examined), tools_run: Some(true) }
}

fn lost(error: InstanceError) -> Seen {
    Seen { outcome: Err(error), tools_run: None }
}

fn judged(of: &Node, seen: &Seen) -> Finding {
    node(of, seen, &[], &|_, object| object.to_string()).finding
}

#[test]
fn nodes_that_are_all_right_tell_what_they_are() {
    let seen = found(|examined, _| {
        examined.passed_over.push("10.0.0.9: another one comes first".to_owned());
        let on = |name: &str| Some((name.to_owned(), MoRef::new("HostSystem", "host-1")));
        examined.zone = Some(ZoneFacts { tags: ZoneTags { region: on("r"), zone: on("z") }, problem: None });
    });
    let finding = judged(&registered(), &seen);
    assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
    for part in [
        "vm-1 (node-1) in vCenter vc, found by systemUUID (BIOS uuid)",
        "switched on; VMware Tools run; InternalIP 10.0.0.1",
        "not taken: 10.0.0.9",
        "zone z from HostSystem:host-1",
        "would write providerID vsphere://4237aaaa",
        "no taint",
    ] {
        assert!(finding.message.contains(part), "{part}: {finding:?}");
    }
    let kind =
        json!({INSTANCE_TYPE: "vsphere-vm.cpu-2", "beta.kubernetes.io/instance-type": "vsphere-vm.cpu-2"});
    assert_eq!(judged(&initialised(&kind), &found(|_, _| ())).severity, Severity::Ok);
}

#[test]
fn machines_in_trouble() {
    type Change = fn(&mut Examined, &mut Vm);
    let cases: &[(Change, Severity, &str)] = &[
        (|_, vm| vm.power_state = PowerState::Off, Severity::Warning, "switched off"),
        (|_, vm| vm.power_state = PowerState::Suspended, Severity::Warning, "suspended"),
        (|_, vm| vm.connection_state = ConnectionState::Stale, Severity::Warning, "lost its connection"),
        (
            |found, _| found.instance.addresses.problem = Some("no ipv6 address".into()),
            Severity::Warning,
            "no ipv6",
        ),
        (|found, _| found.instance.zone.problem = Some("no tag".into()), Severity::Warning, "no tag"),
        (|found, _| found.instance.addresses = Addresses::default(), Severity::Failure, "NoAddresses: "),
    ];
    for (change, severity, part) in cases {
        let finding = judged(&registered(), &found(change));
        assert_eq!(finding.severity, *severity, "{finding:?}");
        assert!(finding.message.contains(part), "{finding:?}");
    }
    let silent =
        Seen { tools_run: Some(false), ..found(|found, _| found.instance.addresses = Addresses::default()) };
    let finding = judged(&registered(), &silent);
    assert_eq!(finding.severity, Severity::Failure, "the worst counts");
    assert!(finding.message.contains("VMware Tools do not run") && finding.fix.is_some(), "{finding:?}");
}

#[test]
fn labels_that_are_not_true_of_the_machine() {
    let seen = found(|examined, _| {
        examined.instance.zone = Zone { zone: Some("b".into()), region: Some("r".into()), problem: None };
    });
    let finding = judged(&initialised(&json!({ZONE: "a", REGION: "r"})), &seen);
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.message.contains("topology.kubernetes.io/zone is a, but the VM is in b"), "{finding:?}");
    assert!(!finding.message.contains("region is"), "{finding:?}");
}

#[test]
fn a_node_that_is_marked_as_off_although_its_machine_runs() {
    let mut marked = initialised(&json!({}));
    marked.spec.taints =
        serde_json::from_value(json!([{"key": TAINT_SHUTDOWN, "effect": "NoSchedule"}])).unwrap();
    let finding = judged(&marked, &found(|_, _| ()));
    assert_eq!(finding.severity, Severity::Note);
    assert!(finding.message.contains("taint of a VM that is off"), "{finding:?}");
}

#[test]
fn what_a_manager_would_change_of_a_node_at_work_is_told() {
    let seen = found(|examined, _| {
        examined.instance.addresses.selected[0].ip = "10.0.0.2".parse().unwrap();
        examined.instance.addresses.reported = vec!["10.0.0.2".parse().unwrap()];
    });
    let finding = judged(&initialised(&json!({})), &seen);
    assert_eq!(finding.severity, Severity::Note);
    assert!(finding.message.contains("addresses Hostname node-1, InternalIP 10.0.0.2"), "{finding:?}");
}

#[test]
fn nodes_without_a_machine() {
    let candidate = |id: &str| Candidate {
        location: format!("{id} in vc"),
        found_by: "DNS name",
        ..Candidate::default()
    };
    for (error, severity, part) in [
        (InstanceError::NotFound("none".into()), Severity::Failure, "none"),
        (
            InstanceError::Ambiguous(vec![candidate("vm-1"), candidate("vm-2")]),
            Severity::Failure,
            "vm-2 in vc",
        ),
        (
            InstanceError::Mismatch(Box::new(Mismatch {
                by_provider_id: candidate("vm-1"),
                by_system_uuid: candidate("vm-2"),
            })),
            Severity::Failure,
            "systemUUID names vm-2",
        ),
        (InstanceError::NotOurs("aws".into()), Severity::Note, "left alone"),
    ] {
        let finding = judged(&registered(), &lost(error));
        assert_eq!(finding.severity, severity, "{finding:?}");
        assert!(finding.message.contains(part), "{finding:?}");
        assert_eq!(finding.fix.is_some(), severity == Severity::Failure, "{finding:?}");
    }
    let unknown = judged(&registered(), &lost(InstanceError::Unknown("away".into())));
    assert_eq!((unknown.severity, unknown.message.as_str()), (Severity::Failure, "away"));
    let absent = lost(InstanceError::NotFound("none".into()));
    let finding = node(&registered(), &absent, &["vc-2"], &|_, _| String::new()).finding;
    assert_eq!(finding.severity, Severity::Warning, "it may be in the other one");
}

#[test]
fn many_nodes_are_told_of_in_few_lines() {
    let verdicts = || -> Vec<Verdict> {
        let bad = lost(InstanceError::NotFound("none".into()));
        let well = found(|_, _| ());
        let judge = |of: &Node, seen: &Seen| node(of, seen, &[], &|_, _| String::new());
        let mut all: Vec<Verdict> = (0..998).map(|_| judge(&registered(), &well)).collect();
        all.push(judge(&initialised(&json!({})), &well));
        all.push(judge(&registered(), &bad));
        all
    };
    let told = report(verdicts(), false);
    assert!(told.len() <= 3, "{}", told.len());
    let last = &told.last().unwrap().message;
    assert!(last.starts_with("999 of 1000 are all right: 1 initialised, 998 that"), "{last}");
    assert_eq!(report(verdicts(), true).len(), 1001);
}
