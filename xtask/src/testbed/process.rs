//! Child processes that never outlive us, and whose end is never a riddle.

use std::fmt;
use std::future::ready;
use std::io::PipeReader;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::log::Log;
use super::wait::{Look, poll};

/// How many lines of a log a report shows.
const TAIL: usize = 40;
/// How long the end of a process and the end of its output may be apart.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The start of the line with which the simulator reports a panic of its own.
const SIMULATOR_CRASH: &str = "VCSIM-CRASH:";

/// How a process learns that we are gone, even by SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifeline {
    /// It ends with its standard input, which we hold.
    Stdin,
    /// It does not know; a watchdog of a few kilobytes kills it in our place.
    Watchdog,
}

/// A running child process.
///
/// It runs in a process group of its own (so that Ctrl-C reaches us first) and is killed
/// when this value is dropped; a panicking thread prints the end of its log before. Its
/// output is read by a thread, so it may be shared by tests whose runtimes come and go.
#[derive(Debug)]
pub struct Process {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    pid: Pid,
    log: Log,
    child: Mutex<Guarded>,
    /// Its end is our wish.
    stopping: AtomicBool,
}

#[derive(Debug)]
struct Guarded {
    child: Child,
    /// Held open: the process lives as long as this does.
    stdin: Option<ChildStdin>,
    watchdog: Option<Child>,
}

/// A process ended that should not have.
#[derive(Debug, Clone)]
pub struct Exited {
    /// Which one.
    pub process: String,
    /// How.
    pub status: ExitStatus,
    /// What the simulator says of its own panic: then nothing of ours is to blame.
    pub simulator_crash: Option<String>,
    /// The end of its log.
    pub tail: Vec<String>,
}

impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, status, simulator_crash, tail } = self;
        match simulator_crash {
            Some(crash) => write!(f, "the simulator crashed, not the product: {crash}")?,
            None => write!(f, "{process} ended unexpectedly ({status})")?,
        }
        write!(f, "; the end of its log:\n{}", indented(tail))
    }
}

impl std::error::Error for Exited {}

impl Process {
    /// Starts `command`; its output goes to `<dir>/<name>.log`.
    pub fn spawn(name: &str, mut command: Command, dir: &Path, lifeline: Lifeline) -> Result<Self> {
        let program = command.get_program().to_owned();
        let context = || format!("cannot start {name} ({})", Path::new(&program).display());
        let (output, output_end) = std::io::pipe().with_context(context)?;
        // A proxy of the developer's network has no business on loopback.
        for variable in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(variable).env_remove(variable.to_uppercase());
        }
        command.stdin(if lifeline == Lifeline::Stdin { Stdio::piped() } else { Stdio::null() });
        command.stdout(output_end.try_clone().with_context(context)?).stderr(output_end);
        command.process_group(0);
        let mut child = command.spawn().with_context(context)?;
        // The command holds the write end of the pipe.
        drop(command);
        let pid = Pid::from_child(&child);
        let stdin = child.stdin.take();
        let inner = Arc::new(Inner {
            name: name.to_owned(),
            pid,
            log: Log::new(dir.join(format!("{name}.log"))),
            child: Mutex::new(Guarded { child, stdin, watchdog: None }),
            stopping: AtomicBool::new(false),
        });
        // From here on a failure kills the child.
        let process = Self { inner };
        if lifeline == Lifeline::Watchdog {
            let watchdog = watch(pid)?;
            process.inner.with_child(|guarded| guarded.watchdog = Some(watchdog));
        }
        let inner = Arc::clone(&process.inner);
        std::thread::Builder::new()
            .name(format!("{name} log"))
            .spawn(move || inner.attend(output))
            .with_context(context)?;
        Ok(process)
    }

    /// Its name in reports.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.inner.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The file with everything it printed.
    pub fn log_path(&self) -> &Path {
        self.inner.log.path()
    }

    /// What it printed: the last 10,000 lines.
    pub fn logs(&self) -> String {
        self.inner.log.tail(usize::MAX).join("\n")
    }

    /// The last lines of what it printed.
    pub fn tail(&self, lines: usize) -> Vec<String> {
        self.inner.log.tail(lines)
    }

    /// How it ended, if it did.
    pub fn exit_status(&self) -> Result<Option<ExitStatus>> {
        self.inner.exit_status()
    }

    /// An error ([`Exited`]) if it ended by itself.
    pub fn check(&self) -> Result<()> {
        match self.exit_status()? {
            Some(status) if !self.inner.stopping.load(Ordering::SeqCst) => {
                Err(self.inner.exited(status).into())
            }
            _ => Ok(()),
        }
    }

    /// Waits for a line that `wanted` accepts; the log is searched from its beginning.
    pub async fn wait_for_line(
        &self,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let mut from = 0;
        let mut look = || {
            let ended = self.exit_status()?.is_some() && self.inner.log.ended();
            Ok(match self.inner.log.find(&mut from, &wanted) {
                Some(line) => Look::Done(line),
                None if ended => return Err(self.inner.exited_now()?),
                None => Look::NotYet(
                    self.tail(1).pop().map_or("no output at all".into(), |line| format!("last line: {line}")),
                ),
            })
        };
        poll(what, deadline, || ready(look())).await
    }

    /// Waits until a line of the log contains `text`, and returns the line.
    pub async fn wait_for_log(&self, text: &str, deadline: Duration) -> Result<String> {
        let what = format!("{} logs {text:?}", self.inner.name);
        self.wait_for_line(&what, deadline, |line| line.contains(text)).await
    }

    /// Waits until it ends by itself, as a process does that has lost its lease.
    pub async fn wait(&self, deadline: Duration) -> Result<ExitStatus> {
        self.inner.stopping.store(true, Ordering::SeqCst);
        let what = format!("{} ends", self.inner.name);
        let look = || {
            let status = self.exit_status()?;
            Ok(status.map_or_else(|| Look::NotYet("it runs".to_owned()), Look::Done))
        };
        let status = poll(&what, deadline, || ready(look())).await?;
        // Its last words; a child of its own may hold on to the pipe.
        let patience = Instant::now() + LAST_WORDS;
        while !self.inner.log.ended() && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(status)
    }

    /// Asks it to end (SIGTERM) and, when `grace` is over, makes it end (SIGKILL).
    ///
    /// A status without an exit code tells the latter.
    pub async fn stop(&self, grace: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        match self.wait(grace).await {
            Ok(status) => Ok(status),
            Err(_) => self.inner.kill(),
        }
    }

    /// Kills it (SIGKILL), and its children with it.
    pub fn kill(&self) -> Result<ExitStatus> {
        self.inner.kill()
    }

    /// Sends it a signal; its end is no surprise from now on.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.inner.stopping.store(true, Ordering::SeqCst);
        // Not yet waited for, so the process id is still its own.
        if self.exit_status()?.is_none() {
            kill_process(self.inner.pid, signal)
                .with_context(|| format!("cannot signal {}", self.inner.name))?;
        }
        Ok(())
    }

    /// The most memory that it had resident so far, in bytes.
    pub fn peak_rss(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// The memory that it has resident now, in bytes.
    pub fn rss(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, field: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        parse_memory(&status, field).with_context(|| format!("{path} has no {field}"))
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "a test's only way to show the logs of what failed it")]
    fn drop(&mut self) {
        let crashed = self.check();
        let _ = self.inner.kill();
        if std::thread::panicking() {
            let tail = indented(&self.tail(TAIL));
            match crashed {
                Err(error) => eprintln!("\n{error}"),
                Ok(()) => eprintln!("\n--- the end of {}'s log ---\n{tail}", self.inner.name),
            }
        }
    }
}

impl Inner {
    fn with_child<T>(&self, use_it: impl FnOnce(&mut Guarded) -> T) -> T {
        use_it(&mut self.child.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn exit_status(&self) -> Result<Option<ExitStatus>> {
        self.with_child(|guarded| {
            let status =
                guarded.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))?;
            if status.is_some() {
                guarded.release_watchdog();
            }
            Ok(status)
        })
    }

    fn kill(&self) -> Result<ExitStatus> {
        self.stopping.store(true, Ordering::SeqCst);
        self.with_child(|guarded| {
            guarded.release_watchdog();
            guarded.stdin = None;
            let context = || format!("cannot kill {}", self.name);
            if guarded.child.try_wait().with_context(context)?.is_none() {
                // Not yet waited for, so the group is still its own.
                let _ = kill_process_group(self.pid, Signal::KILL);
            }
            guarded.child.wait().with_context(context)
        })
    }

    /// Reads the output to its end, and tells at once of an end that nobody wished.
    #[expect(clippy::print_stderr, reason = "whoever waits for something else should see this")]
    fn attend(&self, output: PipeReader) {
        if let Err(error) = self.log.follow(output) {
            eprintln!("the log of {} is lost: {error:#}", self.name);
        }
        let patience = Instant::now() + LAST_WORDS;
        while !self.stopping.load(Ordering::SeqCst) && Instant::now() < patience {
            if let Ok(Some(status)) = self.exit_status() {
                // The log's end is in the error that whoever uses the process gets.
                eprintln!("{} ended unexpectedly ({status})", self.name);
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn exited(&self, status: ExitStatus) -> Exited {
        let simulator_crash = self.log.find(&mut 0, |line| line.starts_with(SIMULATOR_CRASH));
        Exited { process: self.name.clone(), status, simulator_crash, tail: self.log.tail(TAIL) }
    }

    fn exited_now(&self) -> Result<anyhow::Error> {
        let status = self.exit_status()?.with_context(|| format!("{} runs", self.name))?;
        Ok(self.exited(status).into())
    }
}

impl Guarded {
    /// Before the process id can become another's.
    fn release_watchdog(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            let _ = watchdog.kill();
            let _ = watchdog.wait();
        }
    }
}

/// Kills the group of `pid` once we are gone.
fn watch(pid: Pid) -> Result<Child> {
    Command::new("sh")
        .args(["-c", "cat >/dev/null; kill -s KILL -- \"-$0\"", &pid.as_raw_nonzero().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start the watchdog (sh)")
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

fn parse_memory(status: &str, field: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = value.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
