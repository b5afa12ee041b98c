//! Which Nodes hold volumes.

use std::collections::HashMap;

use k8s_openapi::api::storage::v1::VolumeAttachment as CoreVolumeAttachment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::{Deserialize, Serialize};

/// Objects per page: some 200 kB of JSON, of which next to nothing is kept.
const PAGE_SIZE: u32 = 100;

/// `storage.k8s.io/v1.VolumeAttachment`, as far as it matters here.
#[derive(kube::Resource, Clone, Debug, Default, Serialize, Deserialize)]
#[resource(inherit = "CoreVolumeAttachment")]
struct VolumeAttachment {
    #[serde(skip)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    node_name: String,
}

/// How many VolumeAttachments there are of each Node that has any, also of those being released.
///
/// It lists all of them: there is no selector by Node. Too dear for a habit; to be asked when a Node is dead.
pub async fn attachments_by_node(client: &Client) -> Result<HashMap<String, usize>, kube::Error> {
    let api = Api::<VolumeAttachment>::all(client.clone());
    let mut found = HashMap::new();
    let mut page = ListParams::default().limit(PAGE_SIZE);
    loop {
        let list = api.list(&page).await?;
        for attachment in list.items {
            *found.entry(attachment.spec.node_name).or_default() += 1;
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::testing::FakeApi;

    #[tokio::test]
    async fn they_are_counted_over_all_pages() {
        let fake = FakeApi::start().await;
        for number in 0..250 {
            fake.attach(&format!("csi-{number}"), if number % 5 == 0 { "a" } else { "b" });
        }
        let found = attachments_by_node(&fake.client()).await.unwrap();
        assert_eq!(found, HashMap::from([("a".to_owned(), 50), ("b".to_owned(), 200)]));
        assert_eq!(fake.count("volumeattachments"), 3);
    }
}
