//! What a leader does, from its first login to its last logout.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
use crate::controllers::{self, Observed};
use crate::fleet::{self, Fleet, Reading, Source};
use crate::k8s::{Presence, Subject};
use crate::metrics::Metrics;
use crate::vsphere::Session;

/// The work of a leader; it can be done any number of times, one after the other.
pub(super) struct Work {
    source: Arc<Source>,
    /// What this process used last; as long as it has not led, what it read last.
    reading: watch::Sender<Reading>,
    has_led: AtomicBool,
    config_poll_period: Duration,
    tag_refresh_period: Duration,
    /// What Events about the manager itself are about.
    lease: Subject,
    controllers: controllers::Options,
    metrics: Metrics,
    in_use: FleetInUse,
    /// Of the API server.
    presence: Presence,
}

impl Work {
    /// Prepares it, connecting to nothing. What is wrong with the configuration comes out here, on a
    /// standby too.
    pub(super) fn new(
        args: &Args,
        source: Source,
        reading: Reading,
        admin: &Admin,
        presence: Presence,
    ) -> anyhow::Result<Self> {
        check(&reading)?;
        Ok(Self {
            source: Arc::new(source),
            reading: watch::Sender::new(reading),
            has_led: AtomicBool::new(false),
            config_poll_period: args.cloud.config_poll_period,
            tag_refresh_period: args.cloud.tag_refresh_period,
            lease: args.leader.lease(),
            controllers: args.controllers(),
            metrics: admin.metrics.clone(),
            in_use: admin.fleet.clone(),
            presence,
        })
    }

    /// Does it, until `over`; this client writes no longer than that.
    pub(super) async fn run(&self, client: &Client, over: Stop) -> anyhow::Result<()> {
        if self.controllers.is_idle() {
            over.await;
            return Ok(());
        }
        self.look_again();
        let (notices, told) = mpsc::unbounded_channel();
        let options = fleet::Options {
            client: client.clone(),
            tag_refresh_period: self.tag_refresh_period,
            notices: notices.clone(),
            metrics: self.metrics.clone(),
        };
        let Some(fleet) = self.start(&options, over.clone()).await else { return Ok(()) };
        self.in_use.set(Some(Arc::clone(&fleet)));
        let events = self.metrics.events.clone();
        let telling = tokio::spawn(notices::tell(client.clone(), self.lease.clone(), events, told));
        let (source, reading) = (Arc::clone(&self.source), self.reading.clone());
        let following = fleet::follow(Arc::clone(&fleet), source, reading, self.config_poll_period, notices);
        let (client, options) = (client.clone(), self.controllers.clone());
        let observed = Observed { metrics: &self.metrics, presence: &self.presence };
        tokio::select! {
            () = controllers::run_observed(client, fleet.instances(), options, observed, over) => {}
            never = following => match never {},
        }
        self.in_use.set(None);
        fleet.close().await;
        telling.abort();
        Ok(())
    }

    /// Begins with what is configured; `None` if it is over before that succeeds.
    ///
    /// The start of the process has seen to it that it does: only a CA file can have gone since.
    async fn start(&self, options: &fleet::Options, over: Stop) -> Option<Arc<Fleet>> {
        loop {
            let started = Fleet::start(&self.reading.borrow(), options.clone());
            match started {
                Ok(fleet) => return Some(Arc::new(fleet)),
                Err(why) => warn!(%why, "the configuration in use cannot be used any longer; trying again"),
            }
            tokio::select! {
                () = over.clone() => return None,
                () = tokio::time::sleep(self.config_poll_period) => {}
            }
        }
    }

    /// The files may have changed while this process stood by for the first time. Later, what it used
    /// last is known to work: a change is tried first, as always.
    fn look_again(&self) {
        if self.has_led.swap(true, Ordering::Relaxed) || self.source.agrees(&self.reading.borrow()) {
            return;
        }
        match self
            .source
            .read()
            .and_then(|reading| check(&reading).map(|()| reading).map_err(|e| format!("{e:#}")))
        {
            Ok(reading) => drop(self.reading.send_replace(reading)),
            Err(why) => warn!(%why, "the configuration cannot be used; beginning with the last good one"),
        }
    }
}

/// Whether all that it names can be read, without connecting to anything.
fn check(reading: &Reading) -> anyhow::Result<()> {
    for vcenter in &reading.config.vcenters {
        let (_, feed) = watch::channel(Err("not read yet".to_owned()));
        Session::new(vcenter, feed).with_context(|| format!("vCenter {}", vcenter.id))?;
    }
    Ok(())
}
