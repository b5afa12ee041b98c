//! What is known of this cluster's machines, kept current by one long poll per vCenter.
//!
//! [`Inventory`] is the handle; behind it one task per vCenter keeps a session, looks for machines,
//! and watches those it was told to. Losing the session costs nobody anything but the time of a
//! login: the task builds its watch anew, and the [`Store`] says meanwhile what was true last.
//!
//! Cost follows the cluster, not the vCenter: foreign machines are seen once, in a scan of their
//! keys, and forgotten on the spot.

mod datacenters;
mod litter;
mod lookup;
mod sighting;
mod store;
mod task;
mod vm;
mod watch;
mod worker;
mod zone;

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch as channel};

pub use lookup::{FoundBy, Hit, Query};
pub use sighting::{Sighting, Suspect};
pub use store::{Entity, Scope, Store, ZoneFacts};
pub use vm::{ConnectionState, GuestNic, PowerState, Vm};
pub use zone::{ZoneCategories, ZoneOptions, ZoneTags};

use super::rest::Rest;
use super::{Category, CredentialFeed, Endpoint, Error, MoRef, Session, Tags};
use crate::config::{Tls, Vcenter};
use crate::metrics;

/// Changes that a slow reader may lag behind before it is told to look at everything again.
const CHANGES_KEPT: usize = 4096;

/// The machines of one vCenter.
#[derive(Clone, Debug)]
pub struct Inventory {
    endpoint: Endpoint,
    session: Session,
    rest: Rest,
    tags: Arc<tokio::sync::Mutex<Tags>>,
    store: Arc<Store>,
    commands: mpsc::UnboundedSender<Command>,
    changes: broadcast::Sender<Change>,
    health: channel::Receiver<Health>,
}

/// Something that is news to those who asked for a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A watched machine changed, or is watched no longer.
    Vm(MoRef),
    /// Some machine was created, registered, or got another uuid.
    Appeared,
    /// vCenter can be asked (again).
    Up,
}

/// Whether a vCenter can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The first connection is under way.
    Connecting,
    /// It can.
    Up,
    /// It cannot, for this reason.
    Down(Error),
}

#[derive(Debug)]
enum Command {
    Find { queries: Vec<Query>, reply: oneshot::Sender<Result<Vec<Vec<Hit>>, Error>> },
    Look { suspects: Vec<Suspect>, reply: oneshot::Sender<Result<Vec<Sighting>, Error>> },
    Join { vms: Vec<MoRef>, reply: oneshot::Sender<Result<(), Error>> },
    Leave { vms: Vec<MoRef> },
    WatchArrivals,
}

async fn close(session: &Session, rest: &Rest) {
    // Both at once: together they have a few seconds.
    futures::future::join(session.close(), rest.close()).await;
}

impl Inventory {
    /// Starts the task of one vCenter; it ends when the last handle is dropped.
    ///
    /// With `zones`, the tags of the objects above the machines are read as well.
    pub fn start(
        vcenter: &Vcenter,
        zones: Option<ZoneOptions>,
        credentials: CredentialFeed,
    ) -> Result<Self, Error> {
        Self::observed(vcenter, zones, credentials, metrics::Vcenter::default())
    }

    /// The same, with everything that happens counted.
    pub fn observed(
        vcenter: &Vcenter,
        zones: Option<ZoneOptions>,
        credentials: CredentialFeed,
        metrics: metrics::Vcenter,
    ) -> Result<Self, Error> {
        Ok(Self::over(Session::observed(vcenter, credentials, metrics)?, vcenter, zones))
    }

    /// The same over a session that is there already.
    pub fn over(session: Session, vcenter: &Vcenter, zones: Option<ZoneOptions>) -> Self {
        let store = Arc::new(Store::default());
        let tags_period = zones.as_ref().map(|zones| zones.refresh_period).unwrap_or_default();
        store.set_categories(zones.map(|zones| zones.categories));
        let tags = Tags::new(session.clone());
        let rest = tags.rest();
        let tags = Arc::new(tokio::sync::Mutex::new(tags));
        let (commands, inbox) = mpsc::unbounded_channel();
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let (health, health_seen) = channel::channel(Health::Connecting);
        let this = Self {
            endpoint: Endpoint::new(vcenter),
            session: session.clone(),
            rest: rest.clone(),
            tags: tags.clone(),
            store: store.clone(),
            commands,
            changes: changes.clone(),
            health: health_seen,
        };
        let datacenters = vcenter.datacenters.clone();
        let tagging = worker::Tagging { rest, service: tags, period: tags_period };
        tokio::spawn(task::Task::new(session, datacenters, store, tagging, inbox, changes, health).run());
        this
    }

    /// Which vCenter this is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether both are handles of the same task.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.store, &other.store)
    }

    /// The session that it is asked in.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The tag categories that the account may read.
    pub async fn categories(&self) -> Result<Vec<Category>, Error> {
        self.tags.lock().await.categories().await
    }

    /// These objects and all above them, up to the root folder; those that may not be read are left out.
    pub async fn above(&self, of: Vec<MoRef>) -> Result<Vec<(MoRef, Entity)>, Error> {
        datacenters::ancestors(&self.session.connect().await?, of).await
    }

    /// What is known now.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether it can be asked.
    pub fn health(&self) -> channel::Receiver<Health> {
        self.health.clone()
    }

    /// News from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Looks for machines in the whole vCenter: the hits of each query, in the order of the queries.
    ///
    /// # Errors
    /// Any error means that nothing is known, never that there is no machine.
    pub async fn find(&self, queries: Vec<Query>) -> Result<Vec<Vec<Hit>>, Error> {
        self.ask(|reply| Command::Find { queries: queries.clone(), reply }).await
    }

    /// Looks whether machines exist in the whole vCenter, in the order asked; all within one session.
    ///
    /// # Errors
    /// Any error means that nothing is known.
    pub async fn look(&self, suspects: Vec<Suspect>) -> Result<Vec<Sighting>, Error> {
        self.ask(|reply| Command::Look { suspects: suspects.clone(), reply }).await
    }

    /// Reads machines now, watched or not; those that cannot be seen are left out.
    ///
    /// # Errors
    /// Any error means that nothing is known.
    pub async fn read(&self, vms: Vec<MoRef>) -> Result<Vec<Vm>, Error> {
        sighting::read_machines(&self.session.connect().await?, vms).await
    }

    /// Watches these machines from now on; when this returns, the store has those that exist.
    pub async fn join(&self, vms: Vec<MoRef>) -> Result<(), Error> {
        self.ask(|reply| Command::Join { vms: vms.clone(), reply }).await
    }

    /// Stops watching these machines.
    pub fn leave(&self, vms: Vec<MoRef>) {
        // Without the task there is no watch either.
        let _ = self.commands.send(Command::Leave { vms });
    }

    /// From now on, tells of machines that appear in vCenter, as [`Change::Appeared`].
    pub fn watch_arrivals(&self) {
        let _ = self.commands.send(Command::WatchArrivals);
    }

    /// Trusts these certificates from now on, as [`Session::retrust`] does.
    pub fn retrust(&self, tls: &Tls) -> Result<(), Error> {
        self.session.retrust(tls)
    }

    /// Ends the sessions on the server; so does dropping the last handle, when there is time.
    pub async fn close(&self) {
        close(&self.session, &self.rest).await;
    }

    /// Has the task do something; once more if the session ended meanwhile.
    async fn ask<T>(
        &self,
        command: impl Fn(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let lost = |what: &str| Error::Unreachable(format!("{}: {what}", self.endpoint));
        let mut again = true;
        loop {
            let (reply, answer) = oneshot::channel();
            self.commands.send(command(reply)).map_err(|_| lost("the inventory is shut down"))?;
            match answer.await {
                Ok(Err(Error::NotAuthenticated)) | Err(_) if again => again = false,
                Ok(answer) => return answer,
                Err(_) => return Err(lost("the session ended in the middle")),
            }
        }
    }
}
