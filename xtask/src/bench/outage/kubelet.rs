//! Who keeps a manager running: what a kubelet does with a container that ended.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::results::End;
use crate::bench::say;
use crate::testbed::{Manager, ManagerOptions, Vcsim};

const LOOK: Duration = Duration::from_millis(100);
/// Before a manager that ended is started again; a real kubelet takes longer from the second time on.
const DELAY: Duration = Duration::from_secs(1);
/// For it to end in peace: what a pod has by default.
const GRACE: Duration = Duration::from_secs(30);
/// How much of a log is shown when it ended by itself.
const TAIL: usize = 3;

/// A manager that is started again when it ends.
pub(super) struct Kubelet {
    title: &'static str,
    options: ManagerOptions,
    manager: Manager,
    /// When it ended, if it is to be started again.
    ended: Option<Instant>,
    restarts: usize,
    /// Sessions that processes left in vCenter which ended by themselves.
    left_behind: usize,
    vcsim: Arc<Vcsim>,
    /// Where logs go, and how many went there.
    logs: PathBuf,
    kept: usize,
}

impl Kubelet {
    /// Starts it; logs are kept as `<logs>-<n>.log`.
    pub(super) fn start(
        title: &'static str,
        options: ManagerOptions,
        vcsim: Arc<Vcsim>,
        logs: PathBuf,
    ) -> Result<Self> {
        let manager = Manager::start(&options)?;
        Ok(Self { title, options, manager, ended: None, restarts: 0, left_behind: 0, vcsim, logs, kept: 0 })
    }

    /// How often it ended without having been asked to.
    pub(super) fn restarts(&self) -> usize {
        self.restarts
    }

    /// Keeps it running; may be dropped and called again at any time.
    pub(super) async fn tend(&mut self) -> Result<Infallible> {
        loop {
            match self.ended {
                None if self.manager.exit_status()?.is_some() => {
                    self.ended = Some(Instant::now());
                    self.restarts += 1;
                    let tail = self.manager.tail(TAIL).join("\n  ");
                    say(&format!("{}: ended by itself:\n  {tail}", self.title));
                    self.left_behind += self.end_sessions().await?;
                }
                Some(ended) if ended.elapsed() >= DELAY => {
                    self.keep_log()?;
                    self.manager = Manager::start(&self.options)?;
                    self.ended = None;
                }
                _ => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills it, and starts another one: somebody has looked and lost patience.
    pub(super) async fn replace(&mut self) -> Result<()> {
        self.manager.kill()?;
        // Nobody can blame it for these.
        self.end_sessions().await?;
        self.keep_log()?;
        self.manager = Manager::start(&self.options)?;
        self.ended = None;
        Ok(())
    }

    /// Asks it to end, and says what that left.
    pub(super) async fn stop(&mut self) -> Result<End> {
        let sessions_before = self.vcsim.sessions().await?.len();
        let begin = Instant::now();
        self.manager.stop(GRACE).await?;
        let seconds = begin.elapsed().as_secs_f64();
        self.keep_log()?;
        let sessions_left = self.vcsim.sessions().await?.len();
        Ok(End { seconds, sessions_before, sessions_left, left_behind: self.left_behind })
    }

    /// Ends the sessions of a process that is no more, so that they are not taken for another's; returns
    /// how many there were.
    async fn end_sessions(&self) -> Result<usize> {
        let count = self.vcsim.sessions().await?.len();
        self.vcsim.terminate_sessions().await?;
        Ok(count)
    }

    /// The log's file goes with the process's directory.
    pub(super) fn keep_log(&mut self) -> Result<()> {
        self.kept += 1;
        let mut name = self.logs.clone().into_os_string();
        name.push(format!("-{}.log", self.kept));
        let from = self.manager.log_path();
        std::fs::copy(from, &name).map(drop).with_context(|| format!("cannot copy {}", from.display()))
    }
}
