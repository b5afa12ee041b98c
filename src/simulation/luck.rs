//! What chance decides while a history runs: how long things take, and what goes wrong on the way.

use std::time::Duration;

use fastrand::Rng;

use super::Time;
use super::instances::QUICK;

/// What becomes of a request to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It leaves after the first time, is done, and the answer arrives after the second.
    Done(Time, Time),
    /// It is refused with this status.
    Refused(u16),
    /// The connection breaks before it is done.
    Broken,
    /// The connection breaks after it was done, so that nobody knows.
    Lost,
    /// It is never done nor answered.
    Hangs,
    /// It is done so much later, whether its sender still waits or is no more.
    Late(Time),
}

/// A source of chance that depends on the seed alone.
pub(super) struct Luck {
    rng: Rng,
    /// The share of requests that go wrong.
    pub(super) rough: f64,
    /// The API server is away until then.
    pub(super) away_until: Time,
    /// The share of vCenter's answers that take their time, or are none.
    pub(super) sluggish: f64,
}

impl Luck {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), rough: 0.0, away_until: Time::ZERO, sluggish: 0.0 }
    }

    /// From now on nothing goes wrong any more.
    pub(super) fn calm(&mut self) {
        (self.rough, self.sluggish, self.away_until) = (0.0, 0.0, Time::ZERO);
    }

    /// What becomes of a request that is made now.
    pub(super) fn fate(&mut self, now: Time) -> Fate {
        if now < self.away_until {
            return if self.chance(0.7) { Fate::Broken } else { Fate::Hangs };
        }
        if !self.chance(self.rough) {
            return Fate::Done(Time::ZERO, self.millis(1, 20));
        }
        match self.rng.u8(0..9) {
            0 => Fate::Refused([429, 500, 503, 504][self.rng.usize(0..4)]),
            1 => Fate::Broken,
            2 | 3 => Fate::Lost,
            4 => Fate::Hangs,
            5 | 8 => Fate::Late(self.millis(500, 25_000)),
            6 => Fate::Done(self.millis(100, 15_000), self.millis(1, 20)),
            _ => Fate::Done(Time::ZERO, self.millis(100, 15_000)),
        }
    }

    /// How long half of a question to vCenter takes.
    pub(super) fn answer(&mut self) -> Time {
        if self.chance(self.sluggish) { self.millis(100, 10_000) } else { QUICK.mul_f64(self.rng.f64()) }
    }

    /// Whether vCenter has no answer this time.
    pub(super) fn fails(&mut self) -> bool {
        self.chance(self.sluggish / 2.0)
    }

    /// For how long a watch says nothing of an event.
    pub(super) fn stall(&mut self) -> Time {
        if self.chance(self.rough / 4.0) { self.millis(500, 90_000) } else { Time::ZERO }
    }

    /// How long after a change of a machine a leader hears of it.
    pub(super) fn lag(&mut self) -> Time {
        self.millis(0, 3_000)
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.f64() < share
    }

    pub(super) fn millis(&mut self, least: u64, most: u64) -> Time {
        Duration::from_millis(self.rng.u64(least..=most))
    }
}
