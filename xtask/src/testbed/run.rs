//! Directories of one run: configuration, keys, logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, test_kill_process};

use super::build::target;

/// Says that a directory outlives its process.
const KEPT: &str = ".kept";
/// For how long it does.
const KEPT_FOR: Duration = Duration::from_hours(48);

/// The directories in use; a panic marks them all as worth keeping.
static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A directory `testbed/run/<pid>-<n>` in Cargo's target directory.
///
/// It is removed with this value, unless the thread is panicking or the environment has
/// `KEEP`. What earlier processes left behind is swept by the next one; what they kept
/// stays for two days.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes a new, empty directory.
    pub fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static ONCE: Once = Once::new();
        let parent = target().join("run");
        ONCE.call_once(|| {
            sweep(&parent);
            mark_on_panic();
        });
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{}-{number}", std::process::id()));
        // A process with our id may have been here before.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        live(|live| live.push(path.clone()));
        Ok(Self { path })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for RunDir {
    #[expect(clippy::print_stderr, reason = "a test's only way to say where the logs are")]
    fn drop(&mut self) {
        live(|live| live.retain(|path| *path != self.path));
        if std::thread::panicking() || std::env::var_os("KEEP").is_some() {
            mark(&self.path);
            eprintln!("kept for you: {}", self.path.display());
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn live<T>(use_it: impl FnOnce(&mut Vec<PathBuf>) -> T) -> T {
    use_it(&mut LIVE.lock().unwrap_or_else(PoisonError::into_inner))
}

fn mark(path: &Path) {
    let _ = fs::write(path.join(KEPT), "");
}

/// Directories in statics are never dropped; after a panic they are kept all the same.
fn mark_on_panic() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // Not `live`: a panic while the list is locked must not wait for itself.
        if let Ok(live) = LIVE.try_lock() {
            live.iter().for_each(|path| mark(path));
        }
        previous(info);
    }));
}

/// Removes the directories of processes that are gone.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split_once('-')?.0.parse().ok()).and_then(Pid::from_raw);
        let gone = pid.is_some_and(|pid| test_kill_process(pid).is_err());
        if gone && !is_kept(&path) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn is_kept(path: &Path) -> bool {
    let kept = fs::metadata(path.join(KEPT)).and_then(|mark| mark.modified());
    kept.is_ok_and(|since| since.elapsed().is_ok_and(|age| age < KEPT_FOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_on_success_and_kept_on_failure() {
        let run = RunDir::new().unwrap();
        let path = run.path().to_owned();
        run.write("x", "y").unwrap();
        drop(run);
        assert!(!path.exists());

        let run = RunDir::new().unwrap();
        let path = run.path().to_owned();
        let failed = std::thread::spawn(move || {
            let _run = run;
            panic!("as wished by the test");
        });
        assert!(failed.join().is_err());
        assert!(is_kept(&path));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn the_sweep_spares_the_living_and_the_kept() {
        let run = RunDir::new().unwrap();
        let parent = run.path();
        // No process has this id: it is above every limit that Linux knows.
        let dead = parent.join("2000000000-0");
        let kept = parent.join("2000000000-1");
        let alive = parent.join(format!("{}-0", std::process::id()));
        for dir in [&dead, &kept, &alive] {
            fs::create_dir(dir).unwrap();
        }
        mark(&kept);
        sweep(parent);
        assert!(!dead.exists() && kept.exists() && alive.exists());
    }
}
