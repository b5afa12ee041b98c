//! Following one Secret, by its name.

use std::collections::BTreeMap;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};

use super::complaint::Complaint;
use super::watch::capped_backoff;

/// The data of a Secret now and after each change; `None` when there is no such Secret.
///
/// Only this one object is asked for, so the right to read just it (`resourceNames`) is enough.
/// It never ends and never fails: an interrupted watch is logged and resumed.
pub fn watch_secret(
    client: Client,
    namespace: &str,
    name: &str,
) -> impl Stream<Item = Option<BTreeMap<String, Vec<u8>>>> + Send + use<> {
    let api = Api::<Secret>::namespaced(client, namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let origin = format!("{namespace}/{name}");
    let (mut listed, mut complaint) = (false, Complaint::default());
    watcher(api, config).backoff(capped_backoff()).filter_map(move |event| {
        if let Some(why) = complaint.about(&event) {
            tracing::warn!(secret = origin, error = why, "the Secret cannot be read; trying again");
        }
        let news = match event {
            Ok(Event::Init) => {
                listed = false;
                None
            }
            Ok(Event::InitApply(secret) | Event::Apply(secret)) => {
                listed = true;
                Some(Some(data(secret)))
            }
            // The list is complete and it was not in it.
            Ok(Event::InitDone) => (!listed).then_some(None),
            Ok(Event::Delete(_)) => Some(None),
            Err(_) => None,
        };
        std::future::ready(news)
    })
}

/// The data of a Secret as it is now; `None` when there is no such Secret.
pub async fn read_secret(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, Vec<u8>>>, kube::Error> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    Ok(api.get_opt(name).await?.map(data))
}

fn data(secret: Secret) -> BTreeMap<String, Vec<u8>> {
    secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect()
}
