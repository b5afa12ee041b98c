//! Where results go, and what every bench says of itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::say;
use crate::testbed::workspace;

/// The file with everything that was measured.
pub(super) const RESULTS: &str = "results.json";

/// The directory for the results: the one that was given, or one of this name.
pub(super) fn output(given: Option<&Path>, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    let target = workspace().join(target.map_or_else(|| PathBuf::from("target"), PathBuf::from));
    given.map_or_else(|| target.join("bench").join(name), Path::to_owned)
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let context = || format!("cannot read {}", path.display());
    let text = std::fs::read(path).with_context(context)?;
    serde_json::from_slice(&text).with_context(context)
}

pub(super) fn write(results: &impl Serialize, path: &Path) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let text = serde_json::to_string_pretty(results).with_context(context)?;
    std::fs::write(path, text + "\n").with_context(context)
}

/// Files, and the table on standard output.
#[expect(clippy::print_stdout, reason = "this is the result")]
pub(super) fn files(table: &str, chart: &str, output: &Path) -> Result<()> {
    for (name, content) in [("table.md", table), ("chart.svg", chart)] {
        let path = output.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{table}");
    say(&format!("{RESULTS}, table.md and chart.svg are in {}", output.display()));
    Ok(())
}

/// Does the work, unless Ctrl-C or SIGTERM comes first.
pub(super) async fn unless_interrupted<T>(output: &Path, work: impl Future<Output = Result<T>>) -> Result<T> {
    use tokio::signal::unix::{SignalKind, signal};
    std::fs::create_dir_all(output).with_context(|| format!("cannot create {}", output.display()))?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    tokio::select! {
        done = work => return done,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    bail!("interrupted; nothing is left running, and what was measured is in {}", output.display())
}

/// The machine's cores.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// The day, in UTC.
pub(super) fn today() -> String {
    jiff::Timestamp::now().to_string().chars().take(10).collect()
}
