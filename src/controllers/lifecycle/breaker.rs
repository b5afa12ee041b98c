//! The breaker: machines do not die in crowds, but rights and inventories do vanish at once.
//!
//! A Node counts from the first time its machine is said to be gone, not only when that is proved:
//! where rights are lost, the proofs trickle in, and the first must not slip through before the second.
//! Nodes that work count as well when their machines cannot be found: of a whole inventory that vanishes,
//! a proof is sought only for the few Nodes that happen to be silent.

use std::collections::HashMap;
use std::time::Duration;

use super::Options;

/// How many Nodes count as gone, of how many, and how many may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) gone: usize,
    pub(super) nodes: usize,
    pub(super) allowed: usize,
}

impl Tally {
    /// Whether too many are gone for all of it to be true.
    pub(super) fn is_tripped(self) -> bool {
        self.gone > self.allowed
    }
}

/// Who is gone, by uid: a Node created anew is another one.
#[derive(Debug, Default)]
pub(super) struct Breaker(HashMap<String, Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    standing: Standing,
    /// When that was last true.
    at: Duration,
    /// It was among too many once, and stays held when the others have aged.
    held: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its machine is said to be gone.
    Gone,
    /// Its machine cannot be found, and yet the Node works.
    Missing,
    /// That is not said any longer. It still counts for a while: of answers that turn out wrong there
    /// may be more.
    Withdrawn,
    /// The Node does not exist any longer.
    Departed,
}

impl Breaker {
    /// The machine of a Node is said to be gone, again or for the first time; `nodes` are known now.
    pub(super) fn stands(&mut self, uid: &str, nodes: usize, now: Duration, options: &Options) {
        let entry = Entry { standing: Standing::Gone, at: now, held: false };
        let entry = self.0.entry(uid.to_owned()).or_insert(entry);
        (entry.standing, entry.at) = (Standing::Gone, now);
        if self.tally(nodes, now, options).is_tripped() {
            for entry in self.0.values_mut().filter(|entry| entry.standing == Standing::Gone) {
                entry.held = true;
            }
        }
    }

    /// The machines of these Nodes cannot be found, although the Nodes work.
    pub(super) fn missing<'a>(&mut self, uids: impl IntoIterator<Item = &'a str>, now: Duration) {
        for uid in uids {
            let entry = Entry { standing: Standing::Missing, at: now, held: false };
            let entry = self.0.entry(uid.to_owned()).or_insert(entry);
            // What is said with proof weighs more.
            if entry.standing != Standing::Gone {
                (entry.standing, entry.at) = (Standing::Missing, now);
            }
        }
    }

    /// That is not said any longer of this Node.
    pub(super) fn withdrawn(&mut self, uid: &str, now: Duration) {
        self.leave(uid, Standing::Withdrawn, now);
    }

    /// The Node does not exist any longer, whoever deleted it.
    pub(super) fn departed(&mut self, uid: &str, now: Duration) {
        self.leave(uid, Standing::Departed, now);
    }

    fn leave(&mut self, uid: &str, standing: Standing, now: Duration) {
        let stands = |entry: &&mut Entry| matches!(entry.standing, Standing::Gone | Standing::Missing);
        if let Some(entry) = self.0.get_mut(uid).filter(stands) {
            *entry = Entry { standing, at: now, held: false };
        }
    }

    /// Why this Node may not be deleted now, if it may not.
    pub(super) fn holds(
        &mut self,
        uid: &str,
        nodes: usize,
        now: Duration,
        options: &Options,
    ) -> Option<Tally> {
        let tally = self.tally(nodes, now, options);
        let held = self.0.get(uid).is_none_or(|entry| entry.held);
        (held || tally.is_tripped()).then_some(tally)
    }

    /// Whether it counts nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are held.
    pub(super) fn held(&self) -> usize {
        self.0.values().filter(|entry| entry.held).count()
    }

    /// Counts, and forgets what is too old to count.
    pub(super) fn tally(&mut self, nodes: usize, now: Duration, options: &Options) -> Tally {
        let window = options.breaker_window;
        // What stands is renewed with every look. What is not belongs to nobody.
        let patience = window.saturating_add(options.settled_pause().saturating_mul(3));
        self.0.retain(|_, entry| {
            let limit = if entry.standing == Standing::Gone { patience } else { window };
            now.saturating_sub(entry.at) <= limit
        });
        let departed = self.0.values().filter(|entry| entry.standing == Standing::Departed).count();
        // The deleted ones belong to the whole: else each deletion would lower the limit.
        let nodes = nodes + departed;
        Tally { gone: self.0.len(), nodes, allowed: allowed(nodes, options.breaker_fraction) }
    }
}

/// One always may go; a share of `fraction` may.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of nodes are small, and the fraction is positive"
)]
fn allowed(nodes: usize, fraction: f64) -> usize {
    // The addend is for products like 0.1 × 30 that miss their integer by a bit.
    let share = (nodes as f64 * fraction.clamp(0.0, 1.0) + 1e-9).floor() as usize;
    share.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Whether each of the Nodes gone at these seconds is held at the end.
    fn held(nodes: usize, gone: &[u64], end: u64) -> Vec<bool> {
        let (mut breaker, options) = (Breaker::default(), Options::default());
        for (number, second) in gone.iter().enumerate() {
            breaker.stands(&number.to_string(), nodes, at(*second), &options);
        }
        (0..gone.len())
            .map(|number| breaker.holds(&number.to_string(), nodes, at(end), &options).is_some())
            .collect()
    }

    #[test]
    fn one_may_always_go_and_a_tenth_of_many() {
        for (nodes, expected) in [(1, 1), (3, 1), (10, 1), (19, 1), (20, 2), (30, 3), (5000, 500)] {
            assert_eq!(allowed(nodes, 0.1), expected, "{nodes}");
        }
        assert_eq!((allowed(7, 1.0), allowed(7, -1.0), allowed(7, f64::NAN)), (7, 1, 1));
    }

    #[test]
    fn too_many_at_once_are_all_held() {
        assert_eq!(held(3, &[0], MINUTE), [false]);
        assert_eq!(held(3, &[0, 5], MINUTE), [true, true]);
        assert_eq!(held(20, &[0, 5], MINUTE), [false, false]);
        assert_eq!(held(20, &[0, 5, 9], MINUTE), [true; 3]);
    }

    #[test]
    fn a_deletion_counts_until_the_window_has_passed_and_belongs_to_the_whole() {
        let (mut breaker, options) = (Breaker::default(), Options::default());
        breaker.stands("a", 20, at(0), &options);
        breaker.departed("a", at(60));
        breaker.stands("b", 19, at(70), &options);
        assert_eq!(breaker.holds("b", 19, at(130), &options), None, "2 of 20, not of 19");
        breaker.departed("b", at(130));
        breaker.stands("c", 18, at(140), &options);
        let tally = Tally { gone: 3, nodes: 20, allowed: 2 };
        assert_eq!(breaker.holds("c", 18, at(200), &options), Some(tally));
        // The window passes, but what was held once stays held.
        breaker.stands("c", 18, at(900), &options);
        assert!(breaker.holds("c", 18, at(900), &options).is_some());
        breaker.stands("d", 18, at(900), &options);
        assert!(breaker.holds("d", 18, at(960), &options).is_some(), "2 of 18");
    }

    #[test]
    fn machines_of_nodes_that_work_count_when_they_are_missing() {
        let (mut breaker, options) = (Breaker::default(), Options::default());
        breaker.missing(["b", "c"], at(0));
        assert_eq!(breaker.held(), 0);
        breaker.stands("a", 20, at(0), &options);
        assert!(breaker.holds("a", 20, at(60), &options).is_some(), "3 of 20");
        assert_eq!(breaker.held(), 1, "nobody wants to delete the others");
        // One of them falls silent as well, and is a suspect like any other.
        breaker.stands("b", 20, at(60), &options);
        breaker.missing(["b", "c"], at(61));
        assert_eq!(breaker.held(), 2);
        // They are back, but not for long enough to be trusted.
        for uid in ["a", "b", "c"] {
            breaker.withdrawn(uid, at(120));
        }
        breaker.stands("d", 20, at(130), &options);
        assert!(breaker.holds("d", 20, at(190), &options).is_some());
        breaker.withdrawn("d", at(190));
        breaker.stands("e", 20, at(800), &options);
        assert_eq!(breaker.holds("e", 20, at(860), &options), None);
    }

    #[test]
    fn a_withdrawn_proof_counts_on_for_the_window() {
        let (mut breaker, options) = (Breaker::default(), Options::default());
        breaker.stands("a", 5, at(0), &options);
        breaker.withdrawn("a", at(60));
        breaker.stands("b", 5, at(100), &options);
        assert!(breaker.holds("b", 5, at(160), &options).is_some());
        breaker.withdrawn("b", at(160));
        breaker.stands("c", 5, at(761), &options);
        assert_eq!(breaker.holds("c", 5, at(821), &options), None);
    }

    #[test]
    fn a_node_that_nobody_vouches_for_is_held_and_one_that_nobody_looks_at_is_forgotten() {
        let (mut breaker, options) = (Breaker::default(), Options::default());
        assert!(breaker.holds("a", 5, at(0), &options).is_some());
        breaker.stands("a", 5, at(0), &options);
        assert_eq!(breaker.tally(5, at(780), &options).gone, 1);
        assert_eq!(breaker.tally(5, at(781), &options).gone, 0);
    }
}
