//! What a leader does, from its first login to its last logout.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::ccm::Args;
use super::notices;
use super::readiness::FleetInUse;
use super::run::Stop;
use super::server::Admin;
use crate::controllers;
use crate::fleet::{self, Fleet, Reading, Source};
use crate::k8s::Subject;
use crate::metrics::Metrics;
use crate::vsphere::Session;

/// The work of a leader; it can be done any number of times, one after the other.
pub(super) struct Work {
    source: Arc<Source>,
    /// The last configuration that could be read.
    reading: Mutex<Reading>,
    config_poll_period: Duration,
    tag_refresh_period: Duration,
    /// What Events about the manager itself are about.
    lease: Subject,
    controllers: controllers::Options,
    metrics: Metrics,
    in_use: FleetInUse,
}

impl Work {
    /// Prepares it, connecting to nothing. What is wrong with the configuration comes out here, on a
    /// standby too.
    pub(super) fn new(args: &Args, source: Source, reading: Reading, admin: &Admin) -> anyhow::Result<Self> {
        for vcenter in &reading.config.vcenters {
            let (_, feed) = watch::channel(Err("not read yet".to_owned()));
            Session::new(vcenter, feed).with_context(|| format!("vCenter {}", vcenter.id))?;
        }
        Ok(Self {
            source: Arc::new(source),
            reading: Mutex::new(reading),
            config_poll_period: args.cloud.config_poll_period,
            tag_refresh_period: args.cloud.tag_refresh_period,
            lease: args.leader.lease(),
            controllers: args.controllers(),
            metrics: admin.metrics.clone(),
            in_use: admin.fleet.clone(),
        })
    }

    /// Does it, until `over`; this client writes no longer than that.
    pub(super) async fn run(&self, client: &Client, over: Stop) -> anyhow::Result<()> {
        if self.controllers.is_idle() {
            over.await;
            return Ok(());
        }
        let reading = self.reading();
        let (notices, told) = mpsc::unbounded_channel();
        let options = fleet::Options {
            client: client.clone(),
            tag_refresh_period: self.tag_refresh_period,
            notices: notices.clone(),
            metrics: self.metrics.clone(),
        };
        let fleet = Arc::new(Fleet::start(&reading, options)?);
        self.in_use.set(Some(Arc::clone(&fleet)));
        let events = self.metrics.events.clone();
        let telling = tokio::spawn(notices::tell(client.clone(), self.lease.clone(), events, told));
        let source = Arc::clone(&self.source);
        let following = fleet::follow(Arc::clone(&fleet), source, reading, self.config_poll_period, notices);
        let (client, options) = (client.clone(), self.controllers.clone());
        tokio::select! {
            () = controllers::run_observed(client, fleet.instances(), options, &self.metrics, over) => {}
            never = following => match never {},
        }
        self.in_use.set(None);
        fleet.close().await;
        telling.abort();
        Ok(())
    }

    /// The configuration to begin with: as it is now, or as it could be read last.
    fn reading(&self) -> Reading {
        let mut last = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.source.agrees(&last) {
            match self.source.read() {
                Ok(reading) => *last = reading,
                Err(why) => warn!(%why, "the configuration cannot be used; beginning with the last good one"),
            }
        }
        last.clone()
    }
}
