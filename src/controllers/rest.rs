//! How a controller comes to rest.

use std::time::Duration;

use futures::FutureExt;
use kube::runtime::reflector::Store;

use super::calls::Stop;
use crate::k8s::Node;

/// How long writes that are on their way may take to finish after the order to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a controller to its end, or for as long after the order to stop as its writes may take.
pub(super) async fn run_to_rest(
    name: &str,
    controller: impl Future<Output = ()>,
    store: Store<Node>,
    stop: Stop,
) {
    let patience = async {
        stop.await;
        // Before the Nodes are listed nothing has begun, but a controller waits for them even so.
        if store.wait_until_ready().now_or_never().is_some() {
            tokio::time::sleep(GRACE).await;
            tracing::warn!("the {name} has not come to rest in time and is stopped");
        }
    };
    tokio::select! {
        () = controller => {}
        () = patience => {}
    }
}
