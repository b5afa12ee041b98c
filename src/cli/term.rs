//! What a leader does, from its first login to its last logout.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::join_all;
use kube::Client;
use tracing::warn;

use super::ccm::Args;
use super::credentials;
use super::run::Stop;
use crate::config::{Config, Labels};
use crate::controllers;
use crate::provider::{VcenterHandle, VsphereInstances};
use crate::vsphere::Session;
use crate::vsphere::inventory::{Inventory, ZoneCategories, ZoneOptions};

/// How long the logouts may take together: a vCenter that is away must not hold up the process.
const LOGOUT_PATIENCE: Duration = Duration::from_secs(3);

/// The work of a leader; it can be done any number of times, one after the other.
pub(super) struct Work {
    config: Config,
    zones: Option<ZoneOptions>,
    controllers: controllers::Options,
}

impl Work {
    /// Prepares it, connecting to nothing. What is wrong with the configuration comes out here, on a
    /// standby too.
    pub(super) fn new(args: &Args, config: Config) -> anyhow::Result<Self> {
        for vcenter in &config.vcenters {
            let (_, feed) = tokio::sync::watch::channel(Err("not read yet".to_owned()));
            Session::new(vcenter, feed).with_context(|| format!("vCenter {}", vcenter.id))?;
        }
        let zones = zone_options(&config.labels, args.cloud.tag_refresh_period);
        Ok(Self { config, zones, controllers: args.controllers() })
    }

    /// Does it, until `over`.
    pub(super) async fn run(&self, client: &Client, over: Stop) -> anyhow::Result<()> {
        if self.controllers.is_idle() {
            over.await;
            return Ok(());
        }
        let mut vcenters = Vec::new();
        for vcenter in &self.config.vcenters {
            let feed = credentials::feed(vcenter, client);
            let inventory = Inventory::start(vcenter, self.zones.clone(), feed)
                .with_context(|| format!("vCenter {}", vcenter.id))?;
            vcenters.push(VcenterHandle {
                id: vcenter.id.clone(),
                inventory,
                datacenters: vcenter.datacenters.clone(),
                ip_families: vcenter.ip_families.clone(),
            });
        }
        let inventories: Vec<Inventory> = vcenters.iter().map(|vcenter| vcenter.inventory.clone()).collect();
        let instances = Arc::new(VsphereInstances::start(vcenters, self.config.nodes.clone()));
        controllers::run(client.clone(), instances, self.controllers.clone(), over).await;

        let logouts = join_all(inventories.iter().map(Inventory::close));
        if tokio::time::timeout(LOGOUT_PATIENCE, logouts).await.is_err() {
            warn!("a vCenter did not answer the logout; its session ends by itself");
        }
        Ok(())
    }
}

/// Zones need both categories, as upstream has it; the configuration warns of one alone.
fn zone_options(labels: &Labels, refresh_period: Duration) -> Option<ZoneOptions> {
    let categories = ZoneCategories { region: labels.region.clone()?, zone: labels.zone.clone()? };
    Some(ZoneOptions { categories, refresh_period })
}
