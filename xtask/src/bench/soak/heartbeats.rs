//! What kubelets send all the time: the same status with new times.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::churn::Churn;

/// What each kubelet reports.
const CONDITIONS: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];

/// Sends so many a second, one kubelet after the other, and returns how many there were.
pub(super) async fn send(churn: &Churn<'_>, per_second: u32) -> Result<u64> {
    let mut ticks = interval(Duration::from_secs(1) / per_second.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = 0;
    while !churn.is_over() {
        ticks.tick().await;
        let Some(name) = churn.fleet(super::fleet::Fleet::next_heart) else { continue };
        // A node may have been deleted in between.
        if churn.world.patch_status(&name, status()).await.is_ok() {
            sent += 1;
        }
    }
    Ok(sent)
}

fn status() -> Value {
    let second = jiff::Timestamp::now().as_second();
    let now = jiff::Timestamp::from_second(second).unwrap_or_default().to_string();
    json!({"conditions": CONDITIONS.map(|kind| json!({"type": kind, "lastHeartbeatTime": now}))})
}
