//! Everything that is not the product: machines, kubelets, the API server's objects, and the network.
//!
//! It has no tasks of its own: time is moved, and then everything that is due happens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::Value;
use tokio::sync::oneshot;

use super::Time;
use super::judgement::View;
use super::kubelet::Kubelet;
use super::luck::Luck;
use super::machines::{Machine, Place, VCENTERS, Vcenter};
use super::promises::Promises;
use super::sight::Sight;
use crate::k8s::testing::{Objects, Request};

/// Who sends a request to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    /// As it calls itself in the Lease.
    pub(super) identity: String,
    /// It may send only while it leads.
    pub(super) as_leader: bool,
}

/// A request that is under way for long.
pub(super) struct Late {
    pub(super) arrives: Time,
    pub(super) sent: Time,
    pub(super) sender: Sender,
    pub(super) request: Request,
    pub(super) reply: oneshot::Sender<(u16, Value)>,
}

/// The world.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) machines: Vec<Machine>,
    pub(super) vcenters: [Vcenter; VCENTERS],
    /// Counts what has changed of machines and vCenters.
    pub(super) changes: u64,
    pub(super) kubelets: Vec<Kubelet>,
    pub(super) objects: Objects,
    /// When which vCenter begins to swear that it has no machine.
    pub(super) lie_from: Option<(Time, usize)>,
    pub(super) luck: Luck,
    pub(super) late: Vec<Late>,
    pub(super) sights: Vec<Weak<Mutex<Sight>>>,
    pub(super) promises: Promises,
    pub(super) log: Vec<String>,
    numbers: u32,
    loud: bool,
}

/// The world, for all who live in it; they do so one at a time.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    pub(super) fn new(luck: Luck, promises: Promises, loud: bool) -> Self {
        Self {
            now: Time::ZERO,
            machines: Vec::new(),
            vcenters: [Vcenter::default(); VCENTERS],
            changes: 0,
            kubelets: Vec::new(),
            objects: Objects::default(),
            lie_from: None,
            luck,
            late: Vec::new(),
            sights: Vec::new(),
            promises,
            log: Vec::new(),
            numbers: 0,
            loud,
        }
    }

    /// What the account sees at that moment.
    pub(super) fn view(&self, now: Time) -> View<'_> {
        View { machines: &self.machines, vcenters: &self.vcenters, now }
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// A place in a vCenter where nothing was before.
    pub(super) fn new_place(&mut self, vcenter: usize) -> Place {
        Place { vcenter, id: format!("vm-{}", self.number()) }
    }

    /// A machine that runs, with a kubelet that will join, or joins again.
    pub(super) fn create(&mut self, name: &str, vcenter: usize) -> usize {
        let place = self.new_place(vcenter);
        let number = self.number();
        let index = self.machines.len();
        self.machines.push(Machine::new(name, number, place));
        match self.kubelets.iter_mut().find(|kubelet| kubelet.name == name) {
            Some(kubelet) => kubelet.machine = index,
            None => self.kubelets.push(Kubelet::new(name, index)),
        }
        index
    }

    /// The machines of the beginning. Some have joined already, and some of these were initialised by another
    /// cloud provider.
    pub(super) fn populate(&mut self, machines: usize) {
        for number in 0..machines {
            let index = self.kubelets.len();
            self.create(&format!("node-{number}"), number % VCENTERS);
            if number % 4 > 0 {
                self.register_early(index, number % 4 > 1);
            }
        }
        self.changed();
    }

    /// Something about machines or vCenters is different now.
    pub(super) fn changed(&mut self) {
        self.changes += 1;
        for machine in &mut self.machines {
            machine.note(&self.vcenters, self.now);
        }
    }

    /// Lets everything happen that is due by then.
    pub(super) fn advance(&mut self, now: Time) {
        self.now = now;
        self.deliver();
        self.lie_if_due();
        self.run_kubelets();
        self.release_volumes();
        let sights: Vec<_> = self.sights.iter().filter_map(Weak::upgrade).collect();
        self.sights.retain(|sight| sight.strong_count() > 0);
        for sight in sights {
            let lag = self.luck.lag();
            let mut sight = sight.lock().unwrap_or_else(PoisonError::into_inner);
            sight.follow(self.changes, self.view(now), || lag);
        }
    }

    /// The requests arrive that were under way for long.
    fn deliver(&mut self) {
        let now = self.now;
        let (due, late) =
            std::mem::take(&mut self.late).into_iter().partition(|late: &Late| late.arrives <= now);
        self.late = late;
        let mut due: Vec<Late> = due;
        due.sort_by_key(|late| late.arrives);
        for late in due {
            let answer = self.perform(late.arrives, late.sent, &late.sender, &late.request);
            // Its sender may have given up, or be no more.
            late.reply.send(answer).ok();
        }
    }

    /// The API server does what a manager asks for.
    pub(super) fn perform(
        &mut self,
        now: Time,
        sent: Time,
        sender: &Sender,
        request: &Request,
    ) -> (u16, Value) {
        let node = node_of(request);
        let before = node.and_then(|name| self.objects.nodes.get(name)).cloned();
        let (status, answer) = self.objects.perform(request);
        let done = (200..300).contains(&status);
        if request.path.contains("/leases/") || request.path.ends_with("/leases") {
            if done && request.method != "GET" {
                let holder = request.body["spec"]["holderIdentity"].as_str().unwrap_or_default();
                if self.promises.lease(sender, holder, sent) {
                    self.log(now, &format!("the lease is {holder:?}'s, says {}", sender.identity));
                }
            }
            return (status, answer);
        }
        if request.method != "GET" {
            let what = node.map_or_else(|| told(request), |_| format!("{} {}", request.path, request.body));
            self.log(now, &format!("{}: {} {what} -> {status}", sender.identity, request.method));
        }
        if done && let (Some(name), Some(before)) = (node, before) {
            let after = self.objects.nodes.get(name).cloned();
            self.check(now, sender, name, &before, after.as_ref());
        }
        (status, answer)
    }

    /// Notes what happens.
    pub(super) fn log(&mut self, now: Time, what: &str) {
        let line = format!("[{:9.3}] {what}", now.as_secs_f64());
        if self.loud {
            super::say(&line);
        }
        self.log.push(line);
    }
}

/// The Node that a request writes.
fn node_of(request: &Request) -> Option<&str> {
    if request.method == "GET" {
        return None;
    }
    let rest = request.path.strip_prefix("/api/v1/nodes/")?;
    rest.split('/').next()
}

/// An Event in few words.
fn told(request: &Request) -> String {
    let body = &request.body;
    format!("Event {} {}", body["reason"], body["message"])
}
