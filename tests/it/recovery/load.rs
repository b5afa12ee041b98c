//! Nodes that register and machines that change, all the time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use xtask::testbed::{Nic, NodeSpec, Vcsim, Vm, VmSpec, eventually};

use crate::support::{Cluster, LATER, addresses, is_tainted, label, provider_id, specs};

/// Between two nodes that register.
const PERIOD: Duration = Duration::from_millis(200);
/// In the same time so many machines get another address …
const CHANGED: u32 = 2;
/// … and so many kubelets tell that they are well.
const HEARTBEATS: u32 = 3;
/// No kubelet waits longer for the API server.
const PATIENCE: Duration = Duration::from_secs(2);
/// Far from each other, so that a machine is not changed while its Node registers anew.
const STRIDE: usize = 101;

/// The load, and what has to come of it.
pub(super) struct Load {
    vms: Vec<Vm>,
    specs: Vec<NodeSpec>,
    nodes: Api<Node>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where the next load begins.
    strokes: usize,
    /// Addresses given so far; each is another one.
    addressed: usize,
    /// The address of each machine that was changed.
    addresses: BTreeMap<usize, String>,
    done: Done,
}

/// What was done.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Done {
    pub(super) registered: usize,
    pub(super) changed: usize,
}

impl Load {
    /// Registers all nodes.
    pub(super) async fn register(cluster: &Cluster, vms: Vec<Vm>) -> Self {
        let specs = specs(&vms);
        cluster.register(&specs).await;
        Self { vms, specs, nodes: cluster.nodes(), state: Mutex::default() }
    }

    /// Goes on until it is told to stop.
    pub(super) async fn press(&self, cluster: &Cluster, vcsim: &Vcsim, stop: &AtomicBool) -> Done {
        let count = self.vms.len();
        let first = {
            let mut state = self.state.lock().unwrap();
            state.done = Done::default();
            state.strokes += STRIDE;
            state.strokes
        };
        // Side by side: while vCenter restarts nothing can be changed there, but nodes register.
        tokio::join!(
            every(PERIOD / CHANGED, stop, async |n| self.change(vcsim, (first + n) % count).await),
            every(PERIOD / HEARTBEATS, stop, async |n| self.heartbeat((first + STRIDE + n) % count).await),
            every(PERIOD, stop, async |n| self
                .register_anew(cluster, (first + 2 * STRIDE + n) % count)
                .await),
        );
        self.state.lock().unwrap().done
    }

    /// Waits until all that happened is done, and tells how long after `end` that was.
    pub(super) async fn settled(&self, cluster: &Cluster, end: Instant) -> Duration {
        eventually("all nodes are as they should be", LATER, async || {
            let nodes = self.nodes.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
            let nodes: BTreeMap<String, Node> = nodes.into_iter().map(|n| (n.name_any(), n)).collect();
            // An API server that is killed may have deleted one and not have said so.
            for vm in (0..self.vms.len()).filter(|vm| !nodes.contains_key(&self.vms[*vm].name)) {
                self.create(cluster, vm).await;
            }
            let wrong: Vec<String> = (0..self.vms.len())
                .filter_map(|vm| Some(format!("{}: {}", self.vms[vm].name, self.wrong(&nodes, vm)?)))
                .collect();
            match wrong.first() {
                None => Ok(()),
                Some(_) => {
                    Err(format!("{} are not: {}", wrong.len(), wrong[..wrong.len().min(5)].join(", ")))
                }
            }
        })
        .await
        .unwrap();
        end.elapsed()
    }

    /// What is not yet right with the Node of this machine.
    fn wrong(&self, nodes: &BTreeMap<String, Node>, vm: usize) -> Option<String> {
        let Some(node) = nodes.get(&self.vms[vm].name) else { return Some("is not there".to_owned()) };
        if is_tainted(node) {
            return Some("is tainted".to_owned());
        }
        if provider_id(node) != Some(&format!("vsphere://{}", self.vms[vm].uuid)) {
            return Some(format!("has the providerID {:?}", provider_id(node)));
        }
        if label(node, "topology.kubernetes.io/zone") != Some("z") {
            return Some("has no zone".to_owned());
        }
        let wanted = self.state.lock().unwrap().addresses.get(&vm).cloned();
        let has = addresses(node);
        match wanted {
            Some(wanted) if !has.contains(&format!("InternalIP {wanted}")) => {
                Some(format!("wants {wanted}, has {has:?}"))
            }
            _ => None,
        }
    }

    /// Gives a machine another address.
    async fn change(&self, vcsim: &Vcsim, vm: usize) {
        let address = {
            let mut state = self.state.lock().unwrap();
            state.done.changed += 1;
            state.addressed += 1;
            let number = state.addressed;
            let address = format!("10.{}.{}.{}", 100 + number / 62_500, number / 250 % 250, 1 + number % 250);
            state.addresses.insert(vm, address.clone());
            address
        };
        let nic = Nic { addresses: vec![address], ..Nic::default() };
        let changes = VmSpec { nics: Some(vec![nic]), ..VmSpec::default() };
        vcsim.patch_vm(&self.vms[vm].name, &changes).await.unwrap();
    }

    /// The kubelet says that the node is ready; whether it is heard does not matter here.
    async fn heartbeat(&self, vm: usize) {
        let now = now();
        let condition =
            json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now});
        let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
        let parameters = PatchParams::default();
        let sent = self.nodes.patch_status(&self.vms[vm].name, &parameters, &patch);
        let _ = tokio::time::timeout(PATIENCE, sent).await;
    }

    /// A node is taken away, and another one of the same machine and name comes.
    async fn register_anew(&self, cluster: &Cluster, vm: usize) {
        let (name, parameters) = (&self.vms[vm].name, DeleteParams::default());
        let deleted = tokio::time::timeout(PATIENCE, self.nodes.delete(name, &parameters)).await;
        if !matches!(deleted, Ok(Ok(_))) {
            return;
        }
        self.create(cluster, vm).await;
    }

    async fn create(&self, cluster: &Cluster, vm: usize) {
        let created = tokio::time::timeout(PATIENCE, cluster.kube().create_node(&self.specs[vm])).await;
        if matches!(created, Ok(Ok(_))) {
            self.state.lock().unwrap().done.registered += 1;
        }
    }
}

/// Does something again and again until it is told to stop.
async fn every(period: Duration, stop: &AtomicBool, mut work: impl AsyncFnMut(usize)) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        work(number).await;
        number += 1;
        tokio::time::sleep(period.saturating_sub(begun.elapsed())).await;
    }
}

/// As Kubernetes writes it.
fn now() -> String {
    let seconds = Timestamp::now().as_second();
    Timestamp::from_second(seconds).unwrap().to_string()
}
