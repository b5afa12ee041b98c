//! Nodes that join an idle cluster, one after the other.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::round::{Round, note};
use super::stats::median;

/// A machine is there long before its node; so much is enough for everything to be at rest again.
const BOOT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(2);

/// Milliseconds from the registration's request to the node that is ready, for each.
pub(super) async fn measure(round: &Round, count: usize) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for number in 0..count {
        let spec = round.world.make_joiner(number).await?;
        round.pass(BOOT).await?;
        let begin = Instant::now();
        round.world.register(&spec).await?;
        let joined = round.watch.until(|seen| seen.node(&spec.name)?.ready);
        let ready = round.wait("a node that joins is ready", PATIENCE, joined).await?;
        times.push(ready.saturating_duration_since(begin).as_secs_f64() * 1000.0);
    }
    if let Some(median) = median(&times) {
        note(&format!("{count} nodes joined, each in {median:.0} ms (median)"));
    }
    Ok(times)
}
