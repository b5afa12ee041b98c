//! A wall clock that jumps, for one process.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::build::workspace;
use super::run::RunDir;

/// The wall clock of the processes that are started with [`env`](Self::env): that of this machine and
/// some hours. Their other clocks, which only go forward, are everybody's.
#[derive(Debug)]
pub struct WallClock {
    library: PathBuf,
    hands: PathBuf,
    run: RunDir,
}

impl WallClock {
    /// One that is ahead by so many hours; it takes a C compiler.
    pub fn ahead(hours: i64) -> Result<Self> {
        let run = RunDir::new()?;
        let (library, hands) = (run.path().join("clock.so"), run.path().join("clock"));
        let source = workspace().join("tests/testbed/clock/clock.c");
        let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        compiler.args(["-shared", "-fPIC", "-Wall", "-o"]).arg(&library).arg(&source);
        let output = compiler.output().with_context(|| format!("cannot run {compiler:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot compile {}: {said}", source.display());
        let this = Self { library, hands, run };
        this.set_ahead(hours)?;
        Ok(this)
    }

    /// It jumps, forward or back: from now on it is ahead by so many hours.
    pub fn set_ahead(&self, hours: i64) -> Result<()> {
        let fresh = self.run.write("clock.new", format!("{}\n", hours * 3600))?;
        // At once, so that nobody reads half a number.
        std::fs::rename(fresh, &self.hands).context("cannot set the clock")
    }

    /// With this environment a process has this clock.
    pub fn env(&self) -> [(String, String); 2] {
        let text = |path: &PathBuf| path.display().to_string();
        [("LD_PRELOAD".into(), text(&self.library)), ("TESTBED_CLOCK".into(), text(&self.hands))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_another_time_and_it_jumps() {
        let clock = WallClock::ahead(30).unwrap();
        let ahead = || {
            let output = Command::new("date").arg("+%s").envs(clock.env()).output().unwrap();
            let shown: i64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
            (shown - jiff::Timestamp::now().as_second() + 30) / 3600
        };
        assert_eq!(ahead(), 30);
        clock.set_ahead(-30).unwrap();
        assert_eq!(ahead(), -29, "rounded towards zero");
    }
}
