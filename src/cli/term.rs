//! What a leader does, from its first login to its last logout.

use std::sync::Arc;
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
    /// The configuration in use; on a standby, the last that was.
    in_use: watch::Sender<Reading>,
    poll_period: Duration,
    tag_refresh_period: Duration,
    controllers: controllers::Options,
    lease: Subject,
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
            in_use,
            poll_period: args.cloud.config_poll_period,
            tag_refresh_period: args.cloud.tag_refresh_period,
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
        let reload = self.metrics.reload.clone();
        let telling = tokio::spawn(notices::tell(client.clone(), self.lease.clone(), reload, told));
        self.look_again(&notices);
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

    /// The files may have changed while this process stood by.
    fn look_again(&self, notices: &fleet::Notices) {
        match self.source.read() {
            Ok(reading) => drop(self.in_use.send_replace(reading)),
            Err(why) => {
                warn!(%why, "the configuration cannot be used; the last good one is");
                // Nobody need listen.
                let _ = notices.send(Notice::ConfigurationRefused(why));
            }
        }
    }
}
