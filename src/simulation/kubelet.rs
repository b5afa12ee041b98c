//! Kubelets, and those who look after what they leave behind: the node monitor and the attach-detach
//! controller of the control plane.

use serde_json::{Value, json};

use super::Time;
use super::world::World;
use crate::cloud::swap_byte_order;
use crate::k8s::{TAINT_OUT_OF_SERVICE, TAINT_UNINITIALIZED};

/// How long a machine takes to start, until its kubelet speaks.
const BOOT: Time = Time::from_secs(12);
/// How often a kubelet writes its Node although nothing has changed.
const HEARTBEAT: Time = Time::from_mins(5);
/// The node monitor takes a kubelet that is silent for so long for unknown.
const GRACE: Time = Time::from_secs(40);
/// A Node that is missing is registered again after so long: somebody restarts the kubelet.
const RESTART: Time = Time::from_secs(30);
/// How long the control plane takes to detach a volume from a Node that is out of service.
const DETACH: Time = Time::from_secs(7);
/// What the node monitor adds to a Node whose kubelet is silent.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The kubelet of one machine, or of those that had its name one after the other.
#[derive(Debug)]
pub(super) struct Kubelet {
    pub(super) name: String,
    pub(super) machine: usize,
    /// Until then it does not speak though its machine runs.
    pub(super) silent_until: Time,
    alive_since: Option<Time>,
    dead_since: Time,
    beat: Time,
    /// The machine that it told of last.
    spoken_for: Option<usize>,
    missing_since: Option<Time>,
    out_of_service_since: Option<Time>,
}

impl Kubelet {
    pub(super) fn new(name: &str, machine: usize) -> Self {
        Self {
            name: name.to_owned(),
            machine,
            silent_until: Time::ZERO,
            alive_since: None,
            dead_since: Time::ZERO,
            beat: Time::ZERO,
            spoken_for: None,
            missing_since: None,
            out_of_service_since: None,
        }
    }

    /// It has been running for long.
    pub(super) fn settled(&mut self) {
        self.alive_since = Some(Time::ZERO);
    }
}

/// Whether a Node's kubelet says that it is ready.
pub(super) fn is_ready(node: &Value) -> bool {
    node["status"]["conditions"][0]["status"] == "True"
}

/// All taints of a Node.
pub(super) fn taints(node: &Value) -> &[Value] {
    node["spec"]["taints"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// How many taints with this key a Node has.
pub(super) fn count_taints(node: &Value, key: &str) -> usize {
    taints(node).iter().filter(|taint| taint["key"] == key).count()
}

impl World {
    /// The kubelets and the node monitor do what they do by now.
    pub(super) fn run_kubelets(&mut self) {
        for index in 0..self.kubelets.len() {
            self.run_kubelet(index);
        }
    }

    fn run_kubelet(&mut self, index: usize) {
        let now = self.now;
        let kubelet = &mut self.kubelets[index];
        let machine = &self.machines[kubelet.machine];
        let alive = machine.runs() && now >= kubelet.silent_until;
        match (kubelet.alive_since, alive) {
            (None, true) => kubelet.alive_since = Some(now),
            (Some(_), false) => (kubelet.alive_since, kubelet.dead_since) = (None, now),
            _ => {}
        }
        let speaks = kubelet.alive_since.is_some_and(|since| since.is_zero() || now >= since + BOOT);
        let Some(node) = self.objects.nodes.get(&kubelet.name) else {
            let since = *kubelet.missing_since.get_or_insert(now);
            // A new machine's kubelet registers at once.
            if speaks && (now >= since + RESTART || since.is_zero()) {
                self.register(index);
            }
            return;
        };
        kubelet.missing_since = None;
        let ready = is_ready(node);
        if speaks {
            let same = ready && kubelet.spoken_for == Some(kubelet.machine);
            if same && now < kubelet.beat + HEARTBEAT {
                return;
            }
            (kubelet.beat, kubelet.spoken_for) = (now, Some(kubelet.machine));
            let mut node = node.clone();
            node["status"]["nodeInfo"]["systemUUID"] = self.system_uuid(index).into();
            node["status"]["conditions"] = condition(true, now);
            set_unreachable(&mut node, false);
            self.write_node(&node, (!same).then_some("is ready"));
        } else if ready && !alive && now >= kubelet.dead_since + GRACE {
            let mut node = node.clone();
            node["status"]["conditions"] = condition(false, now);
            set_unreachable(&mut node, true);
            self.write_node(&node, Some("is not heard of"));
        }
    }

    fn register(&mut self, index: usize) {
        let uid = format!("uid-{}", self.number());
        let uuid = self.system_uuid(index);
        let kubelet = &mut self.kubelets[index];
        (kubelet.beat, kubelet.spoken_for) = (self.now, Some(kubelet.machine));
        let name = kubelet.name.clone();
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "uid": uid, "labels": {"kubernetes.io/hostname": name}},
            "spec": {"taints": [{"key": TAINT_UNINITIALIZED, "value": "true", "effect": "NoSchedule"}]},
            "status": {"nodeInfo": {"systemUUID": uuid}, "conditions": condition(true, self.now)},
        });
        self.write_node(&node, Some("joins"));
    }

    /// A Node that was there before the first manager: an adopted one has its providerID already.
    pub(super) fn register_early(&mut self, index: usize, adopted: bool) {
        let machine = &self.machines[self.kubelets[index].machine];
        let provider_id = machine.provider_id().to_string();
        self.kubelets[index].settled();
        self.register(index);
        if adopted {
            let mut node = self.objects.nodes[&self.kubelets[index].name].clone();
            node["spec"] = json!({"providerID": provider_id});
            self.objects.put_node(node);
        }
    }

    /// The uuid of a kubelet's machine as its guest shows it: every other one in the other byte order.
    fn system_uuid(&self, kubelet: usize) -> String {
        let machine = self.kubelets[kubelet].machine;
        let bios = self.machines[machine].bios_uuid();
        if machine.is_multiple_of(2) {
            bios.to_string()
        } else {
            swap_byte_order(bios).to_string().to_uppercase()
        }
    }

    /// Writes a Node as somebody else than a manager.
    pub(super) fn write_node(&mut self, node: &Value, why: Option<&str>) {
        if let Some(why) = why {
            let line = format!("{} {why}", node["metadata"]["name"].as_str().unwrap_or_default());
            self.log(self.now, &line);
        }
        self.objects.put_node(node.clone());
    }

    /// The control plane detaches volumes from Nodes that are out of service, or no more.
    pub(super) fn release_volumes(&mut self) {
        if self.objects.attachments.is_empty() {
            return;
        }
        let now = self.now;
        for kubelet in &mut self.kubelets {
            let node = self.objects.nodes.get(&kubelet.name);
            let out = node.is_none_or(|node| count_taints(node, TAINT_OUT_OF_SERVICE) > 0);
            if !out {
                kubelet.out_of_service_since = None;
                continue;
            }
            let since = *kubelet.out_of_service_since.get_or_insert(now);
            // One after the other; sometimes it takes longer than anybody waits for it.
            let slow = if kubelet.machine.is_multiple_of(5) { 20 } else { 1 };
            if now >= since + DETACH * slow {
                let held = self.objects.attachments.iter().find(|(_, node)| **node == kubelet.name);
                if let Some(volume) = held.map(|(volume, _)| volume.clone()) {
                    self.objects.attachments.remove(&volume);
                }
            }
        }
    }
}

fn condition(ready: bool, now: Time) -> Value {
    let status = if ready { "True" } else { "Unknown" };
    json!([{"type": "Ready", "status": status, "lastHeartbeatTime": now.as_secs()}])
}

fn set_unreachable(node: &mut Value, unreachable: bool) {
    let mut taints = taints(node).to_vec();
    taints.retain(|taint| taint["key"] != UNREACHABLE);
    if unreachable {
        taints.insert(0, json!({"key": UNREACHABLE, "effect": "NoSchedule"}));
    }
    node["spec"]["taints"] = taints.into();
}
