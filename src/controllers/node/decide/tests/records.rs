//! What is remembered of a machine is written down once, and again when it has changed.

use super::*;
use crate::cloud::MachineRecord;

fn recorded(folder: &str) -> Instance {
    let record = MachineRecord {
        vcenter: "vc-1".to_owned(),
        vm: "vm-12".to_owned(),
        instance_uuid: Some("5023aaaa-5c1c-0b7d-6f2e-0123456789ab".to_owned()),
        folder: Some(folder.to_owned()),
    };
    Instance { record: Some(record), ..instance(&["int:10.0.0.1"]) }
}

#[test]
fn it_is_written_with_the_initialisation() {
    let node = registered("node-1");
    let plan = decide(&slim(&node), &Ok(recorded("group-v3")), &none());
    assert!(plan.initialised);
    let after = slim(&applied(&node, &plan));
    let record = identity::record(&after);
    assert_eq!(record, recorded("group-v3").record);
    // Also when the Node cannot be initialised yet for want of an address.
    let mut waiting = recorded("group-v3");
    waiting.addresses = silent().addresses;
    let plan = decide(&slim(&node), &Ok(waiting), &none());
    assert_eq!(identity::record(&slim(&applied(&node, &plan))), record);
}

#[test]
fn an_adopted_node_gets_it_and_nothing_else() {
    let plan = decide(&slim(&initialised("node-1")), &Ok(recorded("group-v3")), &none());
    insta::assert_snapshot!(lines(plan.metadata.as_ref()), @r#"
    test /metadata/uid "uid-of-node-1"
    test /metadata/annotations null
    add /metadata/annotations {"vsphere-cloud.io/machine":"{\"vcenter\":\"vc-1\",\"vm\":\"vm-12\",\"instanceUuid\":\"5023aaaa-5c1c-0b7d-6f2e-0123456789ab\",\"folder\":\"group-v3\"}"}
    "#);
    assert_eq!((plan.status, plan.events, plan.initialised), (None, vec![], false));
}

#[test]
fn others_annotations_are_no_reason_to_begin_a_new_map() {
    let mut node = initialised("node-1");
    node["metadata"]["annotations"] = json!({"example.org/a": "b"});
    let plan = decide(&slim(&node), &Ok(recorded("group-v3")), &none());
    let after = applied(&node, &plan);
    assert_eq!(after["metadata"]["annotations"]["example.org/a"], "b");
    assert_eq!(identity::record(&slim(&after)), recorded("group-v3").record);
}

#[test]
fn it_is_replaced_when_it_differs_and_only_then() {
    let mut node = initialised("node-1");
    let text = |folder: &str| serde_json::to_string(&recorded(folder).record).unwrap();
    // The same in another spelling is the same.
    let spelled = text("group-v3").replace(',', " , ");
    node["metadata"]["annotations"] = json!({MACHINE_ANNOTATION: spelled});
    assert!(decide(&slim(&node), &Ok(recorded("group-v3")), &none()).is_empty());
    for old in [text("group-v2"), "unreadable".to_owned()] {
        node["metadata"]["annotations"][MACHINE_ANNOTATION] = old.into();
        let plan = decide(&slim(&node), &Ok(recorded("group-v3")), &none());
        assert_eq!(identity::record(&slim(&applied(&node, &plan))), recorded("group-v3").record);
        assert_eq!(plan.metadata.unwrap().operations().len(), 3, "two tests and the change");
    }
    // Nothing known, or no machine found: what was written stays.
    for answer in [Ok(instance(&["int:10.0.0.1"])), Err(InstanceError::Unknown("down".into()))] {
        assert!(decide(&slim(&node), &answer, &none()).is_empty());
    }
}
