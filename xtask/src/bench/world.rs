//! A fresh control plane and a fresh vCenter, with a machine for each node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Node as FullNode;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::answers::Answer;
use super::node::Node;
use crate::testbed::{
    Kube, KubeOptions, Nic, NodeSpec, Object, Vcsim, VcsimOptions, Vm, VmSpec, create_node, guest_uuid,
};

/// The usual size of a node's status, in bytes.
pub(super) const STATUS_BYTES: usize = 15_000;
/// How many of the nodes' pages are asked for at once.
const PAGE: u32 = 500;
const HOSTS: usize = 12;
const ZONES: [&str; 3] = ["zone-a", "zone-b", "zone-c"];
const REGION: &str = "region-1";
/// What is told of a machine with the simulator's defaults.
const INSTANCE_TYPE: &str = "vsphere-vm.cpu-2.mem-4gb.os-ubuntu";
/// The apiserver and etcd come to rest after the registrations.
const REST: Duration = Duration::from_secs(2);

/// Everything around a contestant.
pub(super) struct World {
    pub(super) kube: Kube,
    pub(super) vcsim: Arc<Vcsim>,
    pub(super) client: Client,
    /// The machines of the nodes, in the order of the answers.
    pub(super) vms: Vec<Vm>,
    pub(super) answers: Vec<Answer>,
}

impl World {
    /// Starts it, with so many tainted nodes.
    pub(super) async fn start(nodes: usize, latency: Duration) -> Result<Self> {
        let vcenter =
            VcsimOptions { hosts: u32::try_from(HOSTS).unwrap_or(u32::MAX), ..VcsimOptions::default() };
        let (kube, vcsim) = tokio::try_join!(Kube::start(KubeOptions::default()), Vcsim::start(vcenter))?;
        tag(&vcsim).await?;
        let specs: Vec<VmSpec> = (0..nodes).map(|number| vm_spec(number, nodes)).collect();
        let vms = vcsim.create_silently(&specs).await?;
        let node_specs: Vec<NodeSpec> = vms.iter().map(node_spec).collect();
        let registered = kube.create_nodes(&node_specs).await?;
        let answers = vms.iter().zip(&registered).enumerate();
        let answers = answers.map(|(at, (vm, node))| answer(at, vm, node)).collect::<Result<_>>()?;
        vcsim.set_latency(latency).await?;
        vcsim.reset_requests().await?;
        tokio::time::sleep(REST).await;
        let client = kube.client().await?;
        Ok(Self { kube, vcsim: Arc::new(vcsim), client, vms, answers })
    }

    /// A configuration that the product and upstream read in the same way.
    pub(super) fn config(&self) -> String {
        let vcenter = json!({
            "server": "127.0.0.1",
            "port": self.vcsim.port(),
            "user": self.vcsim.user(),
            "password": self.vcsim.password(),
            "caFile": self.vcsim.ca(),
            "datacenters": ["DC0"],
        });
        let config =
            json!({"vcenter": {"bench": vcenter}, "labels": {"region": "k8s-region", "zone": "k8s-zone"}});
        // JSON is YAML.
        format!("{config:#}\n")
    }

    /// An error if something ended by itself.
    pub(super) fn check(&self) -> Result<()> {
        self.kube.check()?;
        self.vcsim.process().check()
    }

    /// An error unless every node is what its answer says.
    pub(super) async fn check_nodes(&self) -> Result<()> {
        let found = self.nodes().await?;
        self.answers.iter().try_for_each(|answer| {
            let node = found.get(&answer.node).with_context(|| format!("{} is gone", answer.node))?;
            answer.check(node)
        })
    }

    /// All nodes that there are, by name.
    pub(super) async fn nodes(&self) -> Result<HashMap<String, Node>> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let mut found = HashMap::new();
        let mut parameters = ListParams::default().limit(PAGE);
        loop {
            let page = nodes.list(&parameters).await.context("cannot list the nodes")?;
            parameters.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            found.extend(page.items.into_iter().map(|node| (node.name().to_owned(), node)));
            if parameters.continue_token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Makes the machine of a node that will join.
    pub(super) async fn make_joiner(&self, number: usize) -> Result<Vm> {
        let spec = VmSpec {
            host_name: Some(format!("joiner-{number:02}")),
            host: Some(host(number)),
            ..VmSpec::named(format!("joiner-machine-{number:02}"))
        };
        let made = self.vcsim.create(&[spec]).await?;
        made.into_iter().next().context("the simulator made no VM")
    }

    /// The description with which a node of this machine is registered.
    pub(super) fn node_of(vm: &Vm) -> NodeSpec {
        node_spec(vm)
    }

    /// Gives a machine's guest another address.
    pub(super) async fn set_address(&self, vm: &Vm, address: &str) -> Result<()> {
        let nic = Nic {
            network: Some("VM Network".to_owned()),
            addresses: vec![address.to_owned()],
            device_config_id: Some(4000),
            connected: Some(true),
            ..Nic::default()
        };
        let changes = VmSpec { nics: Some(vec![nic]), ..VmSpec::default() };
        // By its name: the moref is another one after it was registered anew.
        self.vcsim.patch_vm(&vm.name, &changes).await.map(drop)
    }

    /// Says that a node is ready, as its kubelet does, or that nothing is heard of it, as Kubernetes' own
    /// node controller does.
    pub(super) async fn set_ready(&self, name: &str, ready: bool) -> Result<()> {
        let (status, reason) =
            if ready { ("True", "KubeletReady") } else { ("Unknown", "NodeStatusUnknown") };
        let condition = json!({"type": "Ready", "status": status, "reason": reason});
        self.patch_status(name, json!({"conditions": [condition]})).await
    }

    /// Changes a node's status, as its kubelet does.
    pub(super) async fn patch_status(&self, name: &str, status: Value) -> Result<()> {
        let patch = Patch::Strategic(json!({"status": status}));
        let nodes = Api::<Node>::all(self.client.clone());
        let patched = nodes.patch_status(name, &PatchParams::default(), &patch).await;
        patched.map(drop).with_context(|| format!("cannot change the status of {name}"))
    }

    /// Registers a node.
    pub(super) async fn register(&self, spec: &NodeSpec) -> Result<()> {
        create_node(&Api::<FullNode>::all(self.client.clone()), spec).await.map(drop)
    }
}

async fn tag(vcsim: &Vcsim) -> Result<()> {
    vcsim.tag("k8s-region", REGION, Object::Named("Datacenter", "DC0")).await?;
    for number in 0..HOSTS {
        vcsim.tag("k8s-zone", zone(number), Object::Named("HostSystem", &host(number))).await?;
    }
    Ok(())
}

fn host(number: usize) -> String {
    format!("DC0_C0_H{}", number % HOSTS)
}

fn zone(number: usize) -> &'static str {
    ZONES[number % HOSTS % ZONES.len()]
}

fn vm_spec(number: usize, of: usize) -> VmSpec {
    let digits = of.saturating_sub(1).to_string().len().max(2);
    VmSpec {
        // Upstream finds machines by their guest's host name only.
        host_name: Some(format!("node-{number:0digits$}")),
        host: Some(host(number)),
        // Not `vm-…`, which could be the moref of another one.
        ..VmSpec::named(format!("machine-{number:0digits$}"))
    }
}

/// What a kubelet registers; of the two byte orders of the uuid the one that upstream tries first.
fn node_spec(vm: &Vm) -> NodeSpec {
    NodeSpec {
        addresses: vec![("Hostname".to_owned(), vm.host_name.clone())],
        status_bytes: STATUS_BYTES,
        ..NodeSpec::new(&vm.host_name, guest_uuid(&vm.uuid))
    }
}

fn answer(number: usize, vm: &Vm, node: &FullNode) -> Result<Answer> {
    let addresses = vm.addresses.as_deref().unwrap_or_default();
    let address = addresses.first().with_context(|| format!("{} has no address", vm.name))?;
    Ok(Answer {
        node: node.name_any(),
        uid: node.uid().with_context(|| format!("{} has no uid", node.name_any()))?,
        provider_id: format!("vsphere://{}", vm.uuid),
        address: address.clone(),
        instance_type: INSTANCE_TYPE.to_owned(),
        zone: zone(number).to_owned(),
        region: REGION.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_spread_over_hosts_and_zones() {
        let names: Vec<String> = (0..1000).filter_map(|number| vm_spec(number, 1000).name).collect();
        assert_eq!((names[0].as_str(), names[999].as_str()), ("machine-000", "machine-999"));
        assert_eq!((host(12), host(13)), (host(0), host(1)));
        assert_eq!((zone(0), zone(1), zone(12)), ("zone-a", "zone-b", "zone-a"));
    }
}
