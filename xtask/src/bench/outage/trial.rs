//! One fault: what happens during it, and how long it takes until all is right again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::fault::Fault;
use super::results::{Outcome, Seen};
use crate::bench::counters::Counted;
use crate::bench::watch::{MarkKind, NodeWatch};
use crate::bench::world::World;
use crate::testbed::{Vm, eventually};

/// Nothing happens for so long before each fault.
const REST: Duration = Duration::from_secs(5);
/// How long the silent nodes stay so after the recovery: longer than the period (5 s) in which both
/// managers look at them.
const AFTERMATH: Duration = Duration::from_secs(8);
/// For everything that must work when there is no fault.
const PATIENCE: Duration = Duration::from_mins(3);

/// The world in which all faults of a contestant happen.
pub(super) struct Arena {
    pub(super) world: World,
    pub(super) watch: NodeWatch,
    /// Every VM with a node.
    pub(super) vms: Vec<Vm>,
}

/// How a fault is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) joins: usize,
    pub(super) give_up: Duration,
    /// Not of a manager that looks for new addresses on rounds that are 5 minutes apart.
    pub(super) wait_for_address: bool,
}

/// What is done to the cluster during a fault.
struct Plan {
    joiners: Vec<Vm>,
    silent: Vec<String>,
    /// Whose address changes, and to what.
    moves: Vm,
    address: String,
}

/// When things were done.
struct Times {
    /// The fault was over.
    ended: Instant,
    /// The last node was registered.
    joined: Instant,
    /// The guest had its other address.
    moved: Instant,
}

impl Arena {
    /// Starts it: all nodes wait for their manager.
    pub(super) async fn start(nodes: usize, latency: Duration) -> Result<Self> {
        let world = World::start(nodes, latency).await?;
        let watch = NodeWatch::start(world.client.clone()).await?;
        let vms = world.vms.clone();
        Ok(Self { world, watch, vms })
    }

    /// Everything is initialised, and nothing happens.
    pub(super) async fn rest(&self) -> Result<()> {
        for vm in &self.vms {
            let ready = self.watch.until(|seen| seen.node(&vm.host_name)?.ready);
            let ready = tokio::time::timeout(PATIENCE, ready).await;
            ready.with_context(|| format!("{} is not initialised though nothing is wrong", vm.host_name))?;
        }
        tokio::time::sleep(REST).await;
        Ok(())
    }

    /// Measures a fault; the restarts are somebody else's to count.
    pub(super) async fn meet(&mut self, fault: Fault, terms: Terms) -> Result<Outcome> {
        let plan = self.plan(fault, terms).await?;
        self.rest().await?;
        let before = self.world.vcsim.requests().await?;
        let begin = Instant::now();
        let times = self.strike(fault, &plan).await?;
        let recovered_s = self.joined(&plan, times.ended.max(times.joined), terms.give_up).await;
        let address = if terms.wait_for_address {
            let since = times.ended.max(times.moved);
            Some(Seen { after_s: self.told(&plan, since, terms.give_up).await })
        } else {
            None
        };
        let counted = Counted::of(&self.world.vcsim.requests().await?.since(&before));
        tokio::time::sleep(AFTERMATH).await;
        // Every VM runs: each of these is wrong.
        let marks = self.watch.marks_since(begin);
        let of = |kind| {
            let marks = marks.iter().filter(|mark| mark.kind == kind);
            marks.map(|mark| mark.node.clone()).collect::<Vec<_>>()
        };
        let outcome = Outcome {
            lasted_s: times.ended.saturating_duration_since(begin).as_secs_f64(),
            recovered_s,
            address,
            deleted: of(MarkKind::Deleted),
            shut_down: of(MarkKind::ShutDown),
            restarts: 0,
            logins: counted.soap_logins + counted.rest_logins,
            requests: counted.besides_pages + counted.pages,
        };
        self.vms.extend(plan.joiners);
        self.put_right(&plan.silent).await?;
        Ok(outcome)
    }

    /// Machines are there before the fault; who is chosen differs from fault to fault.
    async fn plan(&self, fault: Fault, terms: Terms) -> Result<Plan> {
        let mut joiners = Vec::new();
        for _ in 0..terms.joins {
            let number = self.vms.len() - self.world.vms.len() + joiners.len();
            joiners.push(self.world.make_joiner(number).await?);
        }
        let nodes = self.vms.len();
        let at = Fault::ALL.iter().position(|other| *other == fault).unwrap_or_default();
        let vm = |number: usize| self.vms.get(number % nodes).cloned().context("there is no node");
        let silent = (0..fault.silent(nodes)).map(|number| Ok(vm(at + 1 + number)?.host_name));
        Ok(Plan {
            joiners,
            silent: silent.collect::<Result<_>>()?,
            moves: vm(at)?,
            // A network that no machine is in.
            address: format!("10.251.{at}.{}", self.vms.len() % 250 + 1),
        })
    }

    /// The fault with all that happens during it.
    async fn strike(&mut self, fault: Fault, plan: &Plan) -> Result<Times> {
        if fault == Fault::Apiserver {
            self.world.kube.stop_apiserver()?;
            tokio::time::sleep(fault.lasts()).await;
            self.world.kube.start_apiserver().await?;
            let ended = Instant::now();
            // Before, nobody could have joined.
            return Ok(Times {
                ended,
                joined: self.disturb(plan).await?,
                moved: self.move_guest(plan).await?,
            });
        }
        let all: Vec<Vm> = self.vms.iter().chain(&plan.joiners).cloned().collect();
        let this = &*self;
        let strike = async {
            fault.strike(&this.world, &all).await?;
            anyhow::Ok(Instant::now())
        };
        let meanwhile = async {
            tokio::time::sleep(fault.head_start()).await;
            let joined = this.disturb(plan).await?;
            let moved = if fault.hides_machines() { None } else { Some(this.move_guest(plan).await?) };
            anyhow::Ok((joined, moved))
        };
        let (ended, (joined, moved)) = tokio::try_join!(strike, meanwhile)?;
        let moved = match moved {
            Some(moved) => moved,
            None => self.move_guest(plan).await?,
        };
        Ok(Times { ended, joined, moved })
    }

    /// Some nodes fall silent, others join.
    async fn disturb(&self, plan: &Plan) -> Result<Instant> {
        for name in &plan.silent {
            self.world.set_ready(name, false).await?;
        }
        for vm in &plan.joiners {
            self.world.register(&World::node_of(vm)).await?;
        }
        Ok(Instant::now())
    }

    async fn move_guest(&self, plan: &Plan) -> Result<Instant> {
        self.world.set_address(&plan.moves, &plan.address).await?;
        Ok(Instant::now())
    }

    /// Seconds from `since` until all that joined are initialised.
    async fn joined(&self, plan: &Plan, since: Instant, give_up: Duration) -> Option<f64> {
        let all = self.watch.until(|seen| {
            let ready = plan.joiners.iter().map(|vm| seen.node(&vm.host_name)?.ready);
            ready.collect::<Option<Vec<Instant>>>()?.into_iter().max()
        });
        within(all, since, give_up).await
    }

    /// The same until the changed address is on its node.
    async fn told(&self, plan: &Plan, since: Instant, give_up: Duration) -> Option<f64> {
        let told = self.watch.until(|seen| {
            let node = seen.node(&plan.moves.host_name)?;
            let is_there = node.addresses.iter().any(|found| found.address == plan.address);
            is_there.then_some(node.addresses_since)
        });
        within(told, since, give_up).await
    }

    /// Kubelets speak again, and register anew where their nodes were deleted.
    async fn put_right(&self, silent: &[String]) -> Result<()> {
        let nodes =
            eventually("the nodes can be listed", PATIENCE, async || self.world.nodes().await).await?;
        for vm in self.vms.iter().filter(|vm| !nodes.contains_key(&vm.host_name)) {
            self.world.register(&World::node_of(vm)).await?;
        }
        for name in silent.iter().filter(|name| nodes.contains_key(*name)) {
            self.world.set_ready(name, true).await?;
        }
        Ok(())
    }
}

/// How many seconds after `since` something was; 0 if it was before.
async fn within(done: impl Future<Output = Instant>, since: Instant, give_up: Duration) -> Option<f64> {
    let deadline = tokio::time::Instant::from_std(since + give_up);
    let done = tokio::time::timeout_at(deadline, done).await.ok()?;
    Some(done.saturating_duration_since(since).as_secs_f64())
}
