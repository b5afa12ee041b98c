//! Servers that tests share, and words for what tests do with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A failed test is what they are for.

mod audit;
mod cluster;
mod config;
mod proxy;
mod see;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use xtask::testbed::{Progress, RunDir};

pub(crate) use audit::Request;
pub(crate) use cluster::Cluster;
pub(crate) use config::{Config, Vcenter};
pub(crate) use proxy::Proxy;
pub(crate) use see::{addresses, is_tainted, label, names, provider_id, specs};

/// For what happens at once, on a machine that is busy with other things.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// For what takes a few tries.
pub(crate) const LATER: Duration = Duration::from_secs(30);
/// How long something must not happen for a test to believe that it never does.
pub(crate) const QUIET: Duration = Duration::from_millis(2500);

/// The product; the same throughout a run, also if somebody builds it anew meanwhile.
pub(crate) fn product() -> &'static Path {
    static PRODUCT: OnceLock<(PathBuf, RunDir)> = OnceLock::new();
    let (path, _) = PRODUCT.get_or_init(|| {
        let run = RunDir::new().unwrap();
        let path = run.path().join("vsphere-cloud");
        let built = env!("CARGO_BIN_EXE_vsphere-cloud");
        fs::hard_link(built, &path).or_else(|_| fs::copy(built, &path).map(drop)).unwrap();
        (path, run)
    });
    path
}

/// News from the build of a part of the testbed that only some tests need.
#[expect(clippy::print_stderr, reason = "minutes of silence in a test would be worse")]
pub(crate) fn tell(progress: Progress<'_>) {
    if let Progress::Line(line) = progress {
        eprintln!("testbed: {line}");
    }
}
