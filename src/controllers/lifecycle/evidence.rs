//! From one negative answer to a proof: how many it takes, how far apart.

use std::time::Duration;

use super::Options;
use crate::cloud::Proof;

/// How often a machine of which nothing is recorded must be seen missing.
const ABSENCE_SIGHTINGS: u32 = 3;
/// Evidence that has not been renewed for this long is worth nothing, whatever the options say.
const LEAST_MEMORY: Duration = Duration::from_mins(10);

/// What the answers so far amount to. Only negative answers are noted here: for a positive one the
/// whole is thrown away, and one that nobody could give neither adds nor takes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    kind: Kind,
    sightings: u32,
    /// When the last of them was counted.
    counted: Duration,
    /// When the last negative answer came, counted or not.
    seen: Duration,
    proved: Option<Duration>,
    confirmed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Object,
    Absence,
}

impl Evidence {
    /// The evidence after a negative answer.
    ///
    /// A proof of another kind begins anew: that the record of a machine comes or goes while it is
    /// being judged is no reason to hurry.
    pub(super) fn seen(previous: Option<Self>, proof: &Proof, now: Duration, options: &Options) -> Self {
        let kind = match proof {
            Proof::Object { .. } => Kind::Object,
            Proof::Absence { .. } => Kind::Absence,
        };
        match previous.filter(|previous| previous.kind == kind && previous.is_fresh(now, options)) {
            Some(previous) => previous.and_again(now, options),
            None => Self {
                kind,
                sightings: 1,
                counted: now,
                seen: now,
                proved: (kind == Kind::Object).then_some(now),
                confirmed: false,
            },
        }
    }

    fn and_again(mut self, now: Duration, options: &Options) -> Self {
        self.seen = now;
        if let Some(proved) = self.proved {
            self.confirmed |= now.saturating_sub(proved) >= options.confirm_after;
        } else if now.saturating_sub(self.counted) >= spacing(options) {
            self.sightings += 1;
            self.counted = now;
            self.proved = (self.sightings >= ABSENCE_SIGHTINGS).then_some(now);
        }
        self
    }

    /// Whether it was renewed recently enough to build on.
    pub(super) fn is_fresh(&self, now: Duration, options: &Options) -> bool {
        let memory = options.absence_window.max(options.confirm_after).saturating_mul(2).max(LEAST_MEMORY);
        now.saturating_sub(self.seen) <= memory
    }

    /// Since when all the sightings are there that are asked for.
    pub(super) fn proved(&self) -> Option<Duration> {
        self.proved
    }

    /// Whether the proof was looked at once more and still held.
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// How long until another look makes a difference.
    pub(super) fn next_look(&self, now: Duration, options: &Options) -> Duration {
        let due = match self.proved {
            None => self.counted + spacing(options),
            Some(proved) if !self.confirmed => proved + options.confirm_after,
            Some(_) => now + options.settled_pause(),
        };
        due.saturating_sub(now)
    }
}

/// The least time between two sightings that count, so that all of them span the window.
fn spacing(options: &Options) -> Duration {
    options.absence_window / (ABSENCE_SIGHTINGS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: Proof = Proof::Object { evidence: String::new() };
    const ABSENCE: Proof = Proof::Absence { evidence: String::new() };

    /// What answers at these seconds amount to: `s` seen, `p` proved, `c` confirmed.
    fn stages(answers: &[(&Proof, u64)]) -> String {
        let options = Options::default();
        let mut evidence = None;
        let mut stages = String::new();
        for (proof, second) in answers {
            let next = Evidence::seen(evidence, proof, Duration::from_secs(*second), &options);
            stages.push(match next {
                next if next.is_confirmed() => 'c',
                next if next.proved().is_some() => 'p',
                _ => 's',
            });
            evidence = Some(next);
        }
        stages
    }

    #[test]
    fn each_kind_of_proof_takes_its_time() {
        let (o, a) = (&OBJECT, &ABSENCE);
        for (answers, expected) in [
            (vec![(o, 0), (o, 59), (o, 60)], "ppc"),
            (vec![(o, 0), (o, 600), (o, 601)], "pcc"),
            // Forgotten in between.
            (vec![(o, 0), (o, 601), (o, 661)], "ppc"),
            (vec![(a, 0), (a, 150), (a, 300), (a, 359), (a, 360)], "ssppc"),
            (vec![(a, 0), (a, 5), (a, 10), (a, 149)], "ssss"),
            // Late looks do not shorten what is left.
            (vec![(a, 0), (a, 299), (a, 300), (a, 448), (a, 449), (a, 509)], "sssspc"),
            (vec![(a, 0), (a, 150), (o, 300), (o, 360)], "sspc"),
            (vec![(o, 0), (a, 60), (a, 210), (a, 360), (a, 420)], "psspc"),
        ] {
            assert_eq!(stages(&answers), expected, "{answers:?}");
        }
    }

    #[test]
    fn the_next_look_is_when_it_counts() {
        let options = Options::default();
        let at = Duration::from_secs;
        let absent = Evidence::seen(None, &ABSENCE, at(10), &options);
        assert_eq!(absent.next_look(at(10), &options), at(150));
        assert_eq!(absent.next_look(at(100), &options), at(60));
        let gone = Evidence::seen(None, &OBJECT, at(10), &options);
        assert_eq!(gone.next_look(at(30), &options), at(40));
        let confirmed = Evidence::seen(Some(gone), &OBJECT, at(70), &options);
        assert_eq!(confirmed.next_look(at(70), &options), at(60));
    }
}
