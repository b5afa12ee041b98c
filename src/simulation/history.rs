//! A random history: what a cluster is like, and what happens to it, all from one seed.

use std::time::Duration;

use fastrand::Rng;

use super::Time;
use super::manager::{Freeze, Mode};
use crate::controllers::{self, lifecycle};
use crate::k8s::leader::Settings;

/// Something happens. Machines, vCenters and managers go by numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    /// A new machine, whose kubelet joins.
    Join,
    /// A machine is destroyed.
    Destroy(usize),
    /// A machine with the name of a destroyed one is made.
    Recreate(usize),
    /// A machine is taken out of the inventory, and comes back as another object.
    Unregister(usize),
    Register(usize),
    /// A machine moves to the other vCenter.
    Migrate(usize),
    PowerOff(usize),
    Suspend(usize),
    PowerOn(usize),
    /// A machine's host is disconnected from vCenter, or connected again.
    HostAway(usize),
    HostBack(usize),
    /// A machine is moved to where the account sees nothing, or back.
    Hide(usize),
    Show(usize),
    /// A kubelet is not heard of for a while, though its machine runs.
    Silence(usize, Time),
    /// A Node gets volumes.
    Attach(usize, usize),
    VcenterDown(usize),
    VcenterUp(usize),
    /// The account loses its rights, or gets them back.
    Blind(usize),
    Sighted(usize),
    /// A vCenter swears that it has no machine, until then; several kubelets are silent by then.
    Lie(usize),
    Truth(usize),
    /// So many requests go wrong from now on.
    Rough(f64),
    /// So many of vCenter's answers are slow or none.
    Sluggish(f64),
    ApiAway(Time),
    /// All watches break.
    EndWatches,
    /// Who was not watching has to list again.
    Compact,
    Start(usize),
    Stop(usize),
    Kill(usize),
    Freeze(usize, Freeze),
    Thaw(usize),
    /// People change a Node: its labels and taints.
    Edit(usize),
    /// People delete a Node; its kubelet joins again.
    DeleteNode(usize),
}

impl Action {
    /// The Node, or machine, that it is about.
    pub(super) fn node(self) -> Option<usize> {
        match self {
            Self::Destroy(node)
            | Self::Recreate(node)
            | Self::Unregister(node)
            | Self::Register(node)
            | Self::Migrate(node)
            | Self::PowerOff(node)
            | Self::Suspend(node)
            | Self::PowerOn(node)
            | Self::HostAway(node)
            | Self::HostBack(node)
            | Self::Hide(node)
            | Self::Show(node)
            | Self::Silence(node, _)
            | Self::Attach(node, _)
            | Self::Edit(node)
            | Self::DeleteNode(node) => Some(node),
            _ => None,
        }
    }
}

/// A history before it happens.
#[derive(Debug)]
pub(super) struct History {
    /// So many machines are there in the beginning.
    pub(super) machines: usize,
    /// So many managers.
    pub(super) managers: usize,
    pub(super) mode: Mode,
    /// What happens, in the order of time.
    pub(super) plan: Vec<(Time, Action)>,
    /// From then on nothing goes wrong any more.
    pub(super) calm_from: Time,
}

impl History {
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let machines = rng.usize(6..=12);
        let managers = if rng.u8(0..3) == 0 { 2 } else { 1 };
        let elects = managers == 2 || rng.u8(0..3) == 0;
        let calm_from = Duration::from_secs(rng.u64(8 * 60..22 * 60));
        let mut plan = Plan { rng, machines, managers, calm_from, entries: Vec::new() };
        plan.draw();
        let Plan { mut rng, mut entries, calm_from, .. } = plan;
        entries.sort_by_key(|(time, _)| *time);
        Self { machines, managers, mode: mode(elects, &mut rng), plan: entries, calm_from }
    }
}

/// As in production, but that some look less often, which saves time.
fn mode(elects: bool, rng: &mut Rng) -> Mode {
    let monitor_period = Duration::from_secs([5, 10, 20, 20][rng.usize(0..4)]);
    let options = controllers::Options {
        lifecycle: Some(lifecycle::Options { monitor_period, ..lifecycle::Options::default() }),
        ..controllers::Options::default()
    };
    // The shortest are production's. Most are longer in proportion: else nearly all work would be renewals.
    let unit = match rng.u8(0..24) {
        0 => 1,
        1..=6 => 6,
        _ => 12,
    };
    let election = elects.then(|| Settings {
        namespace: "kube-system".to_owned(),
        name: "cloud-controller-manager".to_owned(),
        identity: String::new(),
        lease_duration: Duration::from_secs(15 * unit),
        renew_deadline: Duration::from_secs(10 * unit),
        retry_period: Duration::from_secs(2 * unit),
    });
    Mode { options, election }
}

/// A history being drawn.
struct Plan {
    rng: Rng,
    machines: usize,
    managers: usize,
    calm_from: Time,
    entries: Vec<(Time, Action)>,
}

impl Plan {
    fn draw(&mut self) {
        for manager in 0..self.managers {
            let delay = self.seconds(0, 5);
            self.at(delay, Action::Start(manager));
        }
        let rough = [0.0, 0.0, 0.02, 0.1][self.rng.usize(0..4)];
        let sluggish = [0.0, 0.0, 0.05, 0.3][self.rng.usize(0..4)];
        self.at(Time::ZERO, Action::Rough(rough));
        self.at(Time::ZERO, Action::Sluggish(sluggish));
        for _ in 0..self.rng.usize(8..=18) {
            let time = self.rng.f64() * self.calm_from.as_secs_f64();
            self.episode(Duration::from_secs_f64(time));
        }
        if self.rng.u8(0..4) == 0 {
            self.lie();
        }
    }

    fn at(&mut self, time: Time, action: Action) {
        // What begins before the calm may end in it.
        if time < self.calm_from {
            self.entries.push((time, action));
        }
    }

    fn seconds(&mut self, least: u64, most: u64) -> Time {
        Duration::from_millis(self.rng.u64(least * 1000..=most * 1000))
    }

    /// One thing that happens, and what follows from it.
    fn episode(&mut self, time: Time) {
        let machine = self.rng.usize(0..self.machines);
        let vcenter = self.rng.usize(0..2);
        let manager = self.rng.usize(0..self.managers);
        let short = self.seconds(1, 90);
        let long = self.seconds(60, 600);
        let a_while = if self.rng.bool() { short } else { long };
        let later = time + a_while;
        match self.rng.u8(0..32) {
            0 => {
                self.at(time, Action::Join);
                // There is one more to pick from, once it is there.
                self.machines += 1;
            }
            1..=3 => self.at(time, Action::Destroy(machine)),
            4 => {
                self.at(time, Action::Destroy(machine));
                self.at(later, Action::Recreate(machine));
            }
            5 => {
                self.at(time, Action::Unregister(machine));
                self.at(later, Action::Register(machine));
            }
            6 => self.at(time, Action::Migrate(machine)),
            7 | 8 => {
                let (volumes, how) = (self.rng.usize(1..=3), self.rng.usize(0..5));
                let ends =
                    [Action::Suspend, Action::Destroy, Action::Destroy, Action::PowerOff, Action::PowerOff];
                let off = time + self.seconds(1, 60);
                self.at(time, Action::Attach(machine, volumes));
                self.at(off, ends[how](machine));
                self.at(off + a_while, Action::PowerOn(machine));
            }
            9 => {
                self.at(time, Action::PowerOff(machine));
                self.at(later, Action::PowerOn(machine));
            }
            10 => {
                self.at(time, Action::Suspend(machine));
                self.at(later, Action::PowerOn(machine));
            }
            11 => {
                self.at(time, Action::HostAway(machine));
                self.at(later, Action::HostBack(machine));
            }
            12 => {
                let silent = self.seconds(400, 900);
                self.at(time, Action::Hide(machine));
                self.at(time + short, Action::Silence(machine, silent));
                self.at(time + short + silent, Action::Show(machine));
            }
            13..=15 => self.at(time, Action::Silence(machine, a_while)),
            16 | 17 => {
                self.at(time, Action::VcenterDown(vcenter));
                self.at(later, Action::VcenterUp(vcenter));
            }
            18 => {
                let silent = self.seconds(400, 900);
                self.at(time, Action::Blind(vcenter));
                self.at(time + short, Action::Silence(machine, silent));
                self.at(time + short + silent, Action::Sighted(vcenter));
            }
            19 => self.at(time, Action::ApiAway(short)),
            20 => {
                self.at(time, Action::Rough(0.5));
                self.at(time + short, Action::Rough(0.05));
            }
            21 => self.at(time, Action::EndWatches),
            22 => {
                self.at(time, Action::Compact);
                self.at(time, Action::EndWatches);
            }
            23 => {
                let killed = self.rng.bool();
                self.at(time, if killed { Action::Kill(manager) } else { Action::Stop(manager) });
                self.at(time + short, Action::Start(manager));
            }
            24..=26 => {
                let how = if self.rng.bool() { Freeze::Stopped } else { Freeze::Suspended };
                self.at(time, Action::Freeze(manager, how));
                self.at(later, Action::Thaw(manager));
            }
            27 => self.at(time, Action::Edit(machine)),
            28 => self.at(time, Action::DeleteNode(machine)),
            29 | 30 => self.last_moment(time, machine),
            _ => {
                self.at(time, Action::Sluggish(0.5));
                self.at(time + a_while, Action::Sluggish(0.0));
            }
        }
    }

    /// A machine that comes back when what is done to its Node may be on its way.
    fn last_moment(&mut self, time: Time, machine: usize) {
        // A deletion is due some 110 s after the end of a machine, a taint 45 s after it was switched off.
        let (goes, due, comes) = if self.rng.bool() {
            (Action::Unregister(machine), 80, Action::Register(machine))
        } else {
            (Action::PowerOff(machine), 35, Action::PowerOn(machine))
        };
        let due = time + Duration::from_secs(due);
        let back = due + self.seconds(2, 70);
        self.at(time, goes);
        self.at(due, Action::Rough(0.6));
        self.at(back, comes);
        self.at(back + Duration::from_secs(30), Action::Rough(0.02));
    }

    /// A vCenter that swears that it has no machine. Of a single silent kubelet's machine nobody could
    /// know that this is perjury, so several are silent before it begins, until it has ended, and
    /// it ends before the breaker believes it. Meanwhile nothing else happens, and for long before the way to
    /// the API server is a good one: whoever does not hear that others are silent too cannot count them.
    fn lie(&mut self) {
        let vcenter = self.rng.usize(0..2);
        let begins = self.seconds(500, 700);
        let ends = begins + self.seconds(30, 20 * 60);
        let good = begins.saturating_sub(Duration::from_secs(330));
        let (from, to) = (begins.saturating_sub(Duration::from_mins(2)), ends + Duration::from_mins(1));
        self.calm_from = self.calm_from.max(to);
        self.entries.retain(|(time, action)| {
            let bad = matches!(action, Action::Rough(_) | Action::Sluggish(_) | Action::ApiAway(_));
            let since = if bad { good.saturating_sub(Duration::from_secs(90)) } else { from };
            *time < since || *time > to
        });
        self.at(good, Action::Rough(0.0));
        self.at(good, Action::Sluggish(0.0));
        self.at(begins.saturating_sub(Duration::from_secs(90)), Action::Lie(vcenter));
        self.at(ends, Action::Truth(vcenter));
    }
}
