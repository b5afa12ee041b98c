//! What is done for whoever asks, within one login: look-ups, joins, and the tags above machines.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::lookup::Lookup;
use super::vm::VM_PROPERTIES;
use super::watch::Watch;
use super::{Change, Command, Store, Vm, datacenters, sighting};
use crate::vsphere::rest::Rest;
use crate::vsphere::types::{ContinueRetrievePropertiesEx, FilterSpec, RetrievePropertiesEx, RetrieveResult};
use crate::vsphere::{Connection, Error, MoRef, Tags};

/// After a failure, tags are read again sooner: nodes wait for their zones.
const TAGS_RETRY: Duration = Duration::from_secs(2);

/// How long machines wait for their tags.
const TAGS_PATIENCE: Duration = Duration::from_secs(3);

/// Machines per page when they are read for the first time: about 500 kB.
const JOIN_PAGE: i32 = 250;

/// Machines per request when they are read for the first time.
const JOIN_CHUNK: usize = 500;

/// Where tags are read, and how often.
pub(super) struct Tagging {
    pub(super) rest: Rest,
    pub(super) service: Arc<tokio::sync::Mutex<Tags>>,
    pub(super) period: Duration,
}

/// Executes commands within one login.
pub(super) struct Worker<'a> {
    pub(super) connection: &'a Connection,
    pub(super) watch: &'a Watch,
    pub(super) store: &'a Store,
    pub(super) lookup: &'a Lookup,
    pub(super) members: &'a Mutex<HashSet<MoRef>>,
    pub(super) tagging: &'a Tagging,
    /// Held while the objects above machines are asked for.
    pub(super) learning: tokio::sync::Mutex<()>,
    /// Tags should have been read and were not.
    pub(super) tags_missed: Notify,
    pub(super) changes: &'a broadcast::Sender<Change>,
    pub(super) arrivals_wanted: &'a AtomicBool,
}

impl Worker<'_> {
    /// Answers the command; an error of the session itself is returned as well.
    pub(super) async fn execute(&self, command: Command) -> Result<(), Error> {
        self.watch.touch();
        match command {
            Command::Find { queries, reply } => {
                let found = self.lookup.find(self.connection, &queries).await;
                let fatal = fatal(&found);
                // Whoever asked may have given up meanwhile.
                let _ = reply.send(found);
                fatal
            }
            Command::Look { suspects, reply } => {
                let seen = sighting::look(self.connection, self.lookup, &suspects).await;
                let fatal = fatal(&seen);
                let _ = reply.send(seen);
                fatal
            }
            Command::Join { vms, reply } => {
                let joined = self.join(vms).await;
                let fatal = fatal(&joined);
                let _ = reply.send(joined);
                fatal
            }
            Command::Leave { vms } => {
                {
                    let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
                    for vm in &vms {
                        members.remove(vm);
                        self.store.remove(vm);
                    }
                }
                let left = self.watch.change(self.connection, Vec::new(), vms).await.map(drop);
                fatal(&left)
            }
            Command::WatchArrivals => {
                self.arrivals_wanted.store(true, Ordering::Relaxed);
                let watched = self.watch.watch_arrivals(self.connection).await;
                if let Err(Error::Fault { method, fault }) = &watched {
                    warn!(
                        vcenter = %self.connection.session().endpoint(), method, %fault,
                        "cannot watch for new machines; nodes without one are looked for again after a while"
                    );
                }
                fatal(&watched)
            }
        }
    }

    async fn join(&self, vms: Vec<MoRef>) -> Result<(), Error> {
        let new: Vec<MoRef> = {
            let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
            vms.into_iter()
                .filter(|vm| {
                    let is_new = members.insert(vm.clone());
                    // A member that left the view by itself is not in the store any longer. Whether one
                    // that was given up a moment ago still is says nothing.
                    (is_new || self.store.vm(vm).is_none()) && !self.watch.is_expected(vm)
                })
                .collect()
        };
        if !new.is_empty() {
            let read = self.read(&new);
            let watch = self.watch.change(self.connection, new.clone(), Vec::new());
            let outcome = futures::future::try_join(read, watch).await;
            if outcome.is_err() {
                // Not watched, or not surely: whoever asks again must not find them here.
                for vm in &new {
                    self.store.remove(vm);
                }
            }
            let ((), gone) = outcome?;
            let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
            for vm in gone {
                members.remove(&vm);
            }
        }
        // Those that the watch was built around come with its first answers.
        self.watch.synced().await;
        self.learn_ancestors().await
    }

    /// Gets to know the objects above machines, and the tags of those that are new.
    async fn learn_ancestors(&self) -> Result<(), Error> {
        // Whoever waited for another's question mostly finds it answered.
        let _one_at_a_time = self.learning.lock().await;
        let parents = self.store.unknown_parents();
        if parents.is_empty() {
            return Ok(());
        }
        self.store.put_entities(datacenters::ancestors(self.connection, parents).await?);
        // Whoever waits for the machines does not wait for a REST service that hangs.
        if self.store.wants_zones() && !matches!(timeout(TAGS_PATIENCE, self.refresh_tags()).await, Ok(true))
        {
            self.store.set_tags_problem("tags cannot be read now".to_owned());
            self.tags_missed.notify_one();
        }
        Ok(())
    }

    /// What goes on by itself; returns only with an error of the session.
    ///
    /// `was_away`: what was to be read meanwhile could not be, and is not left for a whole period.
    pub(super) async fn housekeeping(&self, moved: &Notify, was_away: bool) -> Error {
        self.watch.synced().await;
        let mut next_tags = Instant::now() + if was_away { Duration::ZERO } else { self.tagging.period };
        loop {
            tokio::select! {
                () = self.tags_missed.notified() => next_tags = next_tags.min(Instant::now() + TAGS_RETRY),
                () = moved.notified() => {
                    if let Err(error) = self.learn_ancestors().await
                        && fatal::<()>(&Err(error.clone())).is_err()
                    {
                        return error;
                    }
                }
                () = tokio::time::sleep_until(next_tags), if self.store.wants_zones() => {
                    let read = self.refresh_tags().await;
                    next_tags = Instant::now() + if read { self.tagging.period } else { TAGS_RETRY.min(self.tagging.period) };
                }
            }
        }
    }

    /// Reads the tags of all objects that matter; a REST service that fails costs nobody the rest.
    async fn refresh_tags(&self) -> bool {
        let read = async {
            let mut tags = self.tagging.service.lock().await;
            let asked = self.store.tag_objects();
            let mut moved = self.take_tags(&mut tags, asked.clone()).await?;
            let known: HashSet<MoRef> = asked.into_iter().collect();
            let also: Vec<MoRef> =
                self.store.untagged_machines().into_iter().filter(|vm| !known.contains(vm)).collect();
            if !also.is_empty() {
                moved.extend(self.take_tags(&mut tags, also).await?);
            }
            Ok(moved)
        };
        match read.await {
            Ok(moved) => {
                for moref in moved {
                    let _ = self.changes.send(Change::Vm(moref));
                }
                true
            }
            Err(error) => {
                let error: Error = error;
                warn!(vcenter = %self.connection.session().endpoint(), %error, "tags cannot be read; trying again");
                self.store.set_tags_problem(format!("tags cannot be read: {error}"));
                false
            }
        }
    }

    async fn take_tags(&self, tags: &mut Tags, objects: Vec<MoRef>) -> Result<Vec<MoRef>, Error> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let attached = tags.attached(&objects).await?;
        for object in &attached.unreadable {
            warn!(
                vcenter = %self.connection.session().endpoint(),
                object, "the account may not read this; zones that it tells are unknown"
            );
        }
        Ok(self.store.set_tags(&objects, attached.tags))
    }

    /// Reads machines at once instead of waiting for the next answer of the poll.
    async fn read(&self, vms: &[MoRef]) -> Result<(), Error> {
        let collector = &self.connection.content().property_collector;
        for chunk in vms.chunks(JOIN_CHUNK) {
            let spec = FilterSpec::of_objects(chunk.iter().cloned(), VM_PROPERTIES);
            let first = RetrievePropertiesEx { collector, spec, max_objects: JOIN_PAGE, skip_missing: true };
            let mut page = self.connection.call(&first).await?;
            loop {
                let RetrieveResult { token, objects } = page;
                for object in objects {
                    self.store.put_if_absent(Vm::read(object));
                }
                let Some(token) = token else { break };
                let next = ContinueRetrievePropertiesEx { collector, token: &token };
                page = self.connection.call(&next).await?;
            }
        }
        Ok(())
    }
}

/// Only what concerns the session ends it; a refused call concerns whoever made it.
pub(super) fn fatal<T>(outcome: &Result<T, Error>) -> Result<(), Error> {
    match outcome {
        Ok(_) | Err(Error::Fault { .. } | Error::Unreadable { .. }) => Ok(()),
        Err(error) => Err(error.clone()),
    }
}
