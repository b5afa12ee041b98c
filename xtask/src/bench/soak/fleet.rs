//! Who is in the cluster, and who is next for which operation.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::testbed::Vm;

/// From one node that is changed to the next: neighbours are not changed together.
const STEP: usize = 37;
/// At most one of so many nodes is off: clusters of which more is off have other troubles.
const MOST_OFF: usize = 4;
/// For how long a machine is off at least: longer than the period (5 s) in which the manager looks.
const OFF: Duration = Duration::from_secs(15);

/// A node and its machine.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) vm: Vm,
    /// What its guest has.
    pub(super) address: String,
}

/// All of them, as they should be.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    /// The oldest first.
    members: VecDeque<Member>,
    /// Those that are off, the first one first.
    off: VecDeque<(String, Instant)>,
    /// Those whose change is under way.
    busy: HashSet<String>,
    cursor: usize,
    heart: usize,
    /// When each was off: up to now, if it has no end.
    periods: HashMap<String, Vec<(Instant, Option<Instant>)>>,
    departed: HashSet<String>,
}

impl Fleet {
    pub(super) fn new(vms: &[Vm]) -> Self {
        let mut fleet = Self::default();
        vms.iter().cloned().for_each(|vm| fleet.join(vm));
        fleet
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub(super) fn join(&mut self, vm: Vm) {
        let address = vm.addresses.as_deref().and_then(|all| all.first()).cloned().unwrap_or_default();
        self.members.push_back(Member { vm, address });
    }

    /// The oldest one that is at peace; from now on it is no member.
    pub(super) fn leave(&mut self) -> Option<Vm> {
        let at = self.members.iter().position(|member| self.is_at_peace(member))?;
        let vm = self.members.remove(at)?.vm;
        self.departed.insert(vm.host_name.clone());
        Some(vm)
    }

    /// One at peace that is changed until [`settle`](Self::settle).
    pub(super) fn change(&mut self, address: &str) -> Option<Vm> {
        let at = self.next()?;
        let member = self.members.get_mut(at)?;
        address.clone_into(&mut member.address);
        self.busy.insert(member.vm.host_name.clone());
        Some(member.vm.clone())
    }

    /// Its change is no longer waited for.
    pub(super) fn settle(&mut self, name: &str) {
        self.busy.remove(name);
    }

    /// One at peace that is off from now on.
    pub(super) fn power_off(&mut self, now: Instant) -> Option<Vm> {
        if self.off.len() >= self.members.len() / MOST_OFF {
            return None;
        }
        let at = self.next()?;
        let vm = self.members.get(at)?.vm.clone();
        self.off.push_back((vm.host_name.clone(), now));
        self.periods.entry(vm.host_name.clone()).or_default().push((now, None));
        Some(vm)
    }

    /// The one that has been off for the longest time, if that was long enough or `at_once`.
    pub(super) fn longest_off(&self, now: Instant, at_once: bool) -> Option<Member> {
        let (name, since) = self.off.front()?;
        let may = at_once || now.saturating_duration_since(*since) >= OFF;
        self.members.iter().find(|member| may && member.vm.host_name == *name).cloned()
    }

    /// That one is on again.
    pub(super) fn powered_on(&mut self, name: &str, now: Instant) {
        self.off.retain(|(off, _)| off != name);
        let last = self.periods.get_mut(name).and_then(|periods| periods.last_mut());
        if let Some((_, end @ None)) = last {
            *end = Some(now);
        }
    }

    /// Whose kubelet speaks next.
    pub(super) fn next_heart(&mut self) -> Option<String> {
        for _ in 0..self.members.len() {
            self.heart = (self.heart + 1) % self.members.len();
            let name = &self.members.get(self.heart)?.vm.host_name;
            if !self.is_off(name) {
                return Some(name.clone());
            }
        }
        None
    }

    /// Whether it was taken away by us.
    pub(super) fn has_departed(&self, name: &str) -> bool {
        self.departed.contains(name)
    }

    /// When it was off.
    pub(super) fn off_periods(&self, name: &str) -> &[(Instant, Option<Instant>)] {
        self.periods.get(name).map_or(&[], Vec::as_slice)
    }

    fn next(&mut self) -> Option<usize> {
        for _ in 0..self.members.len() {
            self.cursor = (self.cursor + STEP) % self.members.len();
            if self.is_at_peace(self.members.get(self.cursor)?) {
                return Some(self.cursor);
            }
        }
        None
    }

    fn is_at_peace(&self, member: &Member) -> bool {
        let name = &member.vm.host_name;
        !self.busy.contains(name) && !self.is_off(name)
    }

    fn is_off(&self, name: &str) -> bool {
        self.off.iter().any(|(off, _)| off == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(count: usize) -> Fleet {
        let vm = |number: usize| Vm {
            name: format!("vm-{number}"),
            moref: format!("vm-{number}"),
            uuid: String::new(),
            instance_uuid: String::new(),
            host_name: format!("node-{number}"),
            addresses: Some(vec![format!("10.0.0.{number}")]),
            host: String::new(),
            datacenter: String::new(),
        };
        Fleet::new(&(0..count).map(vm).collect::<Vec<_>>())
    }

    #[test]
    fn who_is_busy_or_off_is_left_alone() {
        let mut fleet = fleet(8);
        let now = Instant::now();
        let off = fleet.power_off(now).unwrap().host_name;
        let busy = fleet.change("10.1.1.1").unwrap().host_name;
        assert_ne!(off, busy);
        for _ in 0..6 {
            let left = fleet.leave().unwrap().host_name;
            assert!(left != off && left != busy);
            assert!(fleet.has_departed(&left) && !fleet.has_departed(&off));
        }
        assert!(fleet.leave().is_none() && fleet.change("x").is_none());
        fleet.settle(&busy);
        assert_eq!(fleet.leave().unwrap().host_name, busy);
        assert_eq!(fleet.next_heart(), None);
    }

    #[test]
    fn machines_are_off_for_a_while_and_few_at_once() {
        let mut fleet = fleet(8);
        let start = Instant::now();
        let first = fleet.power_off(start).unwrap().host_name;
        assert!(fleet.power_off(start).is_some());
        assert!(fleet.power_off(start).is_none(), "two of eight");
        assert!(fleet.longest_off(start + OFF / 2, false).is_none());
        assert!(fleet.longest_off(start, true).is_some());
        assert_eq!(fleet.longest_off(start + OFF, false).unwrap().vm.host_name, first);
        fleet.powered_on(&first, start + OFF);
        assert_eq!(fleet.off_periods(&first), [(start, Some(start + OFF))]);
        assert_ne!(fleet.longest_off(start + OFF, false).unwrap().vm.host_name, first);
    }

    #[test]
    fn every_kubelet_speaks_in_turn() {
        let mut fleet = fleet(5);
        let hearts: HashSet<String> = (0..5).filter_map(|_| fleet.next_heart()).collect();
        assert_eq!(hearts.len(), 5);
    }

    #[test]
    fn what_should_be_is_known() {
        let mut fleet = fleet(3);
        let changed = fleet.change("10.9.9.9").unwrap().host_name;
        let member = fleet.members().find(|member| member.vm.host_name == changed).unwrap();
        assert_eq!(member.address, "10.9.9.9");
    }
}
