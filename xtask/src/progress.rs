//! The testbed's build, shown.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::mpsc::unbounded_channel;

use crate::terminal::Terminal;
use crate::testbed::{self, Binaries, Progress};

const FRAMES: [char; 4] = ['|', '/', '-', '\\'];

enum News {
    Line(String),
    Package { program: String, done: usize, name: String },
}

/// Builds the testbed in a thread, and says what it is doing; with `all`, also what few tests need.
pub(crate) async fn build(terminal: &mut Terminal, all: bool) -> Result<Binaries> {
    let (sender, mut news) = unbounded_channel();
    let building = tokio::task::spawn_blocking(move || {
        let build = if all { testbed::build_all } else { testbed::build };
        build(&|progress| {
            // Nobody listens any more: nobody needs the news.
            let _ = sender.send(match progress {
                Progress::Line(line) => News::Line(line),
                Progress::Package { program, done, name } => {
                    News::Package { program: program.to_owned(), done, name: name.to_owned() }
                }
            });
        })
    });
    let mut started = Instant::now();
    let mut latest = None;
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    let mut frame = 0;
    loop {
        tokio::select! {
            item = news.recv() => match item {
                Some(News::Line(line)) => {
                    started = Instant::now();
                    latest = None;
                    terminal.draw(Vec::new());
                    terminal.line(&line);
                }
                Some(package @ News::Package { .. }) => latest = Some(package),
                // The thread ended.
                None => break,
            },
            _ = tick.tick() => {
                frame += 1;
                if let Some(News::Package { program, done, name }) = &latest {
                    let seconds = started.elapsed().as_secs();
                    let spinner = FRAMES[frame % FRAMES.len()];
                    terminal.draw(vec![format!("  {spinner} {program}: {seconds} s, {done} packages compiled, {name}")]);
                }
            }
        }
    }
    terminal.draw(Vec::new());
    building.await.context("the testbed's build panicked")?
}
