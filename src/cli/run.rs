//! The process of the cloud controller manager: it leads, or it stands by, until it is told to stop.
//!
//! * A standby has no session at any vCenter.
//! * A leader whose lease is lost writes nothing from that moment on, stops its controllers, logs out
//!   everywhere, and stands by again, in the same process. (Upstream's manager exits with code 1, and
//!   leaves its sessions behind.)
//! * On SIGTERM or SIGINT the controllers finish what they are about, the sessions end, and after that
//!   the lease is given back; a standby takes it over with its next try.

use anyhow::Context as _;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, select};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::api::ApiServer;
use super::ccm::Args;
use super::server::Admin;
use super::term::Work;
use crate::fleet::{Reading, Source};
use crate::k8s::leader::{Elector, Leadership, identity};
use crate::metrics::Metrics;

/// The order to stop, for as many as want to hear it.
pub(crate) type Stop = Shared<BoxFuture<'static, ()>>;

/// Runs until the order to stop.
pub(super) async fn run(args: Args, source: Source, reading: Reading) -> anyhow::Result<()> {
    // Before anything is begun that has to be ended in order, such as a login.
    let stop = stop_signal()?.boxed().shared();
    let metrics = Metrics::default();
    let api = ApiServer::find(&args.api, metrics.rest_client.clone()).await?;
    // Before everything else: health is asked for from the first moment on.
    let admin = Admin::start(&args.serving, &api, metrics, reading.config.clone()).await?;
    let stop = admin.unready_on(stop);
    let identity = identity().ok().context("the system has no random numbers")?;
    let election = args.leader.settings(identity);
    let work = Work::new(&args, source, reading, &admin, api.presence().clone())?;
    match election {
        None => work.run(&api.client(None)?, stop).await?,
        Some(settings) => {
            let lease = settings.name.clone();
            let mut elector = Elector::new(api.election_client()?, settings)?;
            admin.watch_election(&lease, elector.standing());
            in_turn(&mut elector, stop, async |leadership, over| {
                work.run(&api.client(Some(&leadership))?, over).await
            })
            .await?;
        }
    }
    admin.stop().await;
    info!("stopped");
    Ok(())
}

/// Works whenever it leads, until the order to stop or until `work` fails.
pub(crate) async fn in_turn(
    elector: &mut Elector,
    stop: Stop,
    work: impl AsyncFn(Leadership, Stop) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let outcome = loop {
        let leadership = tokio::select! {
            biased;
            () = stop.clone() => break Ok(()),
            leadership = elector.acquire() => leadership,
        };
        let lost = {
            let leadership = leadership.clone();
            async move { leadership.over().await }.boxed()
        };
        let over = select(stop.clone(), lost).map(drop).boxed().shared();
        let mut working = Box::pin(work(leadership.clone(), over));
        // The lease is kept as long as anybody works, also on the way to rest.
        let outcome = tokio::select! {
            biased;
            outcome = &mut working => outcome,
            () = elector.keep() => working.await,
        };
        if outcome.is_err() || leadership.is_valid() {
            break outcome;
        }
        // Who comes to rest at once is quicker than who tells of the loss; otherwise it has been told.
        elector.keep().await;
    };
    elector.release().await;
    outcome
}

/// Completes on the first order to stop.
/// SIGTERM or SIGINT.
pub(super) fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: stopping"),
            _ = interrupt.recv() => info!("SIGINT: stopping"),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::k8s::leader::Settings;
    use crate::k8s::testing::FakeApi;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_loss_is_told_also_when_those_who_work_rest_at_once() {
        let api = FakeApi::start().await;
        let settings = Settings {
            namespace: "kube-system".into(),
            name: "cloud-controller-manager".into(),
            identity: "a".into(),
            lease_duration: Duration::from_secs(2),
            renew_deadline: Duration::from_secs(1),
            retry_period: Duration::from_millis(100),
        };
        let mut elector = Elector::new(api.client(), settings).unwrap();
        let terms = AtomicUsize::new(0);
        let is_told = || api.events().values().any(|event| event["message"] == "a stopped leading");
        let work = async |_, over: Stop| {
            if terms.fetch_add(1, Ordering::SeqCst) == 0 {
                api.set_away(true);
                over.await;
                api.set_away(false);
                return Ok(());
            }
            while !is_told() {
                sleep(Duration::from_millis(5)).await;
            }
            anyhow::bail!("enough")
        };
        let never = futures::future::pending().boxed().shared();
        let ended = timeout(SOON, in_turn(&mut elector, never, work)).await;
        assert_eq!(ended.expect("the loss is told").unwrap_err().to_string(), "enough");
        assert_eq!(terms.load(Ordering::SeqCst), 2);
    }
}
