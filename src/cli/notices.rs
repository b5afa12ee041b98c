//! What is told of the configuration, as Events on the manager's Lease.

use kube::Client;
use tokio::sync::mpsc;

use crate::fleet::Notice;
use crate::k8s::{EventRecorder, NodeEvent, Subject};
use crate::metrics;

/// The `source.component` of these Events, as upstream names the manager.
const COMPONENT: &str = "cloud-controller-manager";

/// Tells until nobody has anything to tell any more.
pub(super) async fn tell(
    client: Client,
    lease: Subject,
    metrics: metrics::Events,
    mut notices: mpsc::UnboundedReceiver<Notice>,
) {
    let recorder = EventRecorder::new(client, COMPONENT).observed(metrics);
    while let Some(notice) = notices.recv().await {
        recorder.record_about(&lease, &event(notice)).await;
    }
}

fn event(notice: Notice) -> NodeEvent {
    match notice {
        Notice::ConfigurationChanged => {
            NodeEvent::normal("ConfigurationChanged", "The changed configuration is in use.")
        }
        Notice::ConfigurationRefused(why) => NodeEvent::warning(
            "ConfigurationRefused",
            format!("The changed configuration is not used: {why}. The last good one stays in use."),
        ),
        Notice::FeatureDisabled(why) => NodeEvent::warning("FeatureDisabled", why),
        Notice::CredentialsChanged(vcenter) => NodeEvent::normal(
            "CredentialsChanged",
            format!("The changed credentials of vCenter {vcenter} are in use."),
        ),
        Notice::CredentialsRefused(why) => NodeEvent::warning(
            "CredentialsRefused",
            format!("The changed credentials are not used: {why}. The last good ones stay in use."),
        ),
    }
}
