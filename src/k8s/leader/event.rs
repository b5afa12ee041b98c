//! The Events on the Lease that client-go's managers write.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

/// The component that they come from, as upstream names it.
const COMPONENT: &str = "cloud-controller-manager";
/// Nobody waits longer for one to be written.
const DEADLINE: Duration = Duration::from_secs(2);

/// Writes one; it never fails, because nothing depends on it.
pub(super) async fn tell(client: Client, lease: ObjectMeta, message: String) {
    let event = event(lease, message, Timestamp::now());
    let namespace = event.metadata.namespace.clone().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client, &namespace);
    match tokio::time::timeout(DEADLINE, api.create(&PostParams::default(), &event)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the Event on the Lease could not be written"),
        Err(_) => tracing::debug!("the Event on the Lease was not written in time"),
    }
}

fn event(lease: ObjectMeta, message: String, now: Timestamp) -> Event {
    let name = lease.name.clone().unwrap_or_default();
    Event {
        metadata: ObjectMeta {
            // Each is told once and for itself; this is how client-go makes their names.
            name: Some(format!("{name}.{:x}", now.as_nanosecond())),
            namespace: lease.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some("coordination.k8s.io/v1".to_owned()),
            kind: Some("Lease".to_owned()),
            name: Some(name),
            namespace: lease.namespace,
            resource_version: lease.resource_version,
            uid: lease.uid,
            ..ObjectReference::default()
        },
        type_: Some("Normal".to_owned()),
        reason: Some("LeaderElection".to_owned()),
        message: Some(message),
        source: Some(EventSource { component: Some(COMPONENT.to_owned()), host: None }),
        reporting_component: Some(COMPONENT.to_owned()),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        ..Event::default()
    }
}
