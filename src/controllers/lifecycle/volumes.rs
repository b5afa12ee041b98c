//! Which volumes Nodes hold: listed by need, at once for all that ask.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kube::Client;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::out_of_service::Volumes;
use crate::controllers::calls::{WriteError, in_time};
use crate::k8s::attachments_by_node;

/// After a refusal: rights are not given that often.
const PAUSE_IF_FORBIDDEN: Duration = Duration::from_mins(5);

/// What was listed last. In a cluster without dead Nodes nothing ever is.
pub(super) struct Attachments {
    client: Client,
    last: Mutex<Option<Listing>>,
    told: AtomicBool,
}

struct Listing {
    at: Instant,
    /// `None`: the account may not list them.
    held: Option<HashMap<String, usize>>,
}

impl Attachments {
    pub(super) fn new(client: Client) -> Self {
        Self { client, last: Mutex::default(), told: AtomicBool::new(false) }
    }

    /// The volumes of a Node, as they were no longer ago than that.
    pub(super) async fn of(&self, node: &str, oldest: Duration) -> Volumes {
        // Who comes while it is being listed waits, and takes the same.
        let mut last = self.last.lock().await;
        if !last.as_ref().is_some_and(|listing| listing.does(oldest)) {
            let at = Instant::now();
            match in_time(async { Ok(attachments_by_node(&self.client).await?) }).await {
                Ok(held) => *last = Some(Listing { at, held: Some(held) }),
                Err(error) if error.is_forbidden() => {
                    self.tell(&error);
                    *last = Some(Listing { at, held: None });
                }
                Err(error) => {
                    tracing::warn!(%error, "VolumeAttachments could not be listed; trying again");
                    return Volumes::Unknown;
                }
            }
        }
        match last.as_ref().and_then(|listing| listing.held.as_ref()) {
            Some(held) => Volumes::Held(held.get(node).copied().unwrap_or_default()),
            None => Volumes::Forbidden,
        }
    }

    fn tell(&self, error: &WriteError) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %error,
                "the account may not list volumeattachments.storage.k8s.io, so nobody knows which dead Nodes \
                 hold volumes: no Node is taken out of service, and its volumes stay for six minutes or more. \
                 Grant the verb list, or say --out-of-service-taint=false"
            );
        }
    }
}

impl Listing {
    fn does(&self, oldest: Duration) -> bool {
        let oldest = if self.held.is_some() { oldest } else { PAUSE_IF_FORBIDDEN };
        self.at.elapsed() < oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::testing::{FakeApi, Fault};

    const LIST: &str = "GET /apis/storage.k8s.io/v1/volumeattachments";

    #[tokio::test]
    async fn one_list_serves_all_who_ask_until_it_is_too_old() {
        let fake = FakeApi::start().await;
        fake.attach("csi-1", "a");
        let attachments = Attachments::new(fake.client());
        let long = Duration::from_mins(1);
        let (a, b) = tokio::join!(attachments.of("a", long), attachments.of("b", long));
        assert_eq!((a, b, fake.count(LIST)), (Volumes::Held(1), Volumes::Held(0), 1));
        fake.detach("csi-1");
        assert_eq!(attachments.of("a", long).await, Volumes::Held(1));
        assert_eq!(attachments.of("a", Duration::ZERO).await, Volumes::Held(0));
        assert_eq!(fake.count(LIST), 2);
    }

    #[tokio::test]
    async fn a_refusal_is_remembered_and_a_failure_is_not() {
        let fake = FakeApi::start().await;
        let attachments = Attachments::new(fake.client());
        fake.fault(LIST, Fault::Status(500));
        assert_eq!(attachments.of("a", Duration::ZERO).await, Volumes::Unknown);
        fake.fault(LIST, Fault::Status(403));
        for _ in 0..3 {
            assert_eq!(attachments.of("a", Duration::ZERO).await, Volumes::Forbidden);
        }
        assert_eq!(fake.count(LIST), 2);
    }
}
