//! What must never happen, checked with every request that leaves a manager and every write that the
//! API server accepts.
//!
//! * **No Node of an existing machine is deleted.** To be exact: when a deletion is accepted, the machine
//!   has been in no vCenter for at least the time of the confirmation, and still was in none when it was
//!   last possible to see it. Nobody can know of a machine that came back while the request was on its
//!   way; then it is the Node's version that protects it, which is why a Node whose kubelet has spoken
//!   is never deleted, however late the request. For a Node whose record does not name the object that
//!   its machine is now, "was not to be seen" takes the place of "was in no vCenter": where there is no
//!   record, lost rights look the same, as [`Proof::Absence`](crate::cloud::Proof::Absence) says; and
//!   where a machine was registered anew, its former object is truly gone.
//! * **No Node of a running machine gets the shutdown taint**, or the one that takes its volumes away:
//!   its kubelet is silent, and the machine was off (for the latter: for the time of the grace; or gone
//!   as above) when it was last possible to see it. That it is started again while its Node has the
//!   taint cannot be helped; that the taint goes then is among what holds [in the end](super::ending).
//! * **No write leaves a manager after its lease's deadline**, and no two managers may write at the same
//!   time. A write that left in time may arrive late: all of the above holds for it too.
//! * **A Node only ever gets the providerID and the record of its own machine**, nobody's taints or
//!   labels are lost, and no taint is there twice.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Time;
use super::kubelet::{count_taints, is_ready, taints};
use super::machines::{Machine, Place, vcenter_uuid};
use super::spans::Spans;
use super::world::{Sender, World};
use crate::cloud::{MACHINE_ANNOTATION, MachineRecord, ProviderId, parse_uuid, swap_byte_order};
use crate::k8s::testing::Request;
use crate::k8s::{OWN_PREFIX, TAINT_OUT_OF_SERVICE, TAINT_SHUTDOWN, TAINT_UNINITIALIZED};

/// The taints that managers set and remove.
const OUR_TAINTS: [&str; 3] = [TAINT_SHUTDOWN, TAINT_OUT_OF_SERVICE, TAINT_UNINITIALIZED];
/// A write may rest on something that was seen this long ago and not be blamed for it: an answer of
/// vCenter takes up to 23 s to arrive here and a request up to 30 s.
const IN_GOOD_FAITH: Time = Time::from_mins(1);

/// What has been promised, and what is needed to see whether it is kept.
pub(super) struct Promises {
    /// How long a proof must hold before a Node is deleted.
    pub(super) confirm_after: Time,
    /// How long a machine must be off before its Node is taken out of service.
    pub(super) grace: Time,
    /// How long a leader leads after a renewal was sent.
    pub(super) renew_deadline: Time,
    /// When the last renewal was sent of those who hold the lease.
    terms: BTreeMap<String, Time>,
    holder: String,
    /// How long processes stood still, and when they went on: they act on what they saw before.
    frozen: BTreeMap<String, (Time, Time)>,
    /// The first promise that was broken.
    pub(super) broken: Option<String>,
    /// When a manager wrote a Node last.
    pub(super) last_write: Time,
}

impl Promises {
    pub(super) fn new(confirm_after: Time, grace: Time, renew_deadline: Time) -> Self {
        Self {
            confirm_after,
            grace,
            renew_deadline,
            terms: BTreeMap::new(),
            holder: String::new(),
            frozen: BTreeMap::new(),
            broken: None,
            last_write: Time::ZERO,
        }
    }

    /// The Lease has been written; whether it has another holder now.
    pub(super) fn lease(&mut self, sender: &Sender, holder: &str, sent: Time) -> bool {
        if holder == sender.identity {
            self.terms.insert(holder.to_owned(), sent);
        } else {
            self.terms.remove(&sender.identity);
        }
        let new = self.holder != holder;
        holder.clone_into(&mut self.holder);
        new
    }

    /// A process goes on after it stood still for so long.
    pub(super) fn thawed(&mut self, identity: &str, now: Time, after: Time) {
        self.frozen.insert(identity.to_owned(), (now, after));
    }

    /// How old what a sender acts on may be.
    fn patience(&self, sender: &Sender, now: Time) -> Time {
        match self.frozen.get(&sender.identity) {
            Some((thawed, after)) if *thawed + IN_GOOD_FAITH >= now => IN_GOOD_FAITH + *after,
            _ => IN_GOOD_FAITH,
        }
    }
}

impl World {
    fn broken(&mut self, now: Time, what: &str) {
        let what = format!("[{:9.3}] {what}", now.as_secs_f64());
        self.log(now, &format!("BROKEN: {what}"));
        self.promises.broken.get_or_insert(what);
    }

    /// A request leaves a manager.
    pub(super) fn leaves(&mut self, now: Time, sender: &Sender, request: &Request) {
        if !sender.as_leader || request.method == "GET" {
            return;
        }
        let ends = |sent: &Time| *sent + self.promises.renew_deadline;
        let who = &sender.identity;
        let end = self.promises.terms.get(who).map(ends);
        let other = self.promises.terms.iter().find(|(other, sent)| *other != who && ends(sent) > now);
        let what = match (end, other) {
            (None, _) => format!("{who} writes without the lease: {} {}", request.method, request.path),
            (Some(end), _) if end < now => {
                format!(
                    "{who} writes after {:.3}, its deadline: {} {}",
                    end.as_secs_f64(),
                    request.method,
                    request.path
                )
            }
            (_, Some((other, _))) => format!("{who} and {other} lead at the same time"),
            _ => return,
        };
        self.broken(now, &what);
    }

    /// The API server has accepted a write to a Node; `after` is absent if it was deleted.
    pub(super) fn check(
        &mut self,
        now: Time,
        sender: &Sender,
        name: &str,
        before: &Value,
        after: Option<&Value>,
    ) {
        self.promises.last_write = now;
        let judge = Judge { world: self, now, patience: self.promises.patience(sender, now), before };
        let verdict = match after {
            None => judge.deletion(),
            Some(after) => judge.change(name, after),
        };
        if let Err(what) = verdict {
            self.broken(now, &format!("{name}: {what}"));
        }
    }

    /// The machines that a Node may be: by its providerID, and by what its kubelet said.
    pub(super) fn machines_of<'a>(&'a self, node: &Value) -> Vec<&'a Machine> {
        let provider = node["spec"]["providerID"].as_str().and_then(|id| ProviderId::parse(id).ok());
        let provider = provider.map(ProviderId::uuid);
        let system = node["status"]["nodeInfo"]["systemUUID"].as_str().and_then(parse_uuid);
        let is = |machine: &&Machine| {
            let bios = machine.bios_uuid();
            [provider, system].into_iter().flatten().any(|uuid| uuid == bios || uuid == swap_byte_order(bios))
        };
        self.machines.iter().filter(is).collect()
    }
}

/// One write, being judged.
struct Judge<'a> {
    world: &'a World,
    now: Time,
    patience: Time,
    before: &'a Value,
}

impl Judge<'_> {
    fn deletion(&self) -> Result<(), String> {
        if is_ready(self.before) {
            return Err("deleted although its kubelet says that it is ready".to_owned());
        }
        let machines = self.world.machines_of(self.before);
        if machines.is_empty() {
            return Err("deleted although nobody knows what its machine was".to_owned());
        }
        let confirm_after = self.world.promises.confirm_after;
        for machine in machines {
            let gone = if self.names(machine) { &machine.missing } else { &machine.unseen };
            if !gone.held(confirm_after, self.now, self.patience) {
                return Err(format!("deleted although its machine exists: {machine:?}"));
            }
        }
        Ok(())
    }

    /// Whether the Node's record names the object that this machine is now, or was last.
    fn names(&self, machine: &Machine) -> bool {
        let last = machine.place.as_ref().or(machine.places.last());
        record(self.before).is_some_and(|noted| last.is_none_or(|place| is(&noted, place)))
    }

    fn change(&self, name: &str, after: &Value) -> Result<(), String> {
        let before = self.before;
        if foreign(before) != foreign(after) {
            return Err(format!("what is others' was changed: {before} -> {after}"));
        }
        for key in OUR_TAINTS {
            if count_taints(after, key) > count_taints(before, key).max(1) {
                return Err(format!("{key} is there twice"));
            }
        }
        let gets = |key| count_taints(before, key) == 0 && count_taints(after, key) > 0;
        let held = |spans: &Spans| spans.held(Time::ZERO, self.now, self.patience);
        let still = |machine: &Machine| held(&machine.still) || held(&machine.missing);
        let (grace, confirm_after) = (self.world.promises.grace, self.world.promises.confirm_after);
        let dead = |machine: &Machine| {
            machine.off.held(grace, self.now, self.patience)
                || machine.missing.held(confirm_after, self.now, self.patience)
                || machine.unseen.held(confirm_after, self.now, self.patience) && !self.names(machine)
        };
        if gets(TAINT_SHUTDOWN) && (is_ready(before) || !self.all(still)) {
            return Err("gets the shutdown taint although its machine runs".to_owned());
        }
        if gets(TAINT_OUT_OF_SERVICE) && (is_ready(before) || !self.all(dead)) {
            return Err("is taken out of service although its machine runs".to_owned());
        }
        self.identity(name, after)
    }

    fn all(&self, is: impl Fn(&Machine) -> bool) -> bool {
        let machines = self.world.machines_of(self.before);
        !machines.is_empty() && machines.into_iter().all(is)
    }

    /// Whether what a Node gets to know of its machine is true.
    fn identity(&self, name: &str, after: &Value) -> Result<(), String> {
        let own = || self.world.machines.iter().filter(|machine| machine.name == name);
        let id = &after["spec"]["providerID"];
        if *id != self.before["spec"]["providerID"]
            && !own().any(|machine| *id == machine.provider_id().to_string())
        {
            return Err(format!("gets another machine's providerID, {id}"));
        }
        let Some(noted) = record(after).filter(|noted| record(self.before).as_ref() != Some(noted)) else {
            return Ok(());
        };
        let was_there = |machine: &Machine| machine.places.iter().any(|place| is(&noted, place));
        if own().any(was_there) { Ok(()) } else { Err(format!("gets another machine's record, {noted:?}")) }
    }
}

/// What a Node's annotation says of its machine.
fn record(node: &Value) -> Option<MachineRecord> {
    serde_json::from_str(node["metadata"]["annotations"][MACHINE_ANNOTATION].as_str()?).ok()
}

/// Whether a record is about what is there.
fn is(noted: &MachineRecord, place: &Place) -> bool {
    noted.vm == place.id && noted.vcenter == vcenter_uuid(place.vcenter)
}

/// What is none of a manager's business in a Node.
fn foreign(node: &Value) -> Value {
    let mut node = node.clone();
    let mut others = taints(&node).to_vec();
    others.retain(|taint| !OUR_TAINTS.iter().any(|key| taint["key"] == *key));
    node["spec"] = others.into();
    if let Some(annotations) = node["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|key, _| !key.starts_with(OWN_PREFIX));
        if annotations.is_empty() {
            node["metadata"]["annotations"].take();
        }
    }
    if let Some(labels) = node["metadata"]["labels"].as_object_mut() {
        labels.retain(|key, _| !key.contains("instance-type"));
    }
    node["metadata"]["resourceVersion"].take();
    node["status"]["addresses"].take();
    node
}
