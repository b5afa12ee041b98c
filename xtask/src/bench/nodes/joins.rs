//! Nodes that join an idle cluster, one after the other.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::round::{Round, note};
use crate::bench::stats::median;
use crate::bench::world::World;

/// A machine is there long before its node. The simulator is not at rest at once: it holds all
/// answers for a while when a machine was made. So much time with quick answers is enough.
const BOOT: Duration = Duration::from_secs(2);
const QUICK: Duration = Duration::from_millis(50);
/// A simulator that stays slow is measured as it is.
const RESTLESS: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_mins(2);

/// Milliseconds from the registration's request to the node that is ready, for each.
pub(super) async fn measure(round: &Round, count: usize) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for number in 0..count {
        let spec = World::node_of(&round.world.make_joiner(number).await?);
        boot(round).await?;
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

/// Lets a machine start, and the simulator come to rest.
async fn boot(round: &Round) -> Result<()> {
    let Some(vm) = round.world.vms.first() else { return Ok(()) };
    let end = Instant::now() + RESTLESS;
    let mut quick_since = Instant::now();
    while quick_since.elapsed() < BOOT && Instant::now() < end {
        let asked = Instant::now();
        round.world.vcsim.vm(&vm.moref).await?;
        if asked.elapsed() > QUICK {
            quick_since = Instant::now();
        }
        round.pass(LOOK).await?;
    }
    Ok(())
}
