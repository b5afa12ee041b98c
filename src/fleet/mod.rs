//! The vCenters that are in use, and how they follow their configuration without a restart.
//!
//! ```text
//! vsphere.conf, CA files ── files ── reload ──► Fleet::adopt ── change (pure): what stays, what not
//!                                                   │           trial: a new vCenter must answer first
//! Secret, directory ── sources ── keeper ──► feed ──┴─► Inventory per vCenter ──► provider
//! ```
//!
//! Invariants:
//! - What is bad never replaces what is good: a configuration takes effect as a whole or not at all.
//! - A vCenter that stays keeps its session, its inventory and the machines known of it.
//! - Nobody is asked about a vCenter that has not answered yet, except at the start.

mod change;
mod files;
mod keeper;
mod member;
mod reload;
mod sources;
mod trial;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use kube::Client;
use tokio::sync::mpsc;

use crate::config::{Config, Credentials, Labels};
use crate::metrics::Metrics;
use crate::provider::CurrentInstances;
use crate::vsphere::Endpoint;
use crate::vsphere::inventory::{Health, Inventory, ZoneCategories, ZoneOptions};
use change::{Change, changes};
use member::Member;

pub use files::{Reading, Source};
pub use reload::follow;
pub use sources::read_credentials;

/// How long the logouts may take together: a vCenter that is away must not hold up the process.
const LOGOUT_PATIENCE: Duration = Duration::from_secs(3);

/// Something that an administrator wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A changed configuration is in use.
    ConfigurationChanged,
    /// A changed configuration is not used, and why.
    ConfigurationRefused(String),
    /// A feature stays off although the configuration wants it, and why.
    FeatureDisabled(String),
    /// Changed credentials of this vCenter are in use.
    CredentialsChanged(String),
    /// Changed credentials of a vCenter are not used, and why.
    CredentialsRefused(String),
}

/// Where notices go; nobody need listen.
pub type Notices = mpsc::UnboundedSender<Notice>;

/// What a fleet is made with besides the configuration.
#[derive(Clone)]
pub struct Options {
    /// Reads Secrets.
    pub client: Client,
    /// How often the tags for zones are read.
    pub tag_refresh_period: Duration,
    /// Where notices go.
    pub notices: Notices,
    /// Where it is counted what happens.
    pub metrics: Metrics,
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("vCenter {vcenter}: {error}")]
pub struct Unusable {
    /// Its key in the configuration.
    pub vcenter: String,
    /// What is wrong with it.
    pub error: crate::vsphere::Error,
}

/// The vCenters of one configuration after the other.
pub struct Fleet {
    options: Options,
    members: Mutex<Vec<Member>>,
    /// What is in use.
    config: Mutex<Arc<Config>>,
    instances: Arc<CurrentInstances>,
}

impl Fleet {
    /// Begins to connect to all vCenters, whether they answer or not.
    ///
    /// # Errors
    /// A CA file that cannot be read.
    pub fn start(reading: &Reading, options: Options) -> Result<Self, Unusable> {
        let (config, trust) = (&reading.config, &reading.look.trust);
        let zones = zone_options(&config.labels, options.tag_refresh_period);
        let mut members = Vec::new();
        for vcenter in &config.vcenters {
            members.push(Member::start(vcenter, zones.as_ref(), trust, &options)?);
        }
        let handles = members.iter().map(Member::handle).collect();
        let instances = Arc::new(CurrentInstances::start(handles, config.nodes.clone()));
        tell_disabled(config, &options.notices);
        let config = Mutex::new(Arc::new(config.clone()));
        Ok(Self { options, members: Mutex::new(members), config, instances })
    }

    /// The machines in all of them.
    pub fn instances(&self) -> Arc<CurrentInstances> {
        Arc::clone(&self.instances)
    }

    /// Where it is counted what happens.
    fn metrics(&self) -> &Metrics {
        &self.options.metrics
    }

    /// The configuration in use.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Each vCenter's key in the configuration, where it is, and whether it can be asked.
    pub fn health(&self) -> Vec<(String, Endpoint, Health)> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let health = |member: &Member| {
            let inventory = &member.inventory;
            (member.id().to_owned(), inventory.endpoint().clone(), inventory.health().borrow().clone())
        };
        members.iter().map(health).collect()
    }

    /// Follows another configuration from now on, if every vCenter that is new or changed in it can
    /// be used; otherwise nothing changes.
    ///
    /// Not for several callers at the same time.
    pub async fn adopt(&self, reading: &Reading) -> Result<(), Unusable> {
        let (config, trust) = (&reading.config, &reading.look.trust);
        let zones = zone_options(&config.labels, self.options.tag_refresh_period);
        let before: Vec<Member> = self.members.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let plan = changes(&before, config, zones.as_ref(), trust);
        let tried = config.vcenters.iter().zip(&plan).map(|(vcenter, change)| {
            let (before, zones, options) = (&before, zones.as_ref(), &self.options);
            async move {
                match change {
                    Change::New => Ok((Member::tried(vcenter, zones, trust, options).await?, None)),
                    Change::Stays { member, trust: retrust, credentials } => {
                        let member = &before[*member];
                        let tried = if *retrust || *credentials {
                            trial::reconfigured(vcenter, member, *retrust, *credentials, options).await?
                        } else {
                            None
                        };
                        Ok((member.clone(), tried))
                    }
                }
            }
        });
        // One that fails drops the others, which log out when their last handle is gone.
        let members: Vec<(Member, Option<Arc<Credentials>>)> = try_join_all(tried).await?;
        let mut after = Vec::new();
        for ((vcenter, change), (member, tried)) in config.vcenters.iter().zip(&plan).zip(members) {
            after.push(match change {
                Change::New => member,
                Change::Stays { trust: retrust, .. } => {
                    member.reconfigured(vcenter, trust, *retrust, tried, &self.options)?
                }
            });
        }
        self.instances.replace(after.iter().map(Member::handle).collect(), config.nodes.clone());
        let left = before
            .iter()
            .filter(|member| !after.iter().any(|other| other.inventory.is(&member.inventory)))
            .map(|member| member.inventory.clone());
        let left: Vec<Inventory> = left.collect();
        let stays =
            |gone: &Inventory| after.iter().any(|member| member.inventory.endpoint() == gone.endpoint());
        let forgotten: Vec<String> =
            left.iter().filter(|gone| !stays(gone)).map(|gone| gone.endpoint().to_string()).collect();
        *self.members.lock().unwrap_or_else(PoisonError::into_inner) = after;
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.clone());
        tell_disabled(config, &self.options.notices);
        drop(before);
        log_out(left).await;
        for vcenter in forgotten {
            self.options.metrics.vcenters.retire(&vcenter);
        }
        Ok(())
    }

    /// Ends all sessions, for good.
    pub async fn close(&self) {
        let members = std::mem::take(&mut *self.members.lock().unwrap_or_else(PoisonError::into_inner));
        log_out(members.iter().map(|member| member.inventory.clone()).collect()).await;
        for member in members {
            self.options.metrics.vcenters.retire(&member.inventory.endpoint().to_string());
        }
    }
}

/// Tells of features that are off because of mistakes, each mistake for itself.
fn tell_disabled(config: &Config, notices: &Notices) {
    let features = [config.nsxt.problems(), config.load_balancer.problems(), config.route.problems()];
    for problem in features.into_iter().flatten() {
        // Nobody need listen.
        let _ = notices.send(Notice::FeatureDisabled(problem.to_string()));
    }
}

async fn log_out(inventories: Vec<Inventory>) {
    let logouts = join_all(inventories.iter().map(Inventory::close));
    if tokio::time::timeout(LOGOUT_PATIENCE, logouts).await.is_err() {
        tracing::warn!("a vCenter did not answer the logout; its session ends by itself");
    }
}

/// Zones need both categories, as upstream has it; the configuration warns of one alone.
pub fn zone_options(labels: &Labels, refresh_period: Duration) -> Option<ZoneOptions> {
    let categories = ZoneCategories { region: labels.region.clone()?, zone: labels.zone.clone()? };
    Some(ZoneOptions { categories, refresh_period })
}
