//! What a leader does, from its first login to its last logout.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use tokio::sync::mpsc;
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
    /// What the files said at the start.
    reading: Reading,
    tag_refresh_period: Duration,
    config_poll_period: Duration,
    /// What Events about the manager are about.
    lease: Subject,
    controllers: controllers::Options,
    metrics: Metrics,
    in_use: FleetInUse,
}

impl Work {
    /// Prepares it, connecting to nothing. What is wrong with the configuration comes out here, on a
    /// standby too.
    pub(super) fn new(
        args: &Args,
        lease: Subject,
        (source, reading): (Arc<Source>, Reading),
        admin: &Admin,
    ) -> anyhow::Result<Self> {
        for vcenter in &reading.config.vcenters {
            let (_, feed) = tokio::sync::watch::channel(Err("not read yet".to_owned()));
            Session::new(vcenter, feed).with_context(|| format!("vCenter {}", vcenter.id))?;
        }
        Ok(Self {
            source,
            reading,
            tag_refresh_period: args.cloud.tag_refresh_period,
            config_poll_period: args.cloud.config_poll_period,
            lease,
            controllers: args.controllers(),
            metrics: admin.metrics.clone(),
            in_use: admin.fleet.clone(),
        })
    }

    /// Does it, until `over`.
    pub(super) async fn run(&self, client: &Client, over: Stop) -> anyhow::Result<()> {
        if self.controllers.is_idle() {
            over.await;
            return Ok(());
        }
        let reading = self.newest();
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
        let (source, period) = (Arc::clone(&self.source), self.config_poll_period);
        let following = fleet::follow(Arc::clone(&fleet), source, reading, period, notices);
        let options = self.controllers.clone();
        let controllers =
            controllers::run_observed(client.clone(), fleet.instances(), options, &self.metrics, over);
        tokio::select! {
            () = controllers => {}
            never = following => match never {},
        }
        self.in_use.set(None);
        fleet.close().await;
        telling.abort();
        Ok(())
    }

    /// What the files say now: who has stood by may have missed a change.
    fn newest(&self) -> Reading {
        self.source.read().unwrap_or_else(|why| {
            warn!(why, "the changed configuration is refused; the one of the start is used");
            self.reading.clone()
        })
    }
}
