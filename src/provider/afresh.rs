//! Whether machines run, read from vCenter now: what is in memory may be as old as the long poll, whose
//! failure takes some seconds to be noticed.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::join_all;

use super::desk::Question;
use super::existence::power;
use super::identify::Machine;
use super::shared::{Shared, VcenterHandle};
use crate::cloud::Existence;
use crate::vsphere::MoRef;
use crate::vsphere::inventory::{Health, Vm};

/// Answers a batch of questions, each about a machine, with one read per vCenter.
pub(super) async fn answer(shared: Arc<Shared>, batch: Vec<Question<Machine>>) {
    let mut by_vcenter: HashMap<usize, Vec<Question<Machine>>> = HashMap::new();
    for question in batch {
        by_vcenter.entry(question.about.vcenter).or_default().push(question);
    }
    let reads = by_vcenter.into_iter().map(async |(vcenter, questions)| {
        let handle = &shared.vcenters[vcenter];
        let vms = questions.iter().map(|question| question.about.moref.clone()).collect();
        let seen = read(handle, vms).await;
        for question in questions {
            let existence = conclude(handle, &question.about.moref, &seen);
            question.answer(existence);
        }
    });
    join_all(reads).await;
}

async fn read(vcenter: &VcenterHandle, vms: Vec<MoRef>) -> Result<Vec<Vm>, String> {
    let endpoint = vcenter.inventory.endpoint();
    if *vcenter.inventory.health().borrow() != Health::Up {
        return Err(format!("vCenter {endpoint} cannot be asked"));
    }
    vcenter.inventory.read(vms).await.map_err(|error| format!("vCenter {endpoint}: {error}"))
}

/// One that is not shown may be gone or hidden; who wants to know that asks otherwise.
fn conclude(vcenter: &VcenterHandle, moref: &MoRef, seen: &Result<Vec<Vm>, String>) -> Existence {
    let seen = match seen {
        Ok(seen) => seen,
        Err(why) => return Existence::Unknown(why.clone()),
    };
    let Some(vm) = seen.iter().find(|vm| vm.moref == *moref) else {
        return Existence::Unknown(format!("{} cannot be read now", moref.id));
    };
    Existence::Exists(power(&vcenter.inventory.store().dated(vm.clone())))
}
