//! Waiting for what happens elsewhere, without fixed sleeps.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// What one look found.
pub(super) enum Look<T> {
    /// It is there.
    Done(T),
    /// Not yet; this is how things stand.
    NotYet(String),
}

/// Polls until `probe` succeeds, and returns what it found.
///
/// What the probe's error says is how things stand; the last one is in the error of a
/// time-out, so say what was seen:
///
/// ```
/// # use std::time::Duration;
/// # use xtask::testbed::eventually;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut ready = 0;
/// let seen = eventually("all nodes are ready", Duration::from_secs(5), async || {
///     ready += 1;
///     if ready == 3 { Ok(ready) } else { Err(format!("{ready} of 3 are ready")) }
/// });
/// assert_eq!(seen.await.unwrap(), 3);
/// # });
/// ```
pub async fn eventually<T, E: Display>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T> {
    let mut wait = Wait::new(what, deadline);
    loop {
        let look = tokio::time::timeout(wait.left(), probe()).await;
        let seen = match look.map_err(|_| wait.hung())? {
            Ok(found) => return Ok(found),
            Err(seen) => format!("{seen:#}"),
        };
        wait.pause(seen).await?;
    }
}

/// As [`eventually`], for a probe that can also find that waiting is in vain.
///
/// Its futures can move between threads, which those of async closures cannot promise.
pub(super) async fn poll<T, F>(what: &str, deadline: Duration, mut probe: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Look<T>>>,
{
    let mut wait = Wait::new(what, deadline);
    loop {
        let look = tokio::time::timeout(wait.left(), probe()).await;
        let look = look.map_err(|_| wait.hung())?;
        match look.with_context(|| format!("while waiting for: {what}"))? {
            Look::Done(found) => return Ok(found),
            Look::NotYet(seen) => wait.pause(seen).await?,
        }
    }
}

struct Wait<'a> {
    what: &'a str,
    deadline: Duration,
    end: Instant,
    seen: String,
}

impl<'a> Wait<'a> {
    fn new(what: &'a str, deadline: Duration) -> Self {
        Self { what, deadline, end: Instant::now() + deadline, seen: "nothing".to_owned() }
    }

    /// The time for one look: a little, even when it is the last.
    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now()).max(INTERVAL)
    }

    fn hung(&self) -> anyhow::Error {
        let Self { what, deadline, seen, .. } = self;
        anyhow!("{what}: not within {deadline:?}; the last look took too long, seen before: {seen}")
    }

    async fn pause(&mut self, seen: String) -> Result<()> {
        let Self { what, deadline, end, .. } = self;
        if Instant::now() >= *end {
            bail!("{what}: not within {deadline:?}; seen last: {seen}");
        }
        self.seen = seen;
        tokio::time::sleep(INTERVAL).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_timeout_says_what_was_seen_last() {
        let mut looks = 0;
        let result: Result<()> = eventually("the moon is full", Duration::from_millis(50), async || {
            looks += 1;
            Err(anyhow::anyhow!("a crescent").context(format!("look {looks}")))
        })
        .await;
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("the moon is full: not within 50ms; seen last: look "), "{error}");
        assert!(error.ends_with(": a crescent"), "{error}");
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_cut_off() {
        let result: Result<()> = eventually("an answer comes", Duration::from_millis(30), async || {
            std::future::pending::<Result<(), &str>>().await
        })
        .await;
        assert!(result.unwrap_err().to_string().contains("the last look took too long"));
    }

    #[tokio::test]
    async fn a_hopeless_wait_ends_at_once() {
        let result: Result<()> = poll("x", Duration::from_mins(1), || async { bail!("it is dead") }).await;
        assert_eq!(format!("{:#}", result.unwrap_err()), "while waiting for: x: it is dead");
    }
}
