//! The watch on the machines of this cluster: views, filters and the long poll, within one login.
//!
//! The machines are spread over a few list views, because vcsim sends all members of a view again
//! when it is changed; vCenter does not. All filters are made before the first wait: vcsim never
//! reports what a filter that is made later finds at first.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch as channel;
use tokio::time::Instant;
use tracing::debug;

use super::litter::Litter;
use super::vm::VM_PROPERTIES;
use super::{Change, Store, Vm};
use crate::vsphere::soap::{FaultKind, Value};
use crate::vsphere::types::{
    ChangeKind, CreateCollectorForEvents, CreateFilter, CreateListView, CreatePropertyCollector, FilterSpec,
    ModifyListView, ObjectUpdate, PropertySpec, SetCollectorPageSize, WaitForUpdatesEx,
};
use crate::vsphere::{Connection, Error, MoRef};

/// List views; each costs two requests at the start of a session.
const SHARDS: usize = 2;

/// Objects per answer; vcsim caps at 100.
const MAX_OBJECT_UPDATES: i32 = 250;

/// How long vCenter may hold the poll while things happen: after a stall that swallowed the poll,
/// this long plus [`GRACE`] passes before it is noticed.
const BUSY_WAIT_SECONDS: i32 = 2;

/// How long vCenter may hold the poll while nothing happens. Well below the idle time-outs of
/// sessions (30 min) and of proxies and firewalls (from 60 s).
const CALM_WAIT_SECONDS: i32 = 15;

/// Without any change for so long, things are calm.
const CALM_AFTER: Duration = Duration::from_mins(1);

/// On top of the wait, for the answer to begin.
const GRACE: Duration = Duration::from_secs(2);

/// Events after which a node that had no machine may have one.
const ARRIVALS: &[&str] = &[
    "VmCreatedEvent",
    "VmClonedEvent",
    "VmRegisteredEvent",
    "VmDeployedEvent",
    "VmUuidAssignedEvent",
    "VmUuidChangedEvent",
    "VmInstanceUuidAssignedEvent",
    "VmInstanceUuidChangedEvent",
];

const EVENT_PROPERTIES: &[PropertySpec] =
    &[PropertySpec { kind: "EventHistoryCollector", paths: &["latestPage"] }];

/// The server's side of the watch; gone with its login.
#[derive(Debug)]
pub(super) struct Watch {
    collector: MoRef,
    litter: Arc<Litter>,
    shards: Mutex<Shards>,
    /// Held while the views are changed: a machine that is removed and added again by two requests at
    /// the same time might end up outside.
    changing: tokio::sync::Mutex<()>,
    /// Tells of machines that appear, once somebody wants to know; never where the account may not
    /// read events.
    arrivals: OnceLock<MoRef>,
    arrivals_asked: AtomicBool,
    last_change: Mutex<Instant>,
    synced: channel::Sender<bool>,
}

/// Which machine is in which view.
#[derive(Debug, Default)]
struct Shards {
    views: Vec<MoRef>,
    /// How many members each view has.
    sizes: Vec<usize>,
    members: HashMap<MoRef, usize>,
    /// Those that the views had at first and that were not told of yet. When all was told of, they are
    /// gone: machines of earlier sessions, of which nobody else tells.
    unseen: HashSet<MoRef>,
}

/// What becomes of a machine's membership.
#[derive(Debug, Default)]
struct ShardChange {
    add: Vec<MoRef>,
    remove: Vec<MoRef>,
}

impl Watch {
    /// Builds views and filters for these machines; nothing is waited for yet.
    pub(super) async fn build(
        connection: &Connection,
        members: Vec<MoRef>,
        litter: Arc<Litter>,
    ) -> Result<Self, Error> {
        litter.sweep(connection).await;
        let content = connection.content();
        let collector =
            connection.call(&CreatePropertyCollector { collector: &content.property_collector }).await?;
        litter.note(connection, &collector);
        let mut shards = Shards { sizes: vec![0; SHARDS], ..Shards::default() };
        for members in shards.place(members) {
            let view = Self::view(connection, &members, &litter).await?;
            let spec = FilterSpec::of_view(view.clone(), VM_PROPERTIES);
            connection.call(&CreateFilter { collector: &collector, spec }).await?;
            shards.views.push(view);
        }
        Ok(Self {
            collector,
            litter,
            shards: Mutex::new(shards),
            changing: tokio::sync::Mutex::default(),
            arrivals: OnceLock::new(),
            arrivals_asked: AtomicBool::new(false),
            last_change: Mutex::new(Instant::now()),
            synced: channel::Sender::new(false),
        })
    }

    async fn view(connection: &Connection, members: &[MoRef], litter: &Litter) -> Result<MoRef, Error> {
        let view_manager = &connection.content().view_manager;
        match connection.call(&CreateListView { view_manager, members }).await {
            // One that is gone spoils the whole call; adding them to a view only leaves it out.
            Err(error) if error.fault_kind() == Some(FaultKind::ManagedObjectNotFound) => {
                let view = connection.call(&CreateListView { view_manager, members: &[] }).await?;
                litter.note(connection, &view);
                connection.call(&ModifyListView { view: &view, add: members, remove: &[] }).await?;
                Ok(view)
            }
            created => {
                let view = created?;
                litter.note(connection, &view);
                Ok(view)
            }
        }
    }

    /// Whether the machine comes with the first answers, which are not all there yet.
    pub(super) fn is_expected(&self, vm: &MoRef) -> bool {
        !*self.synced.borrow() && self.shards().members.contains_key(vm)
    }

    /// Returns once the store has everything that the views had at first.
    pub(super) async fn synced(&self) {
        // The sender lives as long as this.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// From now on new machines are told of, as [`Change::Appeared`].
    ///
    /// It is a convenience: without the right to read events, nodes are looked for again after a
    /// while. Only nodes without a machine need it, so a healthy start does without.
    pub(super) async fn watch_arrivals(&self, connection: &Connection) -> Result<(), Error> {
        let Some(event_manager) = &connection.content().event_manager else { return Ok(()) };
        // Whatever comes of it: it is asked for once in a session.
        if self.arrivals_asked.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let request = CreateCollectorForEvents { event_manager, event_types: ARRIVALS };
        let events = connection.call(&request).await?;
        self.litter.note(connection, &events);
        let _ = self.arrivals.set(events.clone());
        // Only that something happened matters.
        connection.call(&SetCollectorPageSize { collector: &events, max_count: 1 }).await?;
        let spec = FilterSpec::of_objects([events], EVENT_PROPERTIES);
        connection.call(&CreateFilter { collector: &self.collector, spec }).await.map(drop)
    }

    /// Adds and removes machines, with at most one request per view.
    ///
    /// Returns those of the added that do not exist.
    pub(super) async fn change(
        &self,
        connection: &Connection,
        add: Vec<MoRef>,
        remove: Vec<MoRef>,
    ) -> Result<Vec<MoRef>, Error> {
        // The books first: what they say is what all changes together lead to, in this order.
        let changes = self.distribute(add, &remove);
        let _one_at_a_time = self.changing.lock().await;
        let mut gone = Vec::new();
        for (view, change) in changes {
            let request = ModifyListView { view: &view, add: &change.add, remove: &change.remove };
            gone.extend(connection.call(&request).await?);
        }
        Ok(gone)
    }

    fn distribute(&self, add: Vec<MoRef>, remove: &[MoRef]) -> Vec<(MoRef, ShardChange)> {
        self.shards().distribute(add, remove)
    }

    /// Takes changes from vCenter into the store for as long as the session lives.
    pub(super) async fn poll(
        &self,
        connection: &Connection,
        store: &Store,
        tell: &(dyn Fn(Change) + Sync),
    ) -> Result<std::convert::Infallible, Error> {
        let mut version = String::new();
        let mut newest_event = None;
        loop {
            let calm = self.last_change.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > CALM_AFTER;
            let max_wait_seconds = if calm { CALM_WAIT_SECONDS } else { BUSY_WAIT_SECONDS };
            let request = WaitForUpdatesEx {
                collector: &self.collector,
                version: &version,
                max_wait_seconds,
                max_object_updates: MAX_OBJECT_UPDATES,
            };
            let deadline = Duration::from_secs(max_wait_seconds.unsigned_abs().into()) + GRACE;
            let Some(updates) = connection.call_within(&request, deadline).await? else {
                self.complete(store, tell);
                connection.session().metrics().polled(store.len());
                continue;
            };
            self.touch();
            for update in &updates.objects {
                if self.arrivals.get() == Some(&update.object) {
                    // vcsim repeats itself.
                    let newest = newest_key(update);
                    if newest > newest_event {
                        newest_event = newest;
                        tell(Change::Appeared);
                    }
                } else if self.sees(&update.object) {
                    take(store, update, tell);
                }
            }
            if !updates.truncated {
                self.complete(store, tell);
            }
            version = updates.version;
            connection.session().metrics().polled(store.len());
        }
    }

    /// All that is in the views was told of.
    fn complete(&self, store: &Store, tell: &(dyn Fn(Change) + Sync)) {
        for moref in std::mem::take(&mut self.shards().unseen) {
            if store.remove(&moref) {
                tell(Change::Vm(moref));
            }
        }
        self.synced.send_replace(true);
    }

    /// A machine is told of; whether it is to be watched: what an answer says of one that was removed
    /// while it was on its way is old.
    fn sees(&self, vm: &MoRef) -> bool {
        let mut shards = self.shards();
        shards.unseen.remove(vm);
        shards.members.contains_key(vm)
    }

    fn shards(&self) -> std::sync::MutexGuard<'_, Shards> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened, or is about to.
    pub(super) fn touch(&self) {
        *self.last_change.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Shards {
    /// New machines go where there are fewest; updates the books.
    fn distribute(&mut self, add: Vec<MoRef>, remove: &[MoRef]) -> Vec<(MoRef, ShardChange)> {
        let mut changes: Vec<ShardChange> = self.views.iter().map(|_| ShardChange::default()).collect();
        for member in remove {
            self.unseen.remove(member);
            if let Some(i) = self.members.remove(member) {
                self.sizes[i] -= 1;
                changes[i].remove.push(member.clone());
            }
        }
        // A few machines go into one view, many are spread evenly.
        let spread = add.len() >= self.views.len() * 8;
        let mut smallest = self.smallest();
        for member in add {
            if spread {
                smallest = self.smallest();
            }
            // One that left by itself is still in the books; its place is kept.
            let i = *self.members.entry(member.clone()).or_insert_with(|| {
                self.sizes[smallest] += 1;
                smallest
            });
            changes[i].add.push(member);
        }
        let changed = self.views.iter().cloned().zip(changes);
        changed.filter(|(_, c)| !c.add.is_empty() || !c.remove.is_empty()).collect()
    }

    /// The first distribution: who goes into which view.
    fn place(&mut self, members: Vec<MoRef>) -> Vec<Vec<MoRef>> {
        let mut placed = vec![Vec::new(); self.sizes.len()];
        for (i, member) in members.into_iter().enumerate() {
            let shard = i % placed.len();
            self.sizes[shard] += 1;
            self.members.insert(member.clone(), shard);
            self.unseen.insert(member.clone());
            placed[shard].push(member);
        }
        placed
    }

    fn smallest(&self) -> usize {
        (0..self.sizes.len()).min_by_key(|&i| self.sizes[i]).unwrap_or_default()
    }
}

/// The key of the newest event in `latestPage`; keys grow.
fn newest_key(update: &ObjectUpdate) -> Option<i64> {
    let page = update.changes.iter().find(|change| change.path == "latestPage")?.value.as_ref()?;
    page.fields.iter().filter_map(|(_, event)| event.field("key").and_then(Value::parse)).max()
}

fn take(store: &Store, update: &ObjectUpdate, tell: &(dyn Fn(Change) + Sync)) {
    let moref = &update.object;
    let mut vm = match update.kind {
        ChangeKind::Leave => {
            // It may have been destroyed, unregistered, or hidden from us: no proof of anything.
            if store.remove(moref) {
                tell(Change::Vm(moref.clone()));
            }
            return;
        }
        // Also for known machines, and then with all there is to know.
        ChangeKind::Enter => Vm::new(moref.clone()),
        ChangeKind::Modify => {
            let Some(vm) = store.vm(moref) else {
                debug!(%moref, "a change of a machine that is not watched");
                return;
            };
            (*vm).clone()
        }
    };
    for change in &update.changes {
        vm.apply(&change.path, change.value.as_ref());
    }
    if store.put(vm) {
        tell(Change::Vm(moref.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vsphere::types::PropertyChange;

    fn moref(i: usize) -> MoRef {
        MoRef::new("VirtualMachine", format!("vm-{i}"))
    }

    fn shards() -> Shards {
        let views = (0..SHARDS).map(|i| MoRef::new("ListView", format!("view-{i}"))).collect();
        Shards { views, sizes: vec![0; SHARDS], ..Shards::default() }
    }

    #[test]
    fn many_machines_are_spread_evenly_and_a_few_share_one_request() {
        let mut shards = shards();
        let changes = shards.distribute((0..100).map(moref).collect(), &[]);
        let sizes: Vec<usize> = changes.iter().map(|(_, change)| change.add.len()).collect();
        assert_eq!(sizes, [100 / SHARDS; SHARDS]);
        let changes = shards.distribute((100..105).map(moref).collect(), &[]);
        assert_eq!(changes.len(), 1);
        let changes = shards.distribute(Vec::new(), &[moref(0), moref(102)]);
        let removed: usize = changes.iter().map(|(_, change)| change.remove.len()).sum();
        assert_eq!(removed, 2);
        let again = shards.distribute(vec![moref(5)], &[]);
        assert_eq!(again[0].1.add.len(), 1, "one that left by itself is added again");
        assert_eq!(shards.sizes.iter().sum::<usize>(), 103, "but counted once");
    }

    #[test]
    fn one_that_was_removed_and_added_again_is_not_missed_in_the_first_answers() {
        let mut shards = shards();
        shards.place((0..4).map(moref).collect());
        shards.distribute(Vec::new(), &[moref(1), moref(2)]);
        shards.distribute(vec![moref(1)], &[]);
        assert_eq!(shards.unseen, HashSet::from([moref(0), moref(3)]));
    }

    #[test]
    fn entering_again_forgets_what_is_unset_now_and_leaving_is_told_once() {
        let store = Store::default();
        let told = Mutex::new(Vec::new());
        let tell = |change: Change| told.lock().unwrap().push(change);
        let update = |kind, host_name: Option<&str>| ObjectUpdate {
            kind,
            object: moref(1),
            changes: vec![PropertyChange {
                path: "guest.hostName".into(),
                value: host_name.map(|text| Value { text: text.into(), ..Value::default() }),
            }],
            missing: Vec::new(),
        };
        take(&store, &update(ChangeKind::Modify, Some("early")), &tell);
        assert!(store.is_empty(), "a change of an unknown machine is no machine");
        take(&store, &update(ChangeKind::Enter, Some("node-1")), &tell);
        take(&store, &update(ChangeKind::Enter, Some("node-1")), &tell);
        take(&store, &update(ChangeKind::Modify, None), &tell);
        assert_eq!(store.vm(&moref(1)).unwrap().host_name, None);
        take(&store, &update(ChangeKind::Leave, None), &tell);
        take(&store, &update(ChangeKind::Leave, None), &tell);
        assert_eq!(told.lock().unwrap().len(), 3, "enter, modify, leave: repetition is no news");
    }
}
