//! A manager: the product, in a process of its own that can be frozen, killed and started again.
//!
//! A process is a tokio runtime with its own, paused time. Nothing in it moves but when it is run, and then
//! just up to the time that it is given.

use std::sync::Arc;

use futures::FutureExt;
use kube::Client;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, LocalSet};
use tower::Layer;

use super::Time;
use super::clock::LocalClock;
use super::instances::Machines;
use super::wire::Wire;
use super::world::{Sender, Shared};
use crate::cli::in_turn;
use crate::controllers;
use crate::k8s::leader::{Elector, Settings, WriteGuard};

/// How a process comes to stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freeze {
    /// As by SIGSTOP: its timers see that time has passed.
    Stopped,
    /// As with a virtual machine that is suspended: they do not.
    Suspended,
}

/// How managers run.
#[derive(Clone, Debug)]
pub(super) struct Mode {
    pub(super) options: controllers::Options,
    /// Without it they do not elect, and there must be only one.
    pub(super) election: Option<Settings>,
}

/// A manager, running or not.
pub(super) struct Manager {
    name: &'static str,
    world: Shared,
    mode: Mode,
    starts: u32,
    /// Whether it is to run: when it has ended as it was told to, it is started again then.
    wanted: bool,
    process: Option<Process>,
}

struct Process {
    identity: String,
    main: JoinHandle<anyhow::Result<()>>,
    stop: Option<oneshot::Sender<()>>,
    clock: LocalClock,
    frozen: Option<(Freeze, Time)>,
    /// The first task, and then all others; dropped in this order.
    tasks: LocalSet,
    runtime: Runtime,
}

impl Manager {
    /// One that does not run yet.
    pub(super) fn new(name: &'static str, world: Shared, mode: Mode) -> Self {
        Self { name, world, mode, starts: 0, wanted: false, process: None }
    }

    /// Starts it, unless it runs.
    pub(super) fn start(&mut self, now: Time) {
        self.wanted = true;
        if self.process.is_some() {
            return;
        }
        self.starts += 1;
        let identity = format!("{}-{}", self.name, self.starts);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let clock = runtime.block_on(async { LocalClock::begin(now) });
        let tasks = LocalSet::new();
        let (world, mode) = (self.world.clone(), self.mode.clone());
        let main = tasks.spawn_local(run(world, clock.clone(), mode, identity.clone(), stopped.map(drop)));
        self.process =
            Some(Process { identity, main, stop: Some(stop), clock, frozen: None, tasks, runtime });
    }

    /// As by SIGKILL.
    pub(super) fn kill(&mut self) {
        self.wanted = false;
        self.process = None;
    }

    /// As by SIGTERM.
    pub(super) fn stop(&mut self) {
        self.wanted = false;
        if let Some(stop) = self.process.as_mut().and_then(|process| process.stop.take()) {
            stop.send(()).ok();
        }
    }

    pub(super) fn freeze(&mut self, how: Freeze, now: Time) {
        if let Some(process) = &mut self.process {
            process.frozen.get_or_insert((how, now));
        }
    }

    pub(super) fn thaw(&mut self, now: Time) {
        let Some(process) = &mut self.process else { return };
        let Some((how, since)) = process.frozen.take() else { return };
        let missed = now.saturating_sub(since);
        self.world.lock().promises.thawed(&process.identity, now, missed);
        match how {
            Freeze::Stopped => process.tasks.block_on(&process.runtime, tokio::time::advance(missed)),
            Freeze::Suspended => process.clock.skip(missed),
        }
    }

    /// Lets it run up to that time. The error is why it should not have ended.
    pub(super) fn run_until(&mut self, time: Time) -> Result<(), String> {
        let Some(process) = self.process.as_mut().filter(|process| process.frozen.is_none()) else {
            return Ok(());
        };
        let until = process.clock.instant(time);
        process.tasks.block_on(&process.runtime, async { tokio::time::sleep_until(until).await });
        if !process.main.is_finished() {
            return Ok(());
        }
        let Some(process) = self.process.take() else { return Ok(()) };
        let outcome = process.runtime.block_on(process.main);
        match (outcome, process.stop) {
            (Ok(Ok(())), None) => {
                if self.wanted {
                    self.start(time);
                }
                Ok(())
            }
            (outcome, _) => Err(format!("{} has ended by itself: {outcome:?}", process.identity)),
        }
    }
}

/// The process, from its start to its end; as `cli::run` has it.
async fn run(
    world: Shared,
    clock: LocalClock,
    mode: Mode,
    identity: String,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let wire = |as_leader| {
        let sender = Sender { identity: identity.clone(), as_leader };
        Wire { world: world.clone(), clock: clock.clone(), sender }
    };
    let Some(settings) = mode.election else {
        let machines = Arc::new(Machines::new(world.clone(), clock.clone()));
        controllers::run(Client::new(wire(false), "default"), machines, mode.options, stop).await;
        return Ok(());
    };
    let settings = Settings { identity: identity.clone(), ..settings };
    let mut elector = Elector::with_clock(Client::new(wire(false), "default"), settings, clock.boot())?;
    in_turn(&mut elector, stop.boxed().shared(), async |leadership, over| {
        let client = Client::new(WriteGuard::new(leadership).layer(wire(true)), "default");
        let machines = Arc::new(Machines::new(world.clone(), clock.clone()));
        controllers::run(client, machines, mode.options.clone(), over).await;
        Ok(())
    })
    .await
}
