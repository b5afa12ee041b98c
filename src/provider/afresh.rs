//! Whether machines run, read from vCenter now: what is in memory may be as old as the long poll, whose
//! failure takes some seconds to be noticed.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};

use super::existence::power;
use super::identify::Machine;
use super::shared::{Shared, VcenterHandle};
use crate::cloud::Existence;
use crate::vsphere::MoRef;
use crate::vsphere::inventory::{Health, Vm};

/// How long a question waits for company: a host that fails takes many machines along.
const GATHER: Duration = Duration::from_millis(20);

/// A machine to be read, and where the answer goes.
#[derive(Debug)]
pub(super) struct Glance {
    machine: Machine,
    reply: oneshot::Sender<Existence>,
}

/// Asks its vCenter.
pub(super) async fn ask(desk: &mpsc::UnboundedSender<Glance>, machine: Machine) -> Existence {
    let (reply, answer) = oneshot::channel();
    let stopped = || Existence::Unknown("the provider is shutting down".to_owned());
    if desk.send(Glance { machine, reply }).is_err() {
        return stopped();
    }
    answer.await.unwrap_or_else(|_| stopped())
}

/// Answers in batches, one read per vCenter; ends with the provider.
pub(super) async fn run(shared: Weak<Shared>, mut desk: mpsc::UnboundedReceiver<Glance>) {
    while let Some(first) = desk.recv().await {
        tokio::time::sleep(GATHER).await;
        let mut batch = vec![first];
        while let Ok(next) = desk.try_recv() {
            batch.push(next);
        }
        let Some(shared) = shared.upgrade() else { return };
        // Side by side: a vCenter that hangs holds up only those who asked before.
        tokio::spawn(answer(shared, batch));
    }
}

async fn answer(shared: Arc<Shared>, batch: Vec<Glance>) {
    let mut by_vcenter: HashMap<usize, Vec<Glance>> = HashMap::new();
    for glance in batch {
        by_vcenter.entry(glance.machine.vcenter).or_default().push(glance);
    }
    let reads = by_vcenter.into_iter().map(async |(vcenter, glances)| {
        let handle = &shared.vcenters[vcenter];
        let vms = glances.iter().map(|glance| glance.machine.moref.clone()).collect();
        let seen = read(handle, vms).await;
        for Glance { machine, reply } in glances {
            // Whoever asked may have given up.
            let _ = reply.send(conclude(handle, &machine.moref, &seen));
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
    let known = vcenter.inventory.store().vm(moref);
    Existence::Exists(power(&lasting(vm.clone(), known.as_deref())))
}

/// One that is read again has not been switched off again.
fn lasting(mut vm: Vm, known: Option<&Vm>) -> Vm {
    if let (Some(since), Some(known)) = (&mut vm.off_since, known.and_then(|known| known.off_since)) {
        *since = known.min(*since);
    }
    vm
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::fixtures::vm;
    use super::*;
    use crate::cloud::Power;
    use crate::vsphere::inventory::PowerState;

    #[tokio::test(start_paused = true)]
    async fn the_time_of_being_off_counts_from_when_it_was_first_seen() {
        let off = || Vm { power_state: PowerState::Off, off_since: Some(Instant::now()), ..vm() };
        let before = off();
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(power(&lasting(off(), Some(&before))), Power::Off(Duration::from_secs(40)));
        assert_eq!(power(&lasting(off(), Some(&vm()))), Power::Off(Duration::ZERO), "it was on a moment ago");
        assert_eq!(power(&lasting(off(), None)), Power::Off(Duration::ZERO));
        assert_eq!(power(&lasting(vm(), Some(&before))), Power::On, "what is read now counts");
    }
}
