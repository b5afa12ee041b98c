//! What these tests share.

use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, DeleteParams, ListParams};
use xtask::testbed::{Manager, Vcsim, VcsimOptions, eventually};

use crate::support::{Cluster, Config, SOON};

pub(super) async fn vcenter(seed: &str) -> Vcsim {
    Vcsim::start(VcsimOptions { seed: seed.into(), ..VcsimOptions::default() }).await.unwrap()
}

/// A manager that looks at its files several times a second.
pub(super) fn watchful(cluster: &Cluster, config: &Config) -> Manager {
    cluster.manager_with(config, |options| options.args.push("--config-poll-period=200ms".into()))
}

/// Events about the configuration are about the manager's Lease.
pub(super) struct Notices(Api<Event>);

impl Notices {
    /// From now on: those of earlier tests are gone.
    pub(super) async fn of(cluster: &Cluster) -> Self {
        let events: Api<Event> = Api::namespaced(cluster.client(), "kube-system");
        events.delete_collection(&DeleteParams::default(), &about_the_lease()).await.unwrap();
        Self(events)
    }

    /// All messages with this reason.
    pub(super) async fn all(&self, reason: &str) -> Vec<String> {
        let events = self.0.list(&about_the_lease()).await.unwrap();
        let events = events.into_iter().filter(|event| event.reason.as_deref() == Some(reason));
        events.map(|event| event.message.unwrap_or_default()).collect()
    }

    /// Waits for the first message with this reason.
    pub(super) async fn wait(&self, reason: &str) -> String {
        let what = format!("{reason} is told");
        let told =
            eventually(&what, SOON, async || self.all(reason).await.into_iter().next().ok_or("it is not"));
        told.await.unwrap()
    }
}

fn about_the_lease() -> ListParams {
    ListParams::default().fields("involvedObject.kind=Lease,involvedObject.name=cloud-controller-manager")
}
