//! What must be true in the end, when nothing has gone wrong for long enough:
//!
//! * every destroyed machine's Node is gone, unless nobody can know which machine it had (it was
//!   never initialised), or whether it is to go (another machine has its name: somebody has to say);
//! * every Node of a machine is initialised: no taint, the right providerID, record and addresses;
//! * no Node that is ready is tainted as switched off or out of service, and nothing is left of it.

use serde_json::Value;

use super::kubelet::{count_taints, is_ready};
use super::machines::Machine;
use super::world::World;
use crate::cloud::MACHINE_ANNOTATION;
use crate::k8s::{OWN_PREFIX, TAINT_OUT_OF_SERVICE, TAINT_SHUTDOWN, TAINT_UNINITIALIZED};

impl World {
    /// What is not as it has to be in the end.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let mut unfinished: Vec<String> = Vec::new();
        for kubelet in &self.kubelets {
            let machine = &self.machines[kubelet.machine];
            let node = self.objects.nodes.get(&kubelet.name);
            let what = match (machine.place.is_some(), node) {
                (true, Some(node)) => alive(machine, node),
                (true, None) => Err("has not joined".to_owned()),
                (false, None) => Ok(()),
                (false, Some(node)) => dead(node),
            };
            unfinished.extend(what.err().map(|what| format!("{}: {what}", kubelet.name)));
        }
        unfinished
    }
}

fn alive(machine: &Machine, node: &Value) -> Result<(), String> {
    for key in [TAINT_UNINITIALIZED, TAINT_SHUTDOWN, TAINT_OUT_OF_SERVICE] {
        if count_taints(node, key) > 0 {
            return Err(format!("still has the taint {key}"));
        }
    }
    if !is_ready(node) {
        return Err("is not ready".to_owned());
    }
    let id = machine.provider_id().to_string();
    if node["spec"]["providerID"] != id {
        return Err(format!("has the providerID {} and not {id}", node["spec"]["providerID"]));
    }
    let record = machine.place.as_ref().map(|place| machine.record(place));
    let annotations = &node["metadata"]["annotations"];
    let noted = annotations[MACHINE_ANNOTATION].as_str().and_then(|text| serde_json::from_str(text).ok());
    if noted != record {
        return Err(format!("has the record {noted:?} and not {record:?}"));
    }
    let ours = annotations.as_object().into_iter().flatten();
    let left = ours.map(|(key, _)| key).find(|key| key.starts_with(OWN_PREFIX) && *key != MACHINE_ANNOTATION);
    if let Some(left) = left {
        return Err(format!("still has the annotation {left}"));
    }
    let addresses = node["status"]["addresses"].as_array().cloned().unwrap_or_default();
    let internal = addresses.iter().find(|address| address["type"] == "InternalIP");
    if internal.is_none_or(|address| address["address"] != machine.address().to_string()) {
        return Err(format!("has the addresses {addresses:?}"));
    }
    Ok(())
}

fn dead(node: &Value) -> Result<(), String> {
    let known = node["spec"]["providerID"].is_string()
        || node["metadata"]["annotations"][MACHINE_ANNOTATION].is_string();
    let initialised = count_taints(node, TAINT_UNINITIALIZED) == 0;
    if known && initialised {
        Err("its machine was destroyed, and it is still there".to_owned())
    } else {
        Ok(())
    }
}
