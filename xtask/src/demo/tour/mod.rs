//! `cargo xtask demo --tour`: what the manager does when things change, and how fast.

mod facts;
mod report;
mod stage;
mod steps;

use std::time::Duration;

use anyhow::Result;

use super::fleet::Fleet;
use super::{World, display};
use crate::terminal::Terminal;
use stage::Stage;

/// Long enough to be seen, and not to be waited for.
const CONFIRM_AFTER: Duration = Duration::from_secs(3);
/// How long each step may take beyond what it waits for on purpose.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many requests one after the other, at most, make a step.
const ROUND_TRIPS: u32 = 20;

/// How the manager runs for the tour.
pub(super) fn manager_args() -> [String; 1] {
    [format!("--deletion-confirm-after={}s", CONFIRM_AFTER.as_secs())]
}

/// How long each step may take, given vCenter's latency.
pub(super) fn patience(latency: Duration) -> Duration {
    PATIENCE + latency * ROUND_TRIPS
}

/// Walks through all steps; returns a node that is there in the end, and its VM.
pub(super) async fn run(
    world: &World<'_>,
    client: kube::Client,
    fleet: &Fleet,
    patience: Duration,
    terminal: &mut Terminal,
) -> Result<(String, String)> {
    terminal.line("");
    terminal.line("The tour: what is done in vCenter (or to a Node), and what Kubernetes shows.");
    terminal.line(&format!(
        "For the tour the manager runs with {}; its default is 60s.",
        manager_args().join(" ")
    ));
    let before = world.vcsim.requests().await?;
    let mut stage = Stage::new(world, client, patience, terminal);
    let walked = steps::walk(&mut stage, fleet).await;
    stage.clear();
    let outcomes = stage.into_outcomes();
    let example = walked?;
    let requests = world.vcsim.requests().await?.since(&before);
    terminal.line("");
    terminal.lines(&report::table(&outcomes, terminal.width().min(140)));
    terminal.line("");
    terminal.lines(&display::requests(&requests, "total of the tour"));
    Ok(example)
}
