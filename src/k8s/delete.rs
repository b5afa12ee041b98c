//! Deleting exactly the object that was looked at.

use kube::Api;
use kube::api::{DeleteParams, Preconditions};

use super::Node;

/// Deletes this Node as it is here, or nothing: not another one of its name, and not this one if
/// anything about it has changed since. Then the error is a 409.
pub async fn delete_unchanged(api: &Api<Node>, node: &Node) -> Result<(), kube::Error> {
    let preconditions = Preconditions {
        // Empty is no wildcard: a Node that has none of the two cannot be meant.
        uid: Some(node.uid().to_owned()),
        resource_version: Some(node.metadata.resource_version.clone().unwrap_or_default()),
    };
    let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    api.delete(node.name(), &parameters).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::testing::FakeApi;
    use serde_json::json;

    #[tokio::test]
    async fn only_the_very_object_is_deleted() {
        let fake = FakeApi::start().await;
        fake.put_node(json!({"metadata": {"name": "n", "uid": "u-1"}}));
        let api = Api::<Node>::all(fake.client());
        let node = api.get("n").await.unwrap();
        let refused = async |change: fn(&mut Node)| {
            let mut other = node.clone();
            change(&mut other);
            match delete_unchanged(&api, &other).await {
                Err(kube::Error::Api(status)) => status.is_conflict(),
                _ => false,
            }
        };
        assert!(refused(|node| node.metadata.uid = Some("u-2".into())).await);
        assert!(refused(|node| node.metadata.resource_version = Some("0".into())).await);
        assert!(refused(|node| node.metadata.resource_version = None).await);
        delete_unchanged(&api, &node).await.unwrap();
        assert!(api.get_opt("n").await.unwrap().is_none());
    }
}
