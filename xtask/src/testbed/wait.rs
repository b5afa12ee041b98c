//! Waiting for what happens elsewhere, without fixed sleeps.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

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
    poll(what, deadline, async || {
        Ok(match probe().await {
            Ok(found) => Look::Done(found),
            Err(seen) => Look::NotYet(format!("{seen:#}")),
        })
    })
    .await
}

/// As [`eventually`], for a probe that can also find that waiting is in vain.
pub(super) async fn poll<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<Look<T>>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    let mut seen = String::from("nothing");
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left.max(INTERVAL), probe()).await {
            Ok(Ok(Look::Done(found))) => return Ok(found),
            Ok(Ok(Look::NotYet(now))) => seen = now,
            Ok(Err(error)) => return Err(error.context(format!("while waiting for: {what}"))),
            Err(_) => {
                bail!("{what}: not within {deadline:?}; the last look took too long, seen before: {seen}")
            }
        }
        if Instant::now() >= end {
            bail!("{what}: not within {deadline:?}; seen last: {seen}");
        }
        tokio::time::sleep(INTERVAL).await;
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
        let result: Result<()> = poll("x", Duration::from_secs(60), async || bail!("it is dead")).await;
        assert_eq!(format!("{:#}", result.unwrap_err()), "while waiting for: x: it is dead");
    }
}
