//! The lease in another's hands.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

/// Where both managers have their lease, by default.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "cloud-controller-manager";
/// The other's name.
const THIEF: &str = "bench-outage";
/// As the managers renew theirs.
const RENEW: Duration = Duration::from_secs(2);
const LEASE_SECONDS: u32 = 15;

/// Holds it for this time, renews it, and gives it back as a leader does that ends.
pub(super) async fn hold(client: Client, time: Duration) -> Result<()> {
    let leases = Api::<Lease>::namespaced(client, NAMESPACE);
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let spec = if left.is_zero() { free() } else { held() };
        let patch = Patch::Merge(json!({"spec": spec}));
        leases.patch(NAME, &PatchParams::default(), &patch).await.context("cannot take the lease")?;
        if left.is_zero() {
            return Ok(());
        }
        tokio::time::sleep(left.min(RENEW)).await;
    }
}

fn held() -> Value {
    let now = now();
    json!({
        "holderIdentity": THIEF, "leaseDurationSeconds": LEASE_SECONDS, "acquireTime": now, "renewTime": now,
    })
}

fn free() -> Value {
    json!({"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": now()})
}

/// A `v1.MicroTime`.
fn now() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}
