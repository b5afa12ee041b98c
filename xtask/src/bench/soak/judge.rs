//! What of all that was done to nodes was wrong, and whether each is as it should be.

use std::collections::HashMap;
use std::time::Duration;

use super::fleet::{Fleet, Member};
use crate::bench::node::Node;
use crate::bench::watch::{Mark, MarkKind};

/// A taint may be a bit late: the manager looked, and the machine was switched on.
const LATE: Duration = Duration::from_secs(10);

/// The actions that nobody had a reason for.
pub(super) fn wrong_actions(marks: &[Mark], fleet: &Fleet) -> Vec<String> {
    marks.iter().filter_map(|mark| wrong(mark, fleet)).collect()
}

fn wrong(mark: &Mark, fleet: &Fleet) -> Option<String> {
    let name = &mark.node;
    match mark.kind {
        MarkKind::Deleted if fleet.has_departed(name) => None,
        MarkKind::Deleted => Some(format!("{name} was deleted, and its VM is there")),
        MarkKind::ShutDown => {
            let was_off = fleet
                .off_periods(name)
                .iter()
                .any(|(begin, end)| *begin <= mark.at && end.is_none_or(|end| mark.at <= end + LATE));
            (!was_off).then(|| format!("{name} was marked as shut down, and its VM was on"))
        }
    }
}

/// All nodes that are not as they should be; every machine is on.
pub(super) fn left_wrong(fleet: &Fleet, nodes: &HashMap<String, Node>) -> Vec<String> {
    let members: HashMap<&str, &Member> =
        fleet.members().map(|member| (member.vm.host_name.as_str(), member)).collect();
    let wrong = members.iter().filter_map(|(name, member)| {
        let problem = match nodes.get(*name) {
            None => Some("it is gone".to_owned()),
            Some(node) => problem(node, member),
        };
        problem.map(|problem| format!("{name}: {problem}"))
    });
    let extra = nodes.keys().filter(|name| !members.contains_key(name.as_str()));
    let mut all: Vec<String> =
        wrong.chain(extra.map(|name| format!("{name}: it should not be there"))).collect();
    all.sort();
    all
}

fn problem(node: &Node, member: &Member) -> Option<String> {
    let expected = format!("vsphere://{}", member.vm.uuid);
    let addresses: Vec<&str> = node.addresses().iter().map(|found| found.address.as_str()).collect();
    if !node.is_ready() {
        Some("it is not initialised".to_owned())
    } else if node.is_shut_down() {
        Some("it is marked as shut down, and its VM is on".to_owned())
    } else if !node.provider_id().eq_ignore_ascii_case(&expected) {
        Some(format!("its provider id is {:?}, not {expected:?}", node.provider_id()))
    } else if !addresses.contains(&member.address.as_str()) {
        Some(format!("its addresses are {addresses:?}, not {:?}", member.address))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;
    use crate::bench::node::{SHUTDOWN, UNINITIALIZED};
    use crate::testbed::Vm;

    fn vm(name: &str) -> Vm {
        Vm {
            name: name.into(),
            moref: "vm-1".into(),
            uuid: "u".into(),
            instance_uuid: String::new(),
            host_name: name.into(),
            addresses: Some(vec!["10.0.0.1".into()]),
            host: String::new(),
            datacenter: String::new(),
        }
    }

    #[test]
    fn deletions_are_right_for_who_left_only() {
        let mut fleet = Fleet::new(&[vm("a"), vm("b")]);
        let left = fleet.leave().unwrap().host_name;
        assert_eq!(left, "a");
        let mark = |node: &str| Mark { node: node.into(), kind: MarkKind::Deleted, at: Instant::now() };
        let wrong = wrong_actions(&[mark("a"), mark("b")], &fleet);
        assert_eq!(wrong, ["b was deleted, and its VM is there"]);
    }

    #[test]
    fn taints_are_right_while_a_machine_is_off_only() {
        let mut fleet = Fleet::new(&["a", "b", "c", "d"].map(vm));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let name = fleet.power_off(at(10)).unwrap().host_name;
        fleet.powered_on(&name, at(30));
        let is_wrong = |node: &str, at| {
            let mark = Mark { node: node.to_owned(), kind: MarkKind::ShutDown, at };
            !wrong_actions(&[mark], &fleet).is_empty()
        };
        let wrong = [9, 10, 30, 40, 41].map(|second| is_wrong(&name, at(second)));
        assert_eq!(wrong, [true, false, false, false, true]);
        assert!(is_wrong("z", at(20)));
    }

    #[test]
    fn every_kind_of_wrong_node_is_found() {
        let fleet = Fleet::new(&[vm("a")]);
        let right = json!({
            "metadata": {"name": "a"},
            "spec": {"providerID": "vsphere://U"},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]},
        });
        let found = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut node = right.clone();
            change(&mut node);
            let node: Node = serde_json::from_value(node).unwrap();
            left_wrong(&fleet, &[(node.name().to_owned(), node)].into()).join("; ")
        };
        assert_eq!(found(&|_| ()), "");
        let taint = |key: &str| json!([{"key": key}]);
        assert!(found(&|node| node["spec"]["taints"] = taint(UNINITIALIZED)).contains("not initialised"));
        assert!(found(&|node| node["spec"]["taints"] = taint(SHUTDOWN)).contains("shut down"));
        assert!(found(&|node| node["spec"]["providerID"] = json!("x")).contains("provider id"));
        assert!(found(&|node| node["status"]["addresses"] = json!([])).contains("not \"10.0.0.1\""));
        let other = found(&|node| node["metadata"]["name"] = json!("b"));
        assert_eq!(other, "a: it is gone; b: it should not be there");
    }
}
