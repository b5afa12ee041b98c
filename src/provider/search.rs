//! The search for one Node's machine: what is looked for, one question to one vCenter, and what is
//! said when nothing is found.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::identify::{Answer, Machine, Match};
use super::shared::{Shared, VcenterHandle};
use super::tell_apart::Marks;
use crate::cloud::{InstanceError, MachineRecord, NodeIdentity, ProviderId, ProviderIdError, parse_uuid};
use crate::vsphere::inventory::{Hit, Query, Scope};
use crate::vsphere::{Endpoint, Error};

/// What vCenter `0` says: hits per Node, in the order asked.
pub(super) type Asked = (usize, Vec<String>, Result<Vec<Vec<Hit>>, String>);

/// The search for one Node's machine.
pub(super) struct Search {
    pub(super) query: Query,
    /// The machine that the Node was found to have before.
    pub(super) record: Option<Arc<MachineRecord>>,
    /// Per vCenter.
    pub(super) answers: Vec<Answer>,
    /// Per vCenter, whether it is to be asked (again).
    pub(super) to_ask: Vec<bool>,
    /// When others are waited for no longer.
    pub(super) grace: Option<Instant>,
    /// Machines that match but are in other datacenters; for the message.
    pub(super) outside: Vec<String>,
    /// Machines that it could be, or could have been: watched until the search is over.
    pub(super) candidates: Vec<Machine>,
}

impl Search {
    /// A search that every vCenter is still to be asked about.
    pub(super) fn new(query: Query, record: Option<Arc<MachineRecord>>, vcenters: usize) -> Self {
        Self {
            query,
            record,
            answers: vec![Answer::Pending; vcenters],
            to_ask: vec![true; vcenters],
            grace: None,
            outside: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// Whether an answer of this vCenter is one to this search. As long as it was not asked, the answer
    /// is to an earlier search, for a Node that had the name before and may have been another machine.
    pub(super) fn has_asked(&self, vcenter: usize) -> bool {
        !self.to_ask[vcenter] || self.answers[vcenter] != Answer::Pending
    }

    /// Whether the Node remembers a machine in a vCenter that is none of those that have answered.
    pub(super) fn home_is_away(&self, shared: &Shared) -> bool {
        let is_home = |(vcenter, answer): (&VcenterHandle, &Answer), home: &str| {
            matches!(answer, Answer::Found(_))
                && vcenter.inventory.store().vcenter_uuid().is_some_and(|uuid| *uuid == *home)
        };
        self.record.as_ref().is_some_and(|record| {
            !shared.vcenters.iter().zip(&self.answers).any(|answer| is_home(answer, &record.vcenter))
        })
    }

    /// Takes over what a vCenter has found.
    pub(super) fn found(&mut self, vcenter: usize, inside: Vec<Match>, outside: Vec<String>) {
        for Match { machine, .. } in &inside {
            if !self.candidates.contains(machine) {
                self.candidates.push(machine.clone());
            }
        }
        self.answers[vcenter] = Answer::Found(inside);
        self.outside = outside;
    }
}

/// What to look for; an error if the Node is not ours to look for.
pub(super) fn query(node: &NodeIdentity) -> Result<Query, InstanceError> {
    let provider_uuid = match node.provider_id.as_deref().map(ProviderId::parse) {
        None => None,
        Some(Ok(id)) => Some(id.uuid()),
        Some(Err(error @ (ProviderIdError::Foreign { .. } | ProviderIdError::Malformed { .. }))) => {
            return Err(InstanceError::NotOurs(error.to_string()));
        }
    };
    // A providerID is for ever: a machine that only has the name is the successor of the one it names.
    let is_known = provider_uuid.is_some();
    Ok(Query {
        provider_uuid,
        instance_uuid: None,
        system_uuid: node.system_uuid.as_deref().and_then(parse_uuid),
        dns_name: if is_known { String::new() } else { node.name.clone() },
        ips: if is_known { Vec::new() } else { node.provided_ips.clone() },
    })
}

/// Finds machines in one vCenter and begins to watch them, so that they can be judged.
pub(super) async fn find(
    vcenter: usize,
    handle: VcenterHandle,
    names: Vec<String>,
    queries: Vec<Query>,
) -> Asked {
    let found = async {
        let hits = handle.inventory.find(queries).await?;
        let machines: HashSet<_> = hits.iter().flatten().map(|hit| hit.moref.clone()).collect();
        if !machines.is_empty() {
            handle.inventory.join(machines.into_iter().collect()).await?;
        }
        Ok(hits)
    };
    let outcome = found.await.map_err(|error| reason(handle.inventory.endpoint(), &error));
    (vcenter, names, outcome)
}

/// Why a vCenter does not answer, in words that stay the same for as long as the cause does: what
/// changes is news, and news becomes an Event on every Node that waits.
fn reason(endpoint: &Endpoint, error: &Error) -> String {
    let text = error.to_string();
    // Some begin with it by themselves.
    let what = text.strip_prefix(&format!("{endpoint}: ")).unwrap_or(&text);
    format!("vCenter {endpoint}: {what}")
}

/// Parts machines in the configured datacenters from those elsewhere, which are not watched.
///
/// # Errors
/// One that was found and cannot be read: destroyed meanwhile, or given up by another search. It has
/// to be looked for again, because among several machines it might be the one that is meant.
pub(super) fn in_scope(
    shared: &Shared,
    vcenter: usize,
    node: &NodeIdentity,
    hits: Vec<Hit>,
) -> Result<(Vec<Match>, Vec<String>), String> {
    let handle = &shared.vcenters[vcenter];
    let store = handle.inventory.store();
    let vcenter_uuid = store.vcenter_uuid();
    let mut inside = Vec::new();
    let mut outside = Vec::new();
    for hit in hits {
        let vm = store.vm(&hit.moref).ok_or_else(|| {
            let endpoint = handle.inventory.endpoint();
            format!("vCenter {endpoint}: {} was found but cannot be read; looking again", hit.moref.id)
        })?;
        let location = handle.locate(&vm);
        let machine = Machine { vcenter, moref: hit.moref };
        if let Scope::Outside(datacenter) = store.scope_of(&vm) {
            if shared.roster.on(&machine).is_empty() {
                handle.inventory.leave(vec![machine.moref]);
            }
            outside.push(format!("{location} matches but is in datacenter {datacenter}"));
        } else {
            let marks = Marks::of(&vm, vcenter_uuid.as_deref(), node);
            inside.push(Match { machine, by: hit.by, marks, location });
        }
    }
    Ok((inside, outside))
}

/// Says what was looked for and where, and what usually helps.
pub(super) fn not_found(shared: &Shared, search: &Search) -> String {
    let query = &search.query;
    let mut what = Vec::new();
    let uuids: BTreeSet<_> = query.provider_uuid.into_iter().chain(query.system_uuid).collect();
    for uuid in uuids {
        what.push(format!("uuid {uuid} (either byte order)"));
    }
    if !query.dns_name.is_empty() {
        what.push(format!("guest host name {:?}", query.dns_name));
    }
    for ip in &query.ips {
        what.push(format!("address {ip}"));
    }
    let places: Vec<String> = shared
        .vcenters
        .iter()
        .map(|vcenter| {
            let endpoint = vcenter.inventory.endpoint();
            if vcenter.datacenters.is_empty() {
                format!("vCenter {endpoint}")
            } else {
                format!("vCenter {endpoint} (datacenters {})", vcenter.datacenters.join(", "))
            }
        })
        .collect();
    let advice = if search.outside.is_empty() {
        "if it exists, check that the account has the Read-only role on it and on its folders".to_owned()
    } else {
        format!(
            "{}; add that datacenter to the configuration if the node belongs there",
            search.outside.join(", ")
        )
    };
    format!("no virtual machine with {} in {}; {advice}", what.join(" or "), places.join(" or "))
}
