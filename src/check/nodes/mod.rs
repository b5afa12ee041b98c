//! The Nodes and their machines: asked of the manager's own resolver, judged by its own rules.

mod judge;
mod plan;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kube::Client;

use super::{Finding, Topic};
use crate::cloud::InstanceError;
use crate::config::Nodes as AddressRules;
use crate::controllers::identity;
use crate::k8s::{Node, explain, list_nodes};
use crate::provider::{Examined, VcenterHandle, VsphereInstances};
use crate::vsphere::inventory::{Inventory, Vm};
use crate::vsphere::types::{
    ContinueRetrievePropertiesEx, FilterSpec, PropertySpec, RetrievePropertiesEx, RetrieveResult,
};
use crate::vsphere::{Error, MoRef};

const TOPIC: Topic = Topic::Nodes;

/// How long the machines of all Nodes may take to be found.
const PATIENCE: Duration = Duration::from_mins(1);

/// Machines per page.
const PAGE: i32 = 500;

/// What tells whether VMware Tools run.
const TOOLS: &[PropertySpec] =
    &[PropertySpec { kind: "VirtualMachine", paths: &["guest.toolsRunningStatus"] }];

/// What was learnt of a Node's machine.
#[derive(Debug)]
pub(super) struct Seen {
    outcome: Result<Examined, InstanceError>,
    /// Whether VMware Tools run in it, if that is known.
    tools_run: Option<bool>,
}

impl Seen {
    /// The machine, if it is in this vCenter.
    pub(super) fn machine(&self, vcenter: &str) -> Option<&Vm> {
        self.outcome.as_ref().ok().filter(|found| found.vcenter == vcenter).map(|found| &*found.vm)
    }
}

/// All Nodes, and a line about that; or why there are none.
pub(super) async fn list(client: &Client) -> Result<(Vec<Node>, Finding), Finding> {
    match list_nodes(client).await {
        Ok(nodes) => {
            let listed = Topic::Kubernetes.ok("API server", format!("reached; Nodes: {}", nodes.len()));
            Ok((nodes, listed))
        }
        Err(error) => {
            let fix = "see that the API server can be reached, and that the account may list Nodes";
            Err(Topic::Kubernetes.fail(
                "API server",
                format!("Nodes cannot be listed: {}", explain(&error)),
                fix,
            ))
        }
    }
}

/// Looks for the machines of all Nodes at once, as a manager does at its start.
pub(super) async fn examine(
    nodes: &[Node],
    handles: Vec<VcenterHandle>,
    rules: AddressRules,
    inventories: &HashMap<String, Inventory>,
) -> Vec<Seen> {
    let instances = VsphereInstances::start(handles, rules);
    let outcomes = join_all(nodes.iter().map(async |node| {
        let identity = identity(node);
        let late = |_| Err(InstanceError::Unknown(format!("no answer within {} s", PATIENCE.as_secs())));
        tokio::time::timeout(PATIENCE, instances.examine(&identity)).await.unwrap_or_else(late)
    }));
    let outcomes = outcomes.await;
    let mut tools: HashMap<(&str, MoRef), bool> = HashMap::new();
    for (id, inventory) in inventories {
        let here = outcomes.iter().flatten().filter(|found| found.vcenter == *id);
        let vms: Vec<MoRef> = here.map(|found| found.vm.moref.clone()).collect();
        // What is not known is not judged.
        let read = tools_run(inventory, vms).await.unwrap_or_default();
        tools.extend(read.into_iter().map(|(vm, run)| ((id.as_str(), vm), run)));
    }
    let with_tools = |outcome: Result<Examined, InstanceError>| {
        let found = outcome.as_ref().ok();
        let tools_run = found.and_then(|found| {
            let vm: &Arc<Vm> = &found.vm;
            tools.get(&(found.vcenter.as_str(), vm.moref.clone())).copied()
        });
        Seen { outcome, tools_run }
    };
    outcomes.into_iter().map(with_tools).collect()
}

async fn tools_run(inventory: &Inventory, vms: Vec<MoRef>) -> Result<Vec<(MoRef, bool)>, Error> {
    let mut read = Vec::new();
    if vms.is_empty() {
        return Ok(read);
    }
    let connection = inventory.session().connect().await?;
    let collector = &connection.content().property_collector;
    let spec = FilterSpec::of_objects(vms, TOOLS);
    let first = RetrievePropertiesEx { collector, spec, max_objects: PAGE, skip_missing: true };
    let mut page = connection.call(&first).await?;
    loop {
        let RetrieveResult { token, objects } = page;
        for object in objects {
            let status = object.properties.first().and_then(|(_, value)| value.as_text());
            // While it executes scripts, the guest boots or shuts down.
            read.extend(status.map(|status| (object.object.clone(), status != "guestToolsNotRunning")));
        }
        let Some(token) = token else { return Ok(read) };
        page = connection.call(&ContinueRetrievePropertiesEx { collector, token: &token }).await?;
    }
}

/// One line for each Node with which something is not as it should be, and one about the others;
/// with `verbose`, one for each.
///
/// `away` are the vCenters that could not be asked.
pub(super) fn judge(
    nodes: &[Node],
    seen: &[Seen],
    away: &[&str],
    inventories: &HashMap<String, Inventory>,
    verbose: bool,
) -> Vec<Finding> {
    let name_of = |vcenter: &str, object: &MoRef| {
        let name = inventories.get(vcenter).and_then(|inventory| inventory.store().name_of(object));
        match name {
            Some(name) => format!("{} {name:?}", object.kind),
            None => object.to_string(),
        }
    };
    let verdicts: Vec<judge::Verdict> =
        nodes.iter().zip(seen).map(|(node, seen)| judge::node(node, seen, away, &name_of)).collect();
    judge::report(verdicts, verbose)
}
