//! What the kernel says of a process.

use anyhow::{Context, Result};

/// Seconds of CPU that all its threads used so far, in user mode and in the kernel.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ticks = ticks(&stat).with_context(|| format!("{path} is not what it was"))?;
    let per_second = rustix::param::clock_ticks_per_second();
    #[expect(clippy::cast_precision_loss, reason = "2^52 ticks are a million years")]
    Ok(ticks as f64 / per_second as f64)
}

/// `utime` and `stime`: the 14th and the 15th field. The second one is a name in parentheses
/// that may have anything in it.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_may_have_anything_in_it() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 2000 0 10 0 150 25 0 0 20 0 4 0 100 1000000 500";
        assert_eq!(ticks(stat), Some(175));
        assert_eq!(ticks("42 (x) S 1"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn our_own_is_known() {
        assert!(cpu_seconds(std::process::id()).unwrap() >= 0.0);
        assert!(cpu_seconds(u32::MAX).is_err());
    }
}
