//! How a controller comes to rest.

use std::time::Duration;

use futures::FutureExt;
use kube::runtime::reflector::Store;

use super::calls::Stop;
use crate::k8s::Node;

/// How long writes that are on their way may take to finish after the order to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a controller to its end, or to a while after the order to stop.
pub(super) async fn until_at_rest(
    outcomes: impl Future<Output = ()>,
    stop: Stop,
    listed: Store<Node>,
    controller: &'static str,
) {
    let patience = async {
        stop.await;
        // Before the Nodes are listed nothing has begun, but the controller waits for them even so.
        if listed.wait_until_ready().now_or_never().is_some() {
            tokio::time::sleep(GRACE).await;
            tracing::warn!(controller, "has not come to rest in time and is stopped");
        }
    };
    tokio::select! {
        biased;
        () = outcomes => {}
        () = patience => {}
    }
}
