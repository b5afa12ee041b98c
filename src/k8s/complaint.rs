//! A watch that fails again and again: told once, not every second.

use std::time::Duration;

use kube::runtime::watcher::{self, Event};
use tokio::time::Instant;

use super::explain;

/// What has been told is told again after this long, if it is still so: a log is not read from its
/// beginning.
const TELL_AGAIN: Duration = Duration::from_mins(5);

/// What was told last of one watch.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    told: Option<(String, Instant)>,
}

impl Complaint {
    /// What to tell of what comes from the watch: why it failed, if that is news.
    pub(super) fn about<T>(&mut self, event: &watcher::Result<Event<T>>) -> Option<String> {
        let error = match event {
            // It says that a list is begun, before there is any answer.
            Ok(Event::Init) => return None,
            // It works (again): the next failure is news.
            Ok(_) => {
                self.told = None;
                return None;
            }
            Err(error) => error,
        };
        let why = why(error);
        let known = self.told.as_ref().is_some_and(|(told, at)| *told == why && at.elapsed() < TELL_AGAIN);
        if known {
            return None;
        }
        self.told = Some((why.clone(), Instant::now()));
        Some(why)
    }
}

fn why(error: &watcher::Error) -> String {
    use watcher::Error::{InitialListFailed, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => explain(error),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(cause: &'static str) -> watcher::Result<Event<()>> {
        let error = kube::Error::Service(Box::new(std::io::Error::other(cause)));
        Err(watcher::Error::InitialListFailed(error))
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_is_told_once_and_again_much_later_or_after_it_was_over() {
        let mut complaint = Complaint::default();
        let mut about = |event| complaint.about(&event);
        assert_eq!(about(failed("refused")).as_deref(), Some("refused"));
        assert_eq!(about(Ok(Event::Init)), None);
        assert_eq!(about(failed("refused")), None);
        assert_eq!(about(failed("reset")).as_deref(), Some("reset"), "another one is news");
        tokio::time::advance(TELL_AGAIN / 2).await;
        assert_eq!(about(failed("reset")), None);
        tokio::time::advance(TELL_AGAIN).await;
        assert_eq!(about(failed("reset")).as_deref(), Some("reset"));
        assert_eq!(about(Ok(Event::InitDone)), None);
        assert_eq!(about(failed("reset")).as_deref(), Some("reset"));
    }
}
