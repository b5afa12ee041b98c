//! The churn: one operation after the other, at a steady pace.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::Node as FullNode;
use kube::Api;
use kube::api::DeleteParams;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::fleet::Fleet;
use super::judge;
use super::results::{Change, Done};
use crate::bench::say;
use crate::bench::watch::NodeWatch;
use crate::bench::world::World;
use crate::testbed::{Power, Vm};

/// Changes of addresses between all others: their latency is what is measured.
const PATTERN: [Operation; 8] = [
    Operation::Address,
    Operation::Join,
    Operation::Address,
    Operation::PowerOff,
    Operation::Address,
    Operation::Leave,
    Operation::Address,
    Operation::PowerOn,
];
/// vCenter ends all sessions so often; a real one does it once in a long while.
const SESSIONS: Duration = Duration::from_mins(1);
/// A change is not waited for longer than this.
const PATIENCE: Duration = Duration::from_mins(1);
/// For everything to be right after the end.
const SETTLE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Operation {
    Address,
    Join,
    Leave,
    PowerOff,
    PowerOn,
}

/// What goes on, and what came of it.
pub(super) struct Churn<'a> {
    pub(super) world: &'a World,
    watch: &'a NodeWatch,
    pub(super) begin: Instant,
    pub(super) end: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fleet: Fleet,
    done: Done,
    changes: Vec<Change>,
}

impl<'a> Churn<'a> {
    /// It begins now.
    pub(super) fn new(world: &'a World, watch: &'a NodeWatch, time: Duration) -> Self {
        let begin = Instant::now();
        let state = Mutex::new(State { fleet: Fleet::new(&world.vms), ..State::default() });
        Self { world, watch, begin, end: begin + time, state }
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    pub(super) fn fleet<T>(&self, use_it: impl FnOnce(&mut Fleet) -> T) -> T {
        self.with(|state| use_it(&mut state.fleet))
    }

    pub(super) fn done(&self) -> Done {
        self.with(|state| state.done)
    }

    pub(super) fn changes(&self) -> Vec<Change> {
        self.with(|state| state.changes.clone())
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Operates until its time is over, and all changes have arrived or are given up.
    pub(super) async fn run(&self, per_minute: u32) -> Result<()> {
        let mut ticks = interval(Duration::from_mins(1) / per_minute.max(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sessions = tokio::time::interval_at(tokio::time::Instant::now() + SESSIONS, SESSIONS);
        let mut under_way: FuturesUnordered<LocalBoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut operations = PATTERN.into_iter().cycle();
        while !self.is_over() {
            tokio::select! {
                _ = ticks.tick() => {
                    let Some(operation) = operations.next() else { continue };
                    if let Some(change) = self.operate(operation).await? {
                        under_way.push(Box::pin(change));
                    }
                }
                _ = sessions.tick() => {
                    self.world.vcsim.terminate_sessions().await?;
                    self.with(|state| state.done.sessions_ended += 1);
                }
                Some(()) = under_way.next() => {}
            }
        }
        while under_way.next().await.is_some() {}
        Ok(())
    }

    /// Does it; what is to be waited for comes back.
    async fn operate(&self, operation: Operation) -> Result<Option<impl Future<Output = ()>>> {
        let now = Instant::now();
        match operation {
            Operation::Address => {
                let address = address(self.with(|state| state.done.addresses));
                let Some(vm) = self.fleet(|fleet| fleet.change(&address)) else { return Ok(None) };
                self.with(|state| state.done.addresses += 1);
                self.world.set_address(&vm, &address).await?;
                return Ok(Some(self.arrival(vm, address, (now, now.elapsed()))));
            }
            Operation::Join => {
                let number = usize::try_from(self.with(|state| state.done.joins)).unwrap_or(usize::MAX);
                let vm = self.world.make_joiner(number).await?;
                self.world.register(&World::node_of(&vm)).await?;
                self.with(|state| {
                    state.fleet.join(vm);
                    state.done.joins += 1;
                });
            }
            Operation::Leave => {
                let Some(vm) = self.fleet(Fleet::leave) else { return Ok(None) };
                let number = self.with(|state| {
                    state.done.leaves += 1;
                    state.done.leaves
                });
                // Some drain first, others destroy first.
                if number.is_multiple_of(2) {
                    self.delete(&vm).await?;
                    self.world.vcsim.delete_vm(&vm.name).await?;
                } else {
                    self.world.vcsim.delete_vm(&vm.name).await?;
                    self.delete(&vm).await?;
                }
            }
            Operation::PowerOff => {
                let Some(vm) = self.fleet(|fleet| fleet.power_off(now)) else { return Ok(None) };
                self.world.vcsim.power(&vm.name, Power::PoweredOff).await?;
                self.world.set_ready(&vm.host_name, false).await?;
                self.with(|state| state.done.power_offs += 1);
            }
            Operation::PowerOn => {
                self.power_on(false).await?;
            }
        }
        Ok(None)
    }

    /// Says whether there was one to be switched on.
    async fn power_on(&self, at_once: bool) -> Result<bool> {
        let longest = self.fleet(|fleet| fleet.longest_off(Instant::now(), at_once));
        let Some(member) = longest else { return Ok(false) };
        let vm = &member.vm;
        self.world.vcsim.power(&vm.name, Power::PoweredOn).await?;
        // The guest starts, and reports the address that it had.
        self.world.set_address(vm, &member.address).await?;
        self.world.set_ready(&vm.host_name, true).await?;
        self.with(|state| {
            state.fleet.powered_on(&vm.host_name, Instant::now());
            state.done.power_ons += 1;
        });
        Ok(true)
    }

    async fn delete(&self, vm: &Vm) -> Result<()> {
        let nodes = Api::<FullNode>::all(self.world.client.clone());
        let deleted = nodes.delete(&vm.host_name, &DeleteParams::default()).await;
        deleted.map(drop).with_context(|| format!("cannot delete {}", vm.host_name))
    }

    /// Waits for a change on the node, and notes how long that took.
    async fn arrival(&self, vm: Vm, address: String, (since, order): (Instant, Duration)) {
        let told = self.watch.until(|seen| {
            let node = seen.node(&vm.host_name)?;
            node.addresses.iter().any(|found| found.address == address).then_some(node.addresses_since)
        });
        let told = timeout(PATIENCE, told).await.ok();
        let change = Change {
            at_s: since.saturating_duration_since(self.begin).as_secs_f64(),
            order_ms: order.as_secs_f64() * 1000.0,
            ms: told.map(|told| told.saturating_duration_since(since).as_secs_f64() * 1000.0),
        };
        self.with(|state| {
            state.changes.push(change);
            state.fleet.settle(&vm.host_name);
        });
    }

    /// Switches all machines on, and waits until all nodes are right: what is left wrong then, and what
    /// was done wrong.
    pub(super) async fn end(&self) -> Result<(Vec<String>, Vec<String>)> {
        while self.power_on(true).await? {}
        let end = Instant::now() + SETTLE;
        loop {
            let nodes = self.world.nodes().await?;
            let left = self.fleet(|fleet| judge::left_wrong(fleet, &nodes));
            if left.is_empty() || Instant::now() > end {
                let marks = self.watch.marks_since(self.begin);
                let wrong = self.fleet(|fleet| judge::wrong_actions(&marks, fleet));
                left.iter().chain(&wrong).for_each(|problem| say(&format!("  {problem}")));
                return Ok((left, wrong));
            }
            sleep(LOOK).await;
        }
    }
}

/// An address that no machine has.
fn address(number: u64) -> String {
    format!("10.{}.{}.{}", 128 + number / 40_000 % 100, number / 200 % 200, number % 200 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ() {
        let addresses: std::collections::BTreeSet<String> = (0..100_000).map(address).collect();
        assert_eq!(addresses.len(), 100_000);
        assert!(addresses.iter().all(|address| address.parse::<std::net::Ipv4Addr>().is_ok()));
    }

    #[test]
    fn half_of_all_operations_are_changes_of_addresses() {
        let addresses = PATTERN.iter().filter(|operation| matches!(operation, Operation::Address)).count();
        assert_eq!(addresses * 2, PATTERN.len());
    }
}
