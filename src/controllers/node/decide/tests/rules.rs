//! Each rule a row: what happens to a Node and when nothing does.

use super::*;
use crate::cloud::{Candidate, Mismatch};
use crate::k8s::{EventKind, Repeat};

#[test]
fn a_registered_node_is_initialised_with_two_patches_and_one_event() {
    let additional = labelled(&[("rack", "r-1")]);
    let answer = Ok(instance(&["int:10.0.0.1", "ext:10.0.0.1"]));
    let plan = decide(&slim(&registered("node-1")), &answer, &additional);
    insta::assert_snapshot!(lines(plan.status.as_ref()), @r#"
    test /metadata/uid "uid-of-node-1"
    test /status/addresses null
    add /status/addresses [{"address":"node-1","type":"Hostname"},{"address":"10.0.0.1","type":"InternalIP"},{"address":"10.0.0.1","type":"ExternalIP"}]
    "#);
    insta::assert_snapshot!(lines(plan.metadata.as_ref()), @r#"
    test /metadata/uid "uid-of-node-1"
    test /spec/providerID null
    add /spec/providerID "vsphere://4237aaaa-5c1c-0b7d-6f2e-0123456789ab"
    test /metadata/labels/beta.kubernetes.io~1instance-type null
    add /metadata/labels/beta.kubernetes.io~1instance-type "vsphere-vm.cpu-2.mem-4gb.os-ubuntu"
    test /metadata/labels/node.kubernetes.io~1instance-type null
    add /metadata/labels/node.kubernetes.io~1instance-type "vsphere-vm.cpu-2.mem-4gb.os-ubuntu"
    test /metadata/labels/rack null
    add /metadata/labels/rack "r-1"
    test /spec/taints/0/key "node.cloudprovider.kubernetes.io/uninitialized"
    remove /spec/taints/0
    "#);
    assert_eq!(plan.events, [NodeEvent::normal("Synced", "Node synced successfully")]);
    assert!(plan.initialised);
}

#[test]
fn every_taint_of_the_key_goes_and_no_other() {
    let mut node = registered("node-1");
    node["spec"]["taints"] = json!([
        {"key": TAINT_UNINITIALIZED, "effect": "NoExecute"},
        {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
        {"key": TAINT_UNINITIALIZED, "value": "other", "effect": "NoSchedule"},
        {"key": "example.org/mine", "effect": "NoExecute", "timeAdded": "2026-01-02T03:04:05Z"},
    ]);
    let plan = decide(&slim(&node), &Ok(instance(&["int:10.0.0.1"])), &none());
    let after = slim(&applied(&node, &plan));
    let keys: Vec<&str> = after.taints().iter().map(|taint| taint.key.as_str()).collect();
    assert_eq!(keys, ["node.kubernetes.io/not-ready", "example.org/mine"]);
}

#[test]
fn what_is_there_is_respected() {
    let mut node = registered("node-1");
    node["spec"]["providerID"] = json!(format!("VSPHERE://{}", UUID.to_uppercase()));
    node["metadata"]["labels"]["rack"] = "mine".into();
    node["metadata"]["labels"]["node.kubernetes.io/instance-type"] = "kubelet's".into();
    let additional =
        labelled(&[("rack", "theirs"), ("node.kubernetes.io/pool", "x"), ("example.org/k8s.io", "y")]);
    let plan = decide(&slim(&node), &Ok(instance(&["int:10.0.0.1"])), &additional);
    insta::assert_snapshot!(lines(plan.metadata.as_ref()), @r#"
    test /metadata/uid "uid-of-node-1"
    test /metadata/labels/beta.kubernetes.io~1instance-type null
    add /metadata/labels/beta.kubernetes.io~1instance-type "vsphere-vm.cpu-2.mem-4gb.os-ubuntu"
    test /metadata/labels/node.kubernetes.io~1instance-type "kubelet's"
    replace /metadata/labels/node.kubernetes.io~1instance-type "vsphere-vm.cpu-2.mem-4gb.os-ubuntu"
    test /metadata/labels/example.org~1k8s.io null
    add /metadata/labels/example.org~1k8s.io "y"
    test /spec/taints/0/key "node.cloudprovider.kubernetes.io/uninitialized"
    remove /spec/taints/0
    "#);
}

#[test]
fn labels_are_created_where_there_are_none() {
    let mut node = registered("node-1");
    node["metadata"].as_object_mut().unwrap().remove("labels");
    let plan = decide(&slim(&node), &Ok(silent()), &none());
    insta::assert_snapshot!(lines(plan.metadata.as_ref()), @r#"
    test /metadata/uid "uid-of-node-1"
    test /spec/providerID null
    add /spec/providerID "vsphere://4237aaaa-5c1c-0b7d-6f2e-0123456789ab"
    test /metadata/labels null
    add /metadata/labels {"beta.kubernetes.io/instance-type":"vsphere-vm.cpu-2.mem-4gb.os-ubuntu","node.kubernetes.io/instance-type":"vsphere-vm.cpu-2.mem-4gb.os-ubuntu"}
    "#);
}

#[test]
fn new_spellings_of_labels_follow_the_old_ones_whatever_the_machine() {
    let mut node = initialised("node-1");
    let labels = &mut node["metadata"]["labels"];
    labels["failure-domain.beta.kubernetes.io/zone"] = "z-1".into();
    labels["failure-domain.beta.kubernetes.io/region"] = "r-1".into();
    labels["topology.kubernetes.io/region"] = "old".into();
    labels["beta.kubernetes.io/instance-type"] = "mine".into();
    for answer in [Ok(instance(&["int:10.0.0.1"])), Err(InstanceError::Unknown("down".into()))] {
        let additional = labelled(&[("rack", "r-1")]);
        let plan = decide(&slim(&node), &answer, &additional);
        insta::allow_duplicates! {
            insta::assert_snapshot!(lines(plan.metadata.as_ref()), @r#"
            test /metadata/uid "uid-of-node-1"
            test /metadata/labels/topology.kubernetes.io~1zone null
            add /metadata/labels/topology.kubernetes.io~1zone "z-1"
            test /metadata/labels/topology.kubernetes.io~1region "old"
            replace /metadata/labels/topology.kubernetes.io~1region "r-1"
            test /metadata/labels/node.kubernetes.io~1instance-type "vsphere-vm.cpu-2.mem-4gb.os-ubuntu"
            replace /metadata/labels/node.kubernetes.io~1instance-type "mine"
            "#);
        }
        assert_eq!((plan.status, plan.events), (None, vec![]));
    }
}

#[test]
fn a_zone_in_the_old_spelling_is_followed_at_once() {
    let mut node = registered("node-1");
    node["metadata"]["labels"]["failure-domain.beta.kubernetes.io/zone"] = "z-1".into();
    node["metadata"]["labels"]["beta.kubernetes.io/instance-type"] = "kubelet's".into();
    let plan = decide(&slim(&node), &Ok(instance(&["int:10.0.0.1"])), &none());
    let after = slim(&applied(&node, &plan));
    assert_eq!(after.label("topology.kubernetes.io/zone"), Some("z-1"));
    assert_eq!(after.label("node.kubernetes.io/instance-type"), Some(TYPE));
}

#[test]
fn without_a_machine_nothing_is_written_and_the_reason_is_told() {
    let candidate = |location: &str| Candidate {
        location: location.to_owned(),
        found_by: "BIOS uuid",
        ..Candidate::default()
    };
    let (a, b) = (candidate("vm-1 (a) in vCenter x"), candidate("vm-2 (b) in vCenter y"));
    for (error, reason, at_work, text) in [
        (InstanceError::NotFound("2 vCenters answered".into()), "InstanceNotFound", true, UUID),
        (
            InstanceError::Ambiguous(vec![a.clone(), b.clone()]),
            "AmbiguousInstance",
            true,
            "vm-2 (b) in vCenter y",
        ),
        (
            InstanceError::Mismatch(Box::new(Mismatch { by_provider_id: a, by_system_uuid: b })),
            "InstanceMismatch",
            true,
            "vm-1 (a) in vCenter x",
        ),
        (InstanceError::Unknown("x: connection refused".into()), "InstanceUnknown", false, "refused"),
        (InstanceError::NotOurs("another cloud's".into()), "ForeignProviderID", false, "another cloud's"),
    ] {
        for (node, told) in [(registered("node-1"), true), (initialised("node-1"), at_work)] {
            let plan = decide(&slim(&node), &Err(error.clone()), &none());
            assert_eq!((&plan.metadata, &plan.status, plan.initialised), (&None, &None, false));
            assert_eq!(reasons(&plan), if told { vec![reason] } else { vec![] });
            assert!(plan.events.iter().all(|event| event.message.contains(text)), "{:?}", plan.events);
            assert!(plan.events.iter().all(|event| event.kind == EventKind::Warning));
        }
    }
}

#[test]
fn some_nodes_are_never_touched() {
    let mut foreign = registered("node-1");
    foreign["spec"]["providerID"] = "aws:///eu-west-1a/i-0123".into();
    let mut unreadable = registered("node-1");
    unreadable["spec"]["providerID"] = "vsphere://".into();
    let mut foreign_at_work = initialised("node-1");
    foreign_at_work["spec"]["providerID"] = "aws:///eu-west-1a/i-0123".into();
    foreign_at_work["metadata"]["labels"]["node.kubernetes.io/instance-type"] = "m5.large".into();
    let mut going = registered("node-1");
    going["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z".into();
    for (node, expected) in [
        (foreign, vec!["ForeignProviderID"]),
        (unreadable, vec!["InvalidProviderID"]),
        (foreign_at_work, vec![]),
        (going, vec![]),
    ] {
        let plan = decide(&slim(&node), &Ok(instance(&["int:10.0.0.1"])), &none());
        assert_eq!((&plan.metadata, &plan.status, plan.initialised), (&None, &None, false));
        assert_eq!(reasons(&plan), expected);
        assert!(plan.events.iter().all(|event| event.repeat == Repeat::Never));
    }
}

fn in_zone(zone: Option<&str>, region: Option<&str>) -> Instance {
    let mut instance = instance(&["int:10.0.0.1"]);
    instance.zone.zone = zone.map(str::to_owned);
    instance.zone.region = region.map(str::to_owned);
    let complete = zone.is_some() && region.is_some();
    instance.zone.problem = (!complete).then(|| "no tag of category \"k8s-zone\"".to_owned());
    instance
}

#[test]
fn zone_and_region_are_labels_in_both_spellings() {
    let answer = Ok(in_zone(Some("zone-a"), Some("eu-1")));
    let after =
        slim(&applied(&registered("node-1"), &decide(&slim(&registered("node-1")), &answer, &none())));
    for (key, value) in [
        ("failure-domain.beta.kubernetes.io/zone", "zone-a"),
        ("topology.kubernetes.io/zone", "zone-a"),
        ("failure-domain.beta.kubernetes.io/region", "eu-1"),
        ("topology.kubernetes.io/region", "eu-1"),
    ] {
        assert_eq!(after.label(key), Some(value), "{key}");
    }
}

#[test]
fn a_missing_zone_is_an_event_and_blocks_only_the_strict() {
    let (node, answer) = (slim(&registered("node-1")), Ok(in_zone(None, Some("eu-1"))));
    let plan = decide(&node, &answer, &none());
    assert!(plan.initialised);
    assert_eq!(plan.events[1].reason, "MissingZone");
    let plan = decide(&node, &answer, &Rules { strict_zones: true, ..Rules::default() });
    assert!(!plan.initialised && plan.metadata.is_some());
    assert_eq!(plan.events.len(), 1);
    assert!(plan.events[0].message.contains("k8s-zone"), "{}", plan.events[0].message);
}

#[test]
fn a_zone_that_becomes_known_later_is_added_and_one_that_is_there_is_never_changed() {
    let mut node = registered("node-1");
    node = applied(&node, &decide(&slim(&node), &Ok(in_zone(None, Some("eu-1"))), &none()));
    node = applied(&node, &decide(&slim(&node), &Ok(in_zone(Some("zone-a"), Some("eu-2"))), &none()));
    let after = slim(&node);
    assert_eq!(after.label("topology.kubernetes.io/zone"), Some("zone-a"));
    assert_eq!(after.label("topology.kubernetes.io/region"), Some("eu-1"), "a move is no reason");
    let again = decide(&after, &Ok(in_zone(Some("zone-b"), Some("eu-2"))), &none());
    assert!(again.is_empty());
}
