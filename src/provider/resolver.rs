//! Looks for the machines of Nodes: in batches, in all vCenters side by side, again and again
//! until each is found.
//!
//! One task does it all, so that there is nothing to lock and every decision has one place. Per
//! vCenter at most one question is under way; Nodes that come meanwhile make up the next.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tracing::{debug, info};

use super::identify::{Answer, Machine, Verdict, identify};
use super::roster::State;
use super::search::{Asked, Search, find, in_scope, not_found, query};
use super::shared::{Message, Shared, VcenterHandle};
use crate::cloud::InstanceError;
use crate::vsphere::inventory::{Change, Health, Hit};

/// How long the first of a few Nodes waits for company.
const GATHER_FEW: Duration = Duration::from_millis(5);

/// Above so many waiting Nodes it is a crowd (a start, a scale-up) …
const CROWD: usize = 3;

/// … which is complete when nobody came for so long: lists of Nodes arrive page by page …
const GATHER_CROWD: Duration = Duration::from_millis(60);

/// … but nobody waits longer than this.
const GATHER_LONGEST: Duration = Duration::from_secs(1);

/// How long a machine that one vCenter found waits for the others to say that they have none.
const OTHERS_GRACE: Duration = Duration::from_secs(1);

/// Nodes without a machine are looked for after this, together; doubled each time …
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// … up to this.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// After a sign that something appeared: others may follow at once.
const NEWS_PAUSE: Duration = Duration::from_millis(20);

/// Starts the task; it ends when the provider is dropped.
pub(super) fn start(shared: &Arc<Shared>, inbox: mpsc::UnboundedReceiver<Message>) {
    let news = FuturesUnordered::new();
    for (vcenter, handle) in shared.vcenters.iter().enumerate() {
        news.push(next_news(vcenter, handle.inventory.changes()));
    }
    let resolver = Resolver {
        shared: Arc::downgrade(shared),
        inbox,
        news,
        asking: FuturesUnordered::new(),
        busy: vec![false; shared.vcenters.len()],
        searches: HashMap::new(),
        leaving: Vec::new(),
        gathering: None,
        retry_at: None,
        retry_pause: FIRST_RETRY,
    };
    tokio::spawn(resolver.run());
}

type News = (usize, Result<Change, broadcast::error::RecvError>, broadcast::Receiver<Change>);

fn next_news(vcenter: usize, mut changes: broadcast::Receiver<Change>) -> BoxFuture<'static, News> {
    Box::pin(async move { (vcenter, changes.recv().await, changes) })
}

struct Resolver {
    shared: Weak<Shared>,
    inbox: mpsc::UnboundedReceiver<Message>,
    news: FuturesUnordered<BoxFuture<'static, News>>,
    asking: FuturesUnordered<BoxFuture<'static, Asked>>,
    /// Per vCenter, whether a question is under way.
    busy: Vec<bool>,
    /// The Nodes without a certain machine.
    searches: HashMap<String, Search>,
    /// Machines of searches that are over, which are to be watched no longer.
    leaving: Vec<Machine>,
    /// Since when Nodes gather, and when the last one came.
    gathering: Option<(Instant, Instant)>,
    retry_at: Option<Instant>,
    retry_pause: Duration,
}

impl Resolver {
    async fn run(mut self) {
        loop {
            let wake_at = self.next_wake();
            let timer = async {
                match wake_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.receive(message),
                    None => return,
                },
                Some((vcenter, hits_of, outcome)) = self.asking.next() => self.answered(vcenter, &hits_of, outcome),
                Some((vcenter, change, receiver)) = self.news.next() => {
                    if matches!(change, Err(broadcast::error::RecvError::Closed)) {
                        continue;
                    }
                    self.news.push(next_news(vcenter, receiver));
                    self.hear(vcenter, change.ok());
                }
                () = timer => self.tick(),
            }
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        let graces = self.searches.values().filter_map(|search| search.grace);
        self.gathered_at().into_iter().chain(self.retry_at).chain(graces).min()
    }

    /// When the Nodes that gather have waited long enough.
    fn gathered_at(&self) -> Option<Instant> {
        let (first, last) = self.gathering?;
        let waiting = self.searches.values().filter(|search| search.to_ask.contains(&true)).count();
        let pause = if waiting > CROWD { GATHER_CROWD } else { GATHER_FEW };
        Some((last + pause).min(first + GATHER_LONGEST))
    }

    fn receive(&mut self, message: Message) {
        let Some(shared) = self.shared.upgrade() else { return };
        match message {
            Message::Look(name) => {
                let Some(identity) = shared.roster.identity(&name) else { return };
                match query(&identity) {
                    Ok(query) => {
                        let candidates =
                            self.searches.remove(&name).map(|old| old.candidates).unwrap_or_default();
                        let search = Search {
                            candidates,
                            ..Search::new(query, identity.record, shared.vcenters.len())
                        };
                        self.searches.insert(name, search);
                        let now = Instant::now();
                        let first = self.gathering.map_or(now, |(first, _)| first);
                        self.gathering = Some((first, now));
                    }
                    Err(error) => {
                        self.end_search(&shared, &name);
                        publish(&shared, &name, &State::Failed(error));
                    }
                }
            }
            Message::Forget(name, machine) => {
                self.leaving.extend(machine);
                // Unless its successor is here already, and has its own search or is about to.
                if shared.roster.identity(&name).is_none() {
                    self.end_search(&shared, &name);
                } else {
                    self.let_go(&shared);
                }
            }
        }
    }

    fn hear(&mut self, vcenter: usize, change: Option<Change>) {
        let Some(shared) = self.shared.upgrade() else { return };
        match change {
            Some(Change::Vm(moref)) => {
                let machine = Machine { vcenter, moref };
                let nodes = shared.roster.on(&machine);
                let visible = shared.vcenters[vcenter].inventory.store().vm(&machine.moref).is_some();
                for name in &nodes {
                    if !visible {
                        self.receive(Message::Look(name.clone()));
                    }
                    // Nobody listening is nobody to tell.
                    let _ = shared.changes.send(name.clone());
                }
                // A candidate of a Node that is not certain yet, perhaps besides being another Node's
                // machine: the one that remains may be it, or something tells them apart now.
                if nodes.is_empty() || self.is_candidate(&machine) {
                    self.retry_soon(NEWS_PAUSE);
                }
            }
            Some(Change::Appeared) => self.retry_soon(NEWS_PAUSE),
            Some(Change::Up) => self.retry_soon(Duration::ZERO),
            // More happened than was kept: everything may be different.
            None => {
                for name in shared.roster.in_vcenter(vcenter) {
                    let _ = shared.changes.send(name);
                }
                self.retry_soon(NEWS_PAUSE);
            }
        }
    }

    /// Whether a Node that is not certain yet could have this machine.
    fn is_candidate(&self, machine: &Machine) -> bool {
        self.searches.values().any(|search| search.candidates.contains(machine))
    }

    fn end_search(&mut self, shared: &Shared, name: &str) {
        if let Some(search) = self.searches.remove(name) {
            self.leaving.extend(search.candidates);
        }
        self.let_go(shared);
        if self.searches.is_empty() {
            // There may have been thousands, and there will be few from now on.
            self.searches.shrink_to_fit();
        }
    }

    /// The machines of a search that is over are watched no longer, unless somebody else needs them: a
    /// candidate that is not watched could not be told apart when something tells of it.
    ///
    /// While a vCenter is being asked, it may just have found one of them for another Node.
    fn let_go(&mut self, shared: &Shared) {
        for machine in std::mem::take(&mut self.leaving) {
            if self.busy[machine.vcenter] {
                self.leaving.push(machine);
            } else if shared.roster.on(&machine).is_empty() && !self.is_candidate(&machine) {
                shared.vcenters[machine.vcenter].inventory.leave(vec![machine.moref]);
            }
        }
    }

    fn retry_soon(&mut self, pause: Duration) {
        if !self.searches.is_empty() {
            let soon = Instant::now() + pause;
            self.retry_at = Some(self.retry_at.map_or(soon, |at| at.min(soon)));
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let Some(shared) = self.shared.upgrade() else { return };
        if self.gathered_at().is_some_and(|at| at <= now) {
            self.gathering = None;
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            for search in self.searches.values_mut() {
                for (answer, to_ask) in search.answers.iter().zip(&mut search.to_ask) {
                    *to_ask |= *answer != Answer::Pending;
                }
            }
        }
        self.ask(&shared);
        let overdue: Vec<String> = self
            .searches
            .iter()
            .filter(|(_, search)| search.grace.is_some_and(|at| at <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in overdue {
            self.judge(&shared, &name, false);
        }
    }

    /// Asks every vCenter that is free for the Nodes it is to be asked for.
    fn ask(&mut self, shared: &Arc<Shared>) {
        if self.gathering.is_some() {
            return;
        }
        for vcenter in 0..self.busy.len() {
            let handle = &shared.vcenters[vcenter];
            // Its first words are "Up" or an error; until then questions gather here.
            if self.busy[vcenter] || *handle.inventory.health().borrow() == Health::Connecting {
                if !self.busy[vcenter] && self.searches.values().any(|search| search.to_ask[vcenter]) {
                    self.retry_after_connecting(vcenter, handle);
                }
                continue;
            }
            let mut names = Vec::new();
            let mut queries = Vec::new();
            for (name, search) in &mut self.searches {
                if std::mem::take(&mut search.to_ask[vcenter]) {
                    names.push(name.clone());
                    queries.push(search.query.clone());
                }
            }
            if !names.is_empty() {
                debug!(vcenter = %handle.inventory.endpoint(), nodes = names.len(), "looking for machines");
                self.busy[vcenter] = true;
                self.asking.push(Box::pin(find(vcenter, handle.clone(), names, queries)));
            }
        }
    }

    /// Comes back when the first connection has succeeded or failed.
    fn retry_after_connecting(&mut self, vcenter: usize, handle: &VcenterHandle) {
        self.busy[vcenter] = true;
        let mut health = handle.inventory.health();
        self.asking.push(Box::pin(async move {
            let _ = health.wait_for(|health| *health != Health::Connecting).await;
            (vcenter, Vec::new(), Ok(Vec::new()))
        }));
    }

    fn answered(&mut self, vcenter: usize, names: &[String], outcome: Result<Vec<Vec<Hit>>, String>) {
        let Some(shared) = self.shared.upgrade() else { return };
        self.busy[vcenter] = false;
        match outcome {
            Ok(hits) => {
                for (name, hits) in names.iter().zip(hits) {
                    let Some(identity) = shared.roster.identity(name) else { continue };
                    let Some(search) = self.searches.get_mut(name) else { continue };
                    if !search.has_asked(vcenter) {
                        self.leaving
                            .extend(hits.into_iter().map(|hit| Machine { vcenter, moref: hit.moref }));
                        continue;
                    }
                    match in_scope(&shared, vcenter, &identity, hits) {
                        Ok((inside, outside)) => search.found(vcenter, inside, outside),
                        Err(why) => search.answers[vcenter] = Answer::Unknown(why),
                    }
                }
            }
            Err(why) => {
                for name in names {
                    let Some(search) = self.searches.get_mut(name) else { continue };
                    if search.has_asked(vcenter) {
                        search.answers[vcenter] = Answer::Unknown(why.clone());
                    }
                }
            }
        }
        for name in names {
            self.judge(&shared, name, true);
        }
        self.let_go(&shared);
        self.ask(&shared);
    }

    fn judge(&mut self, shared: &Shared, name: &str, patient: bool) {
        let Some(search) = self.searches.get_mut(name) else { return };
        let verdict =
            identify(&search.answers, search.home_is_away(shared), patient, || not_found(shared, search));
        match verdict {
            Verdict::Wait { found } => {
                if found && search.grace.is_none() {
                    search.grace = Some(Instant::now() + OTHERS_GRACE);
                }
            }
            Verdict::Bound(machine) => {
                publish(shared, name, &State::Bound(machine));
                // Those that it is not need not be watched.
                self.end_search(shared, name);
            }
            Verdict::Failed(error) => {
                search.grace = None;
                if publish(shared, name, &State::Failed(error)) {
                    // Something new: begin again with short pauses.
                    self.retry_pause = FIRST_RETRY;
                    // A machine may appear that changes it.
                    for vcenter in &shared.vcenters {
                        vcenter.inventory.watch_arrivals();
                    }
                }
                if self.retry_at.is_none() {
                    self.retry_at = Some(Instant::now() + self.retry_pause);
                    self.retry_pause = (self.retry_pause * 2).min(LONGEST_RETRY);
                }
            }
        }
    }
}

/// Tells the world, if it is news.
fn publish(shared: &Shared, name: &str, state: &State) -> bool {
    let news = shared.roster.set(name, state.clone());
    if news {
        match state {
            // While a vCenter is away, it is the same for all its Nodes, and told once already.
            State::Failed(error @ InstanceError::Unknown(_)) => debug!(node = name, %error, "unknown"),
            State::Failed(error) => info!(node = name, %error, "no certain machine"),
            State::Bound(machine) => debug!(node = name, machine = %machine.moref, "found"),
            State::Looking => {}
        }
        let _ = shared.changes.send(name.to_owned());
    }
    news
}
