//! The task behind an [`Inventory`](super::Inventory).

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, broadcast, mpsc, watch as channel};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::litter::Litter;
use super::lookup::Lookup;
use super::watch::Watch;
use super::worker::{Tagging, Worker, fatal};
use super::{Change, Command, Health, Store, datacenters, sighting};
use crate::vsphere::session::jittered;
use crate::vsphere::{Connection, CredentialFeed, Error, MoRef, Session};

/// Between tries to reach a vCenter that is away: so long at first, doubled each time …
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// … up to this. What failed because of it starts again at most so long after it is back, and one
/// small request a second is no load for a vCenter that is starting.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A connection that lasted so long was a good one: the next failure is a new one.
const STEADY: Duration = Duration::from_secs(10);

/// Between tries when only a human can help: a wrong datacenter name, for one.
const CONFIGURATION_PAUSE: Duration = Duration::from_secs(30);

/// How long the watch waits for the first machines; a cluster has nodes at once or has none.
const FIRST_JOIN_PATIENCE: Duration = Duration::from_secs(2);

/// The same trouble is told again after this long.
const TELL_AGAIN: Duration = Duration::from_mins(5);

pub(super) struct Task {
    session: Session,
    datacenters: Vec<String>,
    store: Arc<Store>,
    tagging: Tagging,
    inbox: mpsc::UnboundedReceiver<Command>,
    changes: broadcast::Sender<Change>,
    health: channel::Sender<Health>,
    lookup: Lookup,
    litter: Arc<Litter>,
    /// The last thing that happened was a failure which a new login does not heal.
    suspect: bool,
    /// Whether somebody waits for machines to appear; survives sessions.
    arrivals_wanted: AtomicBool,
    /// The machines to watch; survives sessions.
    members: Mutex<HashSet<MoRef>>,
}

/// Why the task ends.
struct Abandoned;

impl Task {
    pub(super) fn new(
        session: Session,
        datacenters: Vec<String>,
        store: Arc<Store>,
        tagging: Tagging,
        inbox: mpsc::UnboundedReceiver<Command>,
        changes: broadcast::Sender<Change>,
        health: channel::Sender<Health>,
    ) -> Self {
        let (lookup, litter, arrivals_wanted, members) = Default::default();
        Self {
            session,
            datacenters,
            store,
            tagging,
            inbox,
            changes,
            health,
            lookup,
            litter,
            suspect: false,
            arrivals_wanted,
            members,
        }
    }

    /// Runs until nobody needs it any longer, or the session is closed.
    pub(super) async fn run(self) {
        let (session, rest) = (self.session.clone(), self.tagging.rest.clone());
        tokio::select! {
            () = session.closed() => {}
            // Nobody is left who could end the sessions.
            () = self.keep_connected() => super::close(&session, &rest).await,
        }
    }

    async fn keep_connected(mut self) {
        let mut pause = FIRST_PAUSE;
        // Before a login that follows another one closely.
        let mut relogin = Duration::ZERO;
        let mut told: Option<(Error, Instant)> = None;
        loop {
            let (started, credentials) = (Instant::now(), self.session.credentials());
            let Err(error) = self.connected().await else { return };
            self.store.interrupted();
            // A login that is there proves nothing: who says that vCenter is up has asked it.
            self.suspect = error.is_transient() || matches!(error, Error::Fault { .. });
            let was_up = *self.health.borrow() == Health::Up;
            if was_up && started.elapsed() > STEADY {
                pause = FIRST_PAUSE;
                relogin = Duration::ZERO;
                told = None;
            }
            if was_up && error == Error::NotAuthenticated {
                info!(vcenter = %self.session.endpoint(), "the session ended; logging in again");
                // At once, unless it ends again and again. Nobody is refused meanwhile, just kept waiting.
                // That vCenter was away before is no reason to wait: its sessions end with a restart.
                tokio::time::sleep(jittered(relogin)).await;
                relogin = (relogin * 2).clamp(FIRST_PAUSE * 2, LONGEST_PAUSE);
                continue;
            }
            if told.as_ref().is_none_or(|(last, at)| *last != error || at.elapsed() > TELL_AGAIN) {
                warn!(vcenter = %self.session.endpoint(), %error, "vCenter cannot be asked");
                told = Some((error.clone(), Instant::now()));
            }
            self.health.send_replace(Health::Down(error.clone()));
            self.session.metrics().set_up(false);
            let longest = match error {
                Error::Configuration(_) => CONFIGURATION_PAUSE,
                // TLS too: what looks like a human's task may be a server that is just starting.
                _ => LONGEST_PAUSE,
            };
            // From the beginning of one try to that of the next: one that was swallowed has taken its
            // time already.
            let tried = if was_up { Duration::ZERO } else { started.elapsed() };
            let left = jittered(pause.min(longest)).saturating_sub(tried);
            if self.refuse_for(left, credentials, &error).await.is_err() {
                return;
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Answers everybody with the error, until the pause is over or the credentials change.
    async fn refuse_for(
        &mut self,
        pause: Duration,
        mut credentials: CredentialFeed,
        error: &Error,
    ) -> Result<(), Abandoned> {
        let over = async {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = credentials.changed() => {}
            }
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                // Those who wait first, however short the pause is.
                biased;
                command = self.inbox.recv() => match command {
                    None => return Err(Abandoned),
                    Some(Command::Find { reply, .. }) => drop(reply.send(Err(error.clone()))),
                    Some(Command::Look { reply, .. }) => drop(reply.send(Err(error.clone()))),
                    Some(Command::Join { vms, reply }) => {
                        // They are watched as soon as there is a session again.
                        self.members().extend(vms);
                        drop(reply.send(Err(error.clone())));
                    }
                    Some(Command::Leave { vms }) => self.drop_members(&vms),
                    Some(Command::WatchArrivals) => self.arrivals_wanted.store(true, Ordering::Relaxed),
                },
                () = &mut over => return Ok(()),
            }
        }
    }

    /// Serves within one login; `Ok` when nobody needs it any longer.
    async fn connected(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.suspect) {
            // A stalled vCenter swallows what it is sent; better a probe than what follows.
            self.session.probe().await?;
        }
        let connection = self.session.connect().await?;
        self.store.set_vcenter_uuid(connection.content().about.instance_uuid.as_deref());
        if !self.datacenters.is_empty() {
            let (scope, entities) = datacenters::resolve(&connection, &self.datacenters).await?;
            self.store.put_entities(entities);
            self.store.set_scope(Some(scope));
        }
        let was_away = matches!(self.health.send_replace(Health::Up), Health::Down(_));
        self.session.metrics().set_up(true);
        self.tell(Change::Up);
        let Ok(first_joins) = self.before_first_join(&connection).await? else { return Ok(()) };
        let members: Vec<MoRef> = self.members().iter().cloned().collect();
        let watch = Watch::build(&connection, members, self.litter.clone()).await?;
        debug!(vcenter = %connection.session().endpoint(), epoch = connection.epoch(), "watching");
        let (store, changes) = (self.store.clone(), self.changes.clone());
        let moved = Notify::new();
        let tell = |change| {
            if let Change::Vm(moref) = &change
                && store.lacks_parents(moref)
            {
                moved.notify_one();
            }
            // Nobody may listen; then there is nothing to tell either.
            drop(changes.send(change));
        };
        tokio::select! {
            polled = watch.poll(&connection, &store, &tell) => polled.map(|never: Infallible| match never {}),
            served = self.serve(&connection, &watch, first_joins, &moved, was_away) => served,
        }
    }

    /// At the start the watch waits for the first machines, so that it can be built around them:
    /// that takes fewer requests than adding them, and their state comes with its first answer.
    async fn before_first_join(
        &mut self,
        connection: &Connection,
    ) -> Result<Result<Vec<Command>, Abandoned>, Error> {
        let mut patience = Instant::now() + FIRST_JOIN_PATIENCE;
        while self.members().is_empty() {
            let Ok(command) = tokio::time::timeout_at(patience, self.inbox.recv()).await else { break };
            match command {
                None => return Ok(Err(Abandoned)),
                Some(Command::Find { queries, reply }) => {
                    let found = self.lookup.find(connection, &queries).await;
                    let fatal = fatal(&found);
                    let _ = reply.send(found);
                    fatal?;
                    // What was found is about to be joined, however long that took.
                    patience = Instant::now() + FIRST_JOIN_PATIENCE;
                }
                Some(Command::Look { suspects, reply }) => {
                    let seen = sighting::look(connection, &self.lookup, &suspects).await;
                    let fatal = fatal(&seen);
                    let _ = reply.send(seen);
                    fatal?;
                }
                Some(Command::Join { vms, reply }) => {
                    self.members().extend(vms.iter().cloned());
                    return Ok(Ok(vec![Command::Join { vms, reply }]));
                }
                Some(Command::Leave { vms }) => self.drop_members(&vms),
                Some(Command::WatchArrivals) => return Ok(Ok(vec![Command::WatchArrivals])),
            }
        }
        Ok(Ok(Vec::new()))
    }

    /// Works off commands side by side, so that a long scan does not hold up a join.
    async fn serve(
        &mut self,
        connection: &Connection,
        watch: &Watch,
        first: Vec<Command>,
        moved: &Notify,
        was_away: bool,
    ) -> Result<(), Error> {
        let (store, lookup, members) = (&*self.store, &self.lookup, &self.members);
        let (tagging, changes, arrivals_wanted) = (&self.tagging, &self.changes, &self.arrivals_wanted);
        let (learning, tags_missed) = Default::default();
        let worker = Worker {
            connection,
            watch,
            store,
            lookup,
            members,
            tagging,
            learning,
            tags_missed,
            changes,
            arrivals_wanted,
        };
        let mut running = FuturesUnordered::new();
        running.extend(first.into_iter().map(|command| worker.execute(command)));
        if arrivals_wanted.load(Ordering::Relaxed) {
            running.push(worker.execute(Command::WatchArrivals));
        }
        let housekeeping = worker.housekeeping(moved, was_away);
        tokio::pin!(housekeeping);
        loop {
            tokio::select! {
                command = self.inbox.recv() => match command {
                    None => return Ok(()),
                    Some(command) => running.push(worker.execute(command)),
                },
                Some(done) = running.next() => done?,
                failed = &mut housekeeping => return Err(failed),
            }
        }
    }

    fn tell(&self, change: Change) {
        let _ = self.changes.send(change);
    }

    fn members(&self) -> std::sync::MutexGuard<'_, HashSet<MoRef>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_members(&self, vms: &[MoRef]) {
        for vm in vms {
            self.members().remove(vm);
            self.store.remove(vm);
        }
    }
}
