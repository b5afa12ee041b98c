//! Whose lease it is, and what to write into it. No I/O, no clock: `now` is a reading of ours.

use std::time::Duration;

use jiff::Timestamp;

use super::record::Record;

/// By how much pauses between tries to become the leader vary, so that standbys do not meet; and
/// what the renew deadline has to leave room for. client-go's value.
pub(super) const JITTER: f64 = 1.2;

/// What a released lease says of its duration. client-go's value.
const RELEASED: Duration = Duration::from_secs(1);

/// A record, and when we saw it change last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) record: Record,
    since: Duration,
}

/// Whose a lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody's, or nobody's any more.
    Free,
    /// Ours.
    Ours,
    /// Somebody else's.
    Held {
        by: String,
        /// When it is free, if it does not change before.
        left: Duration,
    },
}

impl Observed {
    /// What is known after a look at the lease. Only a change counts as a sign of life.
    pub(super) fn after(before: Option<Self>, record: Record, now: Duration) -> Self {
        match before {
            Some(before) if before.record == record => before,
            _ => Self { record, since: now },
        }
    }

    /// Judges by how long the lease has not changed for us, and by the duration that its holder
    /// promised: the wall clock of whoever wrote it may be wrong.
    pub(super) fn judge(&self, identity: &str, now: Duration) -> Verdict {
        let Record { holder, duration, .. } = &self.record;
        if holder == identity {
            return Verdict::Ours;
        }
        let left = (self.since + *duration).saturating_sub(now);
        if holder.is_empty() || left.is_zero() {
            return Verdict::Free;
        }
        Verdict::Held { by: holder.clone(), left }
    }
}

/// The record with which we take the lease or keep it; `wall` is for people.
pub(super) fn claim(before: Option<&Record>, identity: &str, lease: Duration, wall: Timestamp) -> Record {
    let (acquired, transitions) = match before {
        Some(before) if before.holder == identity => (before.acquired.or(Some(wall)), before.transitions),
        Some(before) => (Some(wall), before.transitions.saturating_add(1)),
        None => (Some(wall), 0),
    };
    Record {
        holder: identity.to_owned(),
        duration: whole_seconds(lease),
        acquired,
        renewed: Some(wall),
        transitions,
    }
}

/// The record with which we give the lease away.
pub(super) fn release(before: &Record, wall: Timestamp) -> Record {
    Record {
        holder: String::new(),
        duration: RELEASED,
        acquired: Some(wall),
        renewed: Some(wall),
        transitions: before.transitions,
    }
}

/// The pause before the next try to become the leader; `random` is from 0 to 1.
pub(super) fn pause(retry: Duration, held: Option<Duration>, random: f64) -> Duration {
    let regular = retry.mul_f64(1.0 + JITTER * random);
    held.map_or(regular, |left| left.min(regular))
}

/// A Lease counts in seconds. Rounded up: others wait for longer than we lead, never for less.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn record(holder: &str, renewed: i64) -> Record {
        let (acquired, renewed) = (Some(wall(1)), Some(wall(renewed)));
        Record { holder: holder.to_owned(), duration: LEASE, acquired, renewed, transitions: 4 }
    }

    #[test]
    fn a_lease_is_free_when_it_has_not_changed_for_its_duration() {
        let held = |left| Verdict::Held { by: "b".into(), left: at(left) };
        for (holder, seen, now, wanted) in [
            ("b", 100, 100, held(15)),
            ("b", 100, 114, held(1)),
            ("b", 100, 115, Verdict::Free),
            ("b", 100, 999, Verdict::Free),
            ("a", 100, 100, Verdict::Ours),
            ("a", 100, 999, Verdict::Ours),
            ("", 100, 100, Verdict::Free),
        ] {
            let observed = Observed::after(None, record(holder, 50), at(seen));
            assert_eq!(observed.judge("a", at(now)), wanted, "{holder:?} seen {seen} now {now}");
        }
    }

    #[test]
    fn the_duration_that_counts_is_the_holders() {
        let mut short = record("b", 50);
        short.duration = at(3);
        assert_eq!(Observed::after(None, short, at(100)).judge("a", at(103)), Verdict::Free);
    }

    #[test]
    fn only_a_change_is_a_sign_of_life_and_clocks_are_not_compared() {
        // Whether the holder's clock is decades behind, ahead, or goes backwards.
        for (first, second) in [(0, 10), (4_000_000_000, 4_000_000_010), (50, 40)] {
            let seen = Observed::after(None, record("b", first), at(100));
            let same = Observed::after(Some(seen.clone()), record("b", first), at(110));
            assert_eq!(same, seen);
            assert_eq!(same.judge("a", at(115)), Verdict::Free);
            let renewed = Observed::after(Some(same), record("b", second), at(110));
            assert_eq!(renewed.judge("a", at(124)), Verdict::Held { by: "b".into(), left: at(1) });
        }
    }

    #[test]
    fn transitions_count_changes_of_the_holder() {
        let before = record("b", 50);
        let fresh = claim(None, "a", LEASE, wall(60));
        assert_eq!((fresh.transitions, fresh.acquired, fresh.renewed), (0, Some(wall(60)), Some(wall(60))));
        let taken = claim(Some(&before), "a", LEASE, wall(60));
        assert_eq!((taken.transitions, taken.acquired), (5, Some(wall(60))));
        let kept = claim(Some(&taken), "a", LEASE, wall(70));
        assert_eq!((kept.transitions, kept.acquired, kept.renewed), (5, Some(wall(60)), Some(wall(70))));
        let released = release(&kept, wall(80));
        assert_eq!((released.holder.as_str(), released.duration, released.transitions), ("", at(1), 5));
        assert_eq!(claim(Some(&released), "c", LEASE, wall(90)).transitions, 6);
    }

    #[test]
    fn others_never_wait_for_less_than_we_lead() {
        let record = claim(None, "a", Duration::from_millis(1900), wall(1));
        assert_eq!(record.duration, at(2));
    }

    #[test]
    fn a_standby_tries_again_when_the_lease_runs_out() {
        assert_eq!(pause(at(2), None, 0.0), at(2));
        assert_eq!(pause(at(2), None, 1.0), Duration::from_millis(4400));
        assert_eq!(pause(at(2), Some(at(15)), 0.0), at(2));
        assert_eq!(pause(at(2), Some(at(1)), 0.5), at(1));
    }
}
