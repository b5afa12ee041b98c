//! Plays a history: lets the managers and the world take turns, and watches over what was promised.

use super::Time;
use super::actions::act;
use super::history::{Action, History};
use super::luck::Luck;
use super::manager::Manager;
use super::promises::Promises;
use super::world::{Shared, World};

/// Everybody meets at least this often.
const STEP: Time = Time::from_secs(5);
/// What has to be true in the end is so at the latest after this long a calm: the breaker lets go after
/// half an hour, what nothing is recorded of takes six minutes, and some of it happens one after the other.
const LONGEST_CALM: Time = Time::from_mins(50);
/// When all is well and for so long nothing was written, nothing will be.
const REST: Time = Time::from_mins(1);
/// How often it is looked at whether all is well.
const LOOK: Time = Time::from_secs(15);

/// How a history ended.
pub(super) struct Outcome {
    /// What was broken, if anything.
    pub(super) broken: Option<String>,
    /// All that happened.
    pub(super) log: Vec<String>,
    /// How long it lasted, in the time of the world.
    pub(super) lasted: Time,
}

/// Plays the history of this seed.
pub(super) fn play(seed: u64, loud: bool) -> Outcome {
    // What the product leaves to chance is decided by the seed, too.
    fastrand::seed(seed);
    let history = History::of(seed);
    let rules = history.mode.options.lifecycle.clone().unwrap_or_default();
    let renew_deadline = history.mode.election.as_ref().map(|times| times.renew_deadline).unwrap_or_default();
    let promises = Promises::new(rules.confirm_after, rules.out_of_service.grace, renew_deadline);
    let mut world = World::new(Luck::new(!seed), promises, loud);
    world.populate(history.machines);
    let world = Shared::new(world);
    let names = ["a", "b"];
    let managers =
        names[..history.managers].iter().map(|name| Manager::new(name, world.clone(), history.mode.clone()));
    let mut stage = Stage { managers: managers.collect(), world, step: history.step() };
    let broken = stage.play(&history).err();
    // All processes end before the world does.
    stage.managers.clear();
    let mut world = stage.world.lock();
    Outcome { broken, log: std::mem::take(&mut world.log), lasted: world.now }
}

impl History {
    /// By so much the clocks of processes may differ, and therefore less than what is between a leader's
    /// deadline and the end of its lease.
    fn step(&self) -> Time {
        let slack = self
            .mode
            .election
            .as_ref()
            .map(|times| times.lease_duration.saturating_sub(times.renew_deadline));
        slack.map_or(STEP, |slack| STEP.min(slack / 2))
    }
}

struct Stage {
    world: Shared,
    managers: Vec<Manager>,
    step: Time,
}

impl Stage {
    fn play(&mut self, history: &History) -> Result<(), String> {
        let mut plan = history.plan.iter().copied().peekable();
        while self.now() < history.calm_from {
            while let Some((_, action)) = plan.next_if(|(time, _)| *time <= self.now()) {
                act(&self.world, &mut self.managers, action);
            }
            let next = plan.peek().map_or(history.calm_from, |(time, _)| *time);
            self.advance(next.min(self.now() + self.step).min(history.calm_from))?;
        }
        for index in 0..self.managers.len() {
            act(&self.world, &mut self.managers, Action::Thaw(index));
            act(&self.world, &mut self.managers, Action::Start(index));
        }
        self.world.lock().calm_down();
        self.rest()
    }

    /// Waits until all is well and nothing is done any more.
    fn rest(&mut self) -> Result<(), String> {
        let end = self.now() + LONGEST_CALM;
        let mut well_since = None;
        loop {
            let next = self.now() + LOOK;
            while self.now() < next {
                self.advance(self.now() + self.step)?;
            }
            let world = self.world.lock();
            let unfinished = world.unfinished();
            if unfinished.is_empty() {
                let since = *well_since.get_or_insert(world.now);
                if world.now >= since.max(world.promises.last_write) + REST {
                    return Ok(());
                }
            } else {
                well_since = None;
            }
            if world.now >= end {
                let last = world.promises.last_write.as_secs();
                return Err(format!("in the end, the last write at {last}: {}", unfinished.join("; ")));
            }
        }
    }

    /// Everybody lives up to that time.
    fn advance(&mut self, to: Time) -> Result<(), String> {
        let first = usize::from(self.world.lock().luck.chance(0.5));
        for turn in 0..self.managers.len() {
            let index = (turn + first) % self.managers.len();
            self.managers[index].run_until(to)?;
        }
        let mut world = self.world.lock();
        world.advance(to);
        world.promises.broken.take().map_or(Ok(()), Err)
    }

    fn now(&self) -> Time {
        self.world.lock().now
    }
}
