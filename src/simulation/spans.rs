//! When something was true, as far as it must be remembered.

use super::Time;

/// The times in which a condition held.
#[derive(Debug, Default)]
pub(super) struct Spans {
    since: Option<Time>,
    past: Vec<(Time, Time)>,
}

impl Spans {
    /// From now on it holds, or does not.
    pub(super) fn set(&mut self, holds: bool, now: Time) {
        match (self.since, holds) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.past.push((since, now));
                self.since = None;
            }
            _ => {}
        }
    }

    /// Since when it holds, if it does.
    pub(super) fn since(&self) -> Option<Time> {
        self.since
    }

    /// Whether it held for so long without a break, and still did no longer ago than `within`.
    pub(super) fn held(&self, long: Time, at: Time, within: Time) -> bool {
        let open = self.since.map(|since| (since, at));
        let mut spans = self.past.iter().copied().chain(open);
        spans.any(|(from, to)| to + within >= at && to.saturating_sub(from) >= long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_held_is_known_afterwards() {
        let at = Time::from_secs;
        let mut spans = Spans::default();
        assert!(!spans.held(at(0), at(10), at(10)));
        spans.set(true, at(10));
        assert!(spans.held(at(60), at(70), at(0)) && !spans.held(at(60), at(69), at(0)));
        spans.set(false, at(80));
        assert!(spans.held(at(60), at(90), at(10)) && !spans.held(at(60), at(91), at(10)));
        assert_eq!(spans.since(), None);
    }
}
