//! `vsphere-cloud check`: what is wrong, before or while a manager works. It changes nothing: it logs in,
//! reads, and logs out.
//!
//! | file | what is looked at |
//! |---|---|
//! | `configuration` | the file, and the environment |
//! | `credentials` | where they come from |
//! | `certificate` | the way to vCenter, and whom it shows to be |
//! | `vcenter` | login, version, datacenters |
//! | `zones` | tag categories |
//! | `privileges` | what the account may do |
//! | `nodes` | each Node and its machine |
//!
//! Each has a part that asks and a part that judges, which is pure. What a manager does is not done again
//! here: its own inventory, resolver and rules are asked.

mod certificate;
mod configuration;
mod credentials;
mod finding;
mod nodes;
mod privileges;
mod vcenter;
mod zones;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use jiff::Timestamp;
use kube::Client;

use crate::config::{Config, ConfigError, Loaded, Vcenter};
use crate::provider::VcenterHandle;
use crate::vsphere::Endpoint;
use crate::vsphere::inventory::Inventory;
use vcenter::Entered;

pub use finding::{Finding, Severity, Topic, worst};

/// What is checked.
pub struct Subject {
    /// What messages call the file.
    pub file: String,
    /// The configuration, or why there is none.
    pub loaded: Result<Loaded, ConfigError>,
    /// The cluster, or why it is not looked at.
    pub cluster: Result<Client, Option<String>>,
    /// Whether every Node gets a line.
    pub verbose: bool,
}

/// The sessions that have to be ended, however the check ends.
#[derive(Debug, Default)]
struct Sessions(Mutex<Vec<Inventory>>);

impl Sessions {
    fn add(&self, inventory: &Inventory) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(inventory.clone());
    }

    async fn close(self) {
        let inventories = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        join_all(inventories.iter().map(Inventory::close)).await;
    }
}

/// Looks at everything, in order; what rests on something that is wrong is left out. Nothing is found
/// if it is told to stop before the end; sessions are ended in any case.
pub async fn run(subject: Subject, stop: impl Future<Output = ()>) -> Option<Vec<Finding>> {
    let sessions = Sessions::default();
    let findings = tokio::select! {
        findings = look(subject, &sessions) => Some(findings),
        () = stop => None,
    };
    sessions.close().await;
    findings
}

async fn look(subject: Subject, sessions: &Sessions) -> Vec<Finding> {
    let mut findings = configuration::findings(&subject.file, &subject.loaded);
    if let Err(why) = &subject.cluster {
        findings.push(no_cluster(why.as_deref()));
    }
    let client = subject.cluster.as_ref().ok();
    if let Ok(loaded) = &subject.loaded {
        let config = &loaded.config;
        let entered: Vec<Entered> =
            join_all(config.vcenters.iter().map(|vcenter| look_at(vcenter, config, client, sessions))).await;
        findings.extend(entered.iter().flat_map(|entered| entered.findings.clone()));
        let ids = config.vcenters.iter().map(|vcenter| vcenter.id.as_str());
        findings.extend(vcenter::twins(ids.zip(entered.iter().map(|entered| entered.uuid.as_deref()))));
        if let Some(client) = client {
            let away = config.vcenters.iter().zip(&entered).filter(|(_, entered)| !entered.usable);
            let away: Vec<&str> = away.map(|(vcenter, _)| vcenter.id.as_str()).collect();
            let handles = handles(config, &entered);
            findings.extend(look_at_nodes(config, handles, &away, client, subject.verbose).await);
        }
    }
    // Findings about one thing stay in the order in which they were made.
    findings.sort_by_key(|finding| finding.topic);
    findings
}

fn no_cluster(why: Option<&str>) -> Finding {
    match why {
        Some(why) => Topic::Kubernetes.fail("kubeconfig", why, "correct --kubeconfig"),
        None => Topic::Kubernetes.note(
            "kubeconfig",
            "not given, and this is no pod: Nodes, and credentials in Secrets, are not looked at",
        ),
    }
}

/// Credentials, certificate, login, zones of one vCenter, as far as one permits the next.
async fn look_at(
    vcenter: &Vcenter,
    config: &Config,
    client: Option<&Client>,
    sessions: &Sessions,
) -> Entered {
    let (mut findings, credentials) = credentials::check(vcenter, client).await;
    let (seen, trusted) = certificate::check(vcenter, Timestamp::now()).await;
    findings.extend(seen);
    let Some(credentials) = credentials.filter(|_| trusted) else {
        return Entered { findings, ..Entered::default() };
    };
    let mut entered = vcenter::enter(vcenter, &config.labels, credentials, sessions).await;
    findings.append(&mut entered.findings);
    if let Some(inventory) = &entered.inventory {
        let subject = Endpoint::new(vcenter).to_string();
        findings.extend(zones::check(&subject, &config.labels, inventory).await);
    }
    Entered { findings, ..entered }
}

fn handles(config: &Config, entered: &[Entered]) -> Vec<VcenterHandle> {
    let usable = config.vcenters.iter().zip(entered).filter(|(_, entered)| entered.usable);
    let handle = |(vcenter, entered): (&Vcenter, &Entered)| {
        Some(VcenterHandle {
            id: vcenter.id.clone(),
            inventory: entered.inventory.clone()?,
            datacenters: vcenter.datacenters.clone(),
            ip_families: vcenter.ip_families.clone(),
        })
    };
    usable.filter_map(handle).collect()
}

async fn look_at_nodes(
    config: &Config,
    handles: Vec<VcenterHandle>,
    away: &[&str],
    client: &Client,
    verbose: bool,
) -> Vec<Finding> {
    let (nodes, listed) = match nodes::list(client).await {
        Ok(listed) => listed,
        Err(finding) => return vec![finding],
    };
    let mut findings = vec![listed];
    if handles.is_empty() {
        findings.push(Topic::Nodes.note("Nodes", "not looked at, because no vCenter can be asked"));
        return findings;
    }
    let inventories: HashMap<String, Inventory> =
        handles.iter().map(|handle| (handle.id.clone(), handle.inventory.clone())).collect();
    let examined = nodes::examine(&nodes, handles, config.nodes.clone(), &inventories).await;
    let zones = config.labels.region.is_some() && config.labels.zone.is_some();
    for (id, inventory) in &inventories {
        let vms = examined.iter().filter_map(|examined| examined.machine(id));
        let subject = inventory.endpoint().to_string();
        findings.extend(privileges::check(&subject, inventory, vms, zones).await);
    }
    findings.extend(nodes::judge(&nodes, &examined, away, &inventories, verbose));
    findings
}
