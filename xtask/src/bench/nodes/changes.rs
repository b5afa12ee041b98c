//! Guests that change their address.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::round::{Round, note};
use crate::bench::stats::percentile;

/// Between two changes: each is one of its own.
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(30);

/// Milliseconds from the order to change to the address in the Node's status, for each.
pub(super) async fn measure(round: &Round, count: usize) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    // A step that visits nodes everywhere in the list.
    let nodes = round.world.answers.len();
    let step = (nodes / count.max(1)).max(1);
    for number in 0..count {
        round.pass(PAUSE).await?;
        let address = address(number);
        let begin = Instant::now();
        let change = change(round, (number * step) % nodes, &address);
        let seen = round.wait("a changed address reaches its node", PATIENCE, change).await??;
        times.push(seen.saturating_duration_since(begin).as_secs_f64() * 1000.0);
    }
    if let (Some(p50), Some(p99)) = (percentile(&times, 50), percentile(&times, 99)) {
        note(&format!("{count} changes of addresses, p50 {p50:.0} ms, p99 {p99:.0} ms"));
    }
    Ok(times)
}

/// Changes the address of a machine; returns when its Node was seen with it.
pub(super) async fn change(round: &Round, at: usize, address: &str) -> Result<Instant> {
    let vm = round.world.vms.get(at).context("there is no such machine")?;
    round.world.set_address(vm, address).await?;
    let seen = round.watch.until(|seen| {
        let node = seen.node(&vm.host_name)?;
        node.addresses.iter().any(|found| found.address == address).then_some(node.addresses_since)
    });
    Ok(seen.await)
}

/// An address that no machine has yet.
pub(super) fn address(number: usize) -> String {
    format!("10.250.{}.{}", number / 200 % 200, number % 200 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ() {
        let addresses: std::collections::BTreeSet<String> = (0..1000).map(address).collect();
        assert_eq!(addresses.len(), 1000);
        assert!(addresses.iter().all(|address| address.parse::<std::net::Ipv4Addr>().is_ok()));
    }
}
