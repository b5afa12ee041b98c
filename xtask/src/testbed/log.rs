//! The output of a process: a file for afterwards, the latest lines for now.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// How many lines are kept in memory.
const KEPT: usize = 10_000;

/// What a process printed.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    /// How many were dropped before the first kept one.
    dropped: usize,
    ended: bool,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, lines: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Copies `output` to the file and the memory until it ends.
    pub(super) fn follow(&self, output: impl Read) -> Result<()> {
        let result = self.copy(output);
        self.with(|lines| lines.ended = true);
        result
    }

    fn copy(&self, output: impl Read) -> Result<()> {
        let context = || format!("cannot write {}", self.path.display());
        let mut file = File::create(&self.path).with_context(context)?;
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).with_context(context)? > 0 {
            // A full disk must not block the process on its pipe: memory still has the line.
            let _ = file.write_all(&line);
            self.push(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
        Ok(())
    }

    fn push(&self, line: String) {
        self.with(|lines| {
            if lines.kept.len() == KEPT {
                lines.kept.pop_front();
                lines.dropped += 1;
            }
            lines.kept.push_back(line);
        });
    }

    /// Whether all output was read.
    pub(super) fn ended(&self) -> bool {
        self.with(|lines| lines.ended)
    }

    /// The last `count` lines.
    pub(super) fn tail(&self, count: usize) -> Vec<String> {
        self.with(|lines| lines.kept.iter().skip(lines.kept.len().saturating_sub(count)).cloned().collect())
    }

    /// The first kept line from number `*from` on that `wanted` accepts; moves `*from` behind
    /// what was looked at.
    pub(super) fn find(&self, from: &mut usize, wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.with(|lines| {
            let skip = from.saturating_sub(lines.dropped);
            *from = lines.dropped + lines.kept.len();
            lines.kept.iter().skip(skip).find(|line| wanted(line)).cloned()
        })
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Lines) -> T) -> T {
        use_it(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::RunDir;

    #[test]
    fn the_file_has_everything_and_memory_the_latest() {
        let run = RunDir::new().unwrap();
        let log = Log::new(run.path().join("x.log"));
        let lines: Vec<String> = (0..KEPT + 5).map(|n| format!("line {n}\n")).collect();
        let text = lines.concat();
        log.follow(text.as_bytes()).unwrap();
        assert!(log.ended());
        assert_eq!(log.tail(2), [format!("line {}", KEPT + 3), format!("line {}", KEPT + 4)]);
        assert_eq!(log.tail(usize::MAX).len(), KEPT);
        assert_eq!(std::fs::read_to_string(log.path()).unwrap(), text);
    }

    #[test]
    fn finding_goes_on_where_it_stopped() {
        let log = Log::new(PathBuf::new());
        let mut from = 0;
        log.push("one".to_owned());
        assert_eq!(log.find(&mut from, |line| line == "one").as_deref(), Some("one"));
        assert_eq!(log.find(&mut from, |line| line == "one"), None);
        log.push("two".to_owned());
        assert_eq!(log.find(&mut from, |line| line.starts_with('t')).as_deref(), Some("two"));
    }
}
