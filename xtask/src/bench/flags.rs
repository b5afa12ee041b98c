//! Flags that all benches have.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::contestant::Programs;
use super::{binaries, publish};

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// Where results.json, table.md and chart.svg go [default: a directory in target/bench]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Measures this manager instead of building ours
    #[arg(long, value_name = "PATH")]
    manager_binary: Option<PathBuf>,
    /// One more argument for our manager; may be repeated
    #[arg(long, hide = true, allow_hyphen_values = true)]
    manager_arg: Vec<String>,
    /// Measures nothing: makes table and chart anew from results.json
    #[arg(long)]
    pub(super) render: bool,
    /// Everything is built, and this is the release build
    #[arg(long, hide = true)]
    measuring: bool,
}

impl Flags {
    /// The directory for the results; unless it was given, one of this name.
    pub(super) fn output(&self, name: &str) -> PathBuf {
        publish::output(self.output.as_deref(), name)
    }

    /// The programs to measure. Builds them first and starts over, if that was not done.
    pub(super) fn programs(&self, with_upstream: bool) -> Result<Programs> {
        let ours = self.manager_binary.as_deref();
        if !self.measuring {
            return Err(binaries::go_on_as_release(ours, with_upstream));
        }
        Programs::find(ours.map(Path::to_owned), &self.manager_arg, with_upstream)
    }
}
