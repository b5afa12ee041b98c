//! Both controllers together.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use serde_json::json;

use super::*;
use crate::cloud::{Existence, Instance, InstanceError, NodeIdentity, Power};
use crate::k8s::testing::FakeApi;

/// Every machine is switched off, and nothing else is known of it.
struct LightsOut;

impl Instances for LightsOut {
    fn instance(&self, _: &NodeIdentity) -> Option<Result<Instance, InstanceError>> {
        Some(Err(InstanceError::NotFound("1 vCenter answered".to_owned())))
    }

    async fn existence(&self, _: &NodeIdentity) -> Existence {
        Existence::Exists(Power::Off(Duration::ZERO))
    }

    fn changes(&self) -> BoxStream<'static, String> {
        stream::pending().boxed()
    }

    fn forget(&self, _: &str) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_share_one_watch() {
    let api = FakeApi::start().await;
    api.put_node(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "uid": "u-1"}, "spec": {}, "status": {},
    }));
    let done = {
        let api = api.clone();
        async move {
            while api.count("PATCH /api/v1/nodes/node-1") == 0 || api.events().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let both = run(api.client(), Arc::new(LightsOut), Options::default(), done);
    tokio::time::timeout(Duration::from_secs(10), both)
        .await
        .expect("both have acted, and both have stopped");
    assert_eq!(api.events().into_values().next().unwrap()["reason"], "InstanceNotFound");
    assert_eq!(api.count("GET /api/v1/nodes"), 1, "one list; the watch is not logged");
}

#[tokio::test]
async fn one_that_is_switched_off_does_nothing() {
    let api = FakeApi::start().await;
    api.put_node(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "uid": "u-1"}, "spec": {}, "status": {},
    }));
    let tainted = {
        let api = api.clone();
        async move {
            while api.count("PATCH /api/v1/nodes/node-1") == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let options = Options { node: None, ..Options::default() };
    let lifecycle = run(api.client(), Arc::new(LightsOut), options, tainted);
    tokio::time::timeout(Duration::from_secs(10), lifecycle)
        .await
        .expect("the lifecycle controller has acted");
    assert!(api.events().is_empty(), "the node controller would have told that it finds no machine");

    let none = Options { node: None, lifecycle: None };
    assert!(none.is_idle());
    let before = api.count("");
    run(api.client(), Arc::new(LightsOut), none, tokio::time::sleep(Duration::from_millis(20))).await;
    assert_eq!(api.count(""), before);
}
