//! Which of the machines that were found is the Node: the decision, without any I/O.

use crate::cloud::{Candidate, InstanceError};
use crate::vsphere::inventory::FoundBy;

/// What one vCenter says to the question after a Node's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing yet.
    Pending,
    /// These machines match, each with where it is; none of them outside the configured datacenters.
    Found(Vec<Match>),
    /// It could not be asked.
    Unknown(String),
}

/// A machine that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// Which machine, for the caller.
    pub(super) machine: Machine,
    /// By what it was found.
    pub(super) by: FoundBy,
    /// `vm-12 (node-1) in vCenter vc.example.org`
    pub(super) location: String,
}

/// A machine, across all vCenters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Machine {
    /// Index of the vCenter in the configuration.
    pub(super) vcenter: usize,
    /// Its reference there.
    pub(super) moref: crate::vsphere::MoRef,
}

/// What follows from the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This is the machine.
    Bound(Machine),
    /// There is none, or none that is certain.
    Failed(InstanceError),
    /// Answers that could change the verdict are still to come.
    ///
    /// If this is set, one vCenter found the machine already: the others get a moment, no more.
    Wait {
        /// Whether a machine was found by its uuid.
        found: bool,
    },
}

/// Decides.
///
/// - A uuid beats a name, a name beats an address; weaker evidence is not looked at.
/// - One machine by uuid is enough even if another vCenter is away. A name or an address is
///   trusted only when every vCenter has answered.
/// - `patient`: whether to wait for vCenters that have not answered yet.
pub(super) fn identify(answers: &[Answer], patient: bool, not_found: impl FnOnce() -> String) -> Verdict {
    let matches = || {
        answers.iter().flat_map(|answer| match answer {
            Answer::Found(matches) => matches.as_slice(),
            _ => &[],
        })
    };
    let pending = answers.contains(&Answer::Pending);
    let unknown: Vec<&str> = answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Unknown(why) => Some(why.as_str()),
            Answer::Pending => Some("vCenter has not answered yet"),
            Answer::Found(_) => None,
        })
        .collect();
    let of = |wanted: &[FoundBy]| -> Vec<&Match> {
        let mut found: Vec<&Match> = Vec::new();
        for candidate in matches().filter(|candidate| wanted.contains(&candidate.by)) {
            if !found.iter().any(|known| known.machine == candidate.machine) {
                found.push(candidate);
            }
        }
        found
    };

    let by_uuid = [of(&[FoundBy::ProviderId]), of(&[FoundBy::SystemUuid]), of(&[FoundBy::InstanceUuid])];
    let found_by_uuid = by_uuid.iter().any(|found| !found.is_empty());
    if pending && patient {
        return Verdict::Wait { found: found_by_uuid };
    }
    match by_uuid.each_ref().map(Vec::as_slice) {
        [[provider], [system], _] if provider.machine != system.machine => {
            return Verdict::Failed(InstanceError::Mismatch {
                by_provider_id: provider.candidate(),
                by_system_uuid: system.candidate(),
            });
        }
        [[one], [] | [_], _] | [[], [one], _] | [[], [], [one]] => {
            return Verdict::Bound(one.machine.clone());
        }
        [[], [], []] => {}
        [provider, system, instance] => {
            return ambiguous(provider.iter().chain(system).chain(instance).copied());
        }
    }
    if !unknown.is_empty() {
        return Verdict::Failed(InstanceError::Unknown(unknown.join("; ")));
    }
    for weak in [of(&[FoundBy::DnsName]), of(&[FoundBy::Ip])] {
        match weak.as_slice() {
            [] => {}
            [one] => return Verdict::Bound(one.machine.clone()),
            several => return ambiguous(several.iter().copied()),
        }
    }
    Verdict::Failed(InstanceError::NotFound(not_found()))
}

fn ambiguous<'a>(matches: impl Iterator<Item = &'a Match>) -> Verdict {
    let mut candidates: Vec<Candidate> = matches.map(Match::candidate).collect();
    candidates.sort();
    candidates.dedup();
    Verdict::Failed(InstanceError::Ambiguous(candidates))
}

impl Match {
    fn candidate(&self) -> Candidate {
        Candidate { location: self.location.clone(), found_by: self.by.as_str() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vsphere::MoRef;
    use FoundBy::{DnsName, InstanceUuid, Ip, ProviderId, SystemUuid};

    fn found(vcenter: usize, matches: &[(&str, FoundBy)]) -> Answer {
        let matches = matches.iter().map(|(id, by)| Match {
            machine: Machine { vcenter, moref: MoRef::new("VirtualMachine", *id) },
            by: *by,
            location: format!("{id} in vc{vcenter}"),
        });
        Answer::Found(matches.collect())
    }

    fn decide(answers: &[Answer]) -> String {
        text(identify(answers, false, || "not found".to_owned()))
    }

    fn text(verdict: Verdict) -> String {
        match verdict {
            Verdict::Bound(machine) => format!("{} in vc{}", machine.moref.id, machine.vcenter),
            Verdict::Failed(InstanceError::Unknown(why)) => format!("unknown: {why}"),
            Verdict::Failed(error) => error.to_string(),
            Verdict::Wait { found } => format!("wait, found: {found}"),
        }
    }

    fn away() -> Answer {
        Answer::Unknown("vc1 is away".to_owned())
    }

    #[test]
    fn a_uuid_is_enough_even_if_another_vcenter_is_away() {
        for by in [ProviderId, SystemUuid, InstanceUuid] {
            assert_eq!(decide(&[found(0, &[("vm-1", by)]), away()]), "vm-1 in vc0");
        }
    }

    #[test]
    fn names_and_addresses_count_only_when_everybody_has_answered() {
        for by in [DnsName, Ip] {
            assert_eq!(decide(&[found(0, &[("vm-1", by)]), away()]), "unknown: vc1 is away");
            assert_eq!(decide(&[found(0, &[("vm-1", by)]), found(1, &[])]), "vm-1 in vc0");
        }
        assert_eq!(decide(&[found(0, &[("vm-1", Ip)]), found(1, &[("vm-2", DnsName)])]), "vm-2 in vc1");
    }

    #[test]
    fn several_machines_are_never_guessed_from() {
        assert_eq!(
            decide(&[found(0, &[("vm-1", SystemUuid)]), found(1, &[("vm-1", SystemUuid)])]),
            "2 machines match: vm-1 in vc0 by systemUUID (BIOS uuid); vm-1 in vc1 by systemUUID (BIOS uuid)"
        );
        assert_eq!(
            decide(&[found(0, &[("vm-1", DnsName), ("vm-2", DnsName)])]),
            "2 machines match: vm-1 in vc0 by DNS name; vm-2 in vc0 by DNS name"
        );
    }

    #[test]
    fn two_uuids_that_name_two_machines_are_a_mismatch() {
        assert_eq!(
            decide(&[found(0, &[("vm-1", ProviderId), ("vm-2", SystemUuid)])]),
            "providerID names vm-1 in vc0 by providerID (BIOS uuid), \
             but systemUUID names vm-2 in vc0 by systemUUID (BIOS uuid)"
        );
        assert_eq!(decide(&[found(0, &[("vm-1", ProviderId), ("vm-1", SystemUuid)])]), "vm-1 in vc0");
    }

    #[test]
    fn nothing_found_is_not_found_only_when_everybody_has_answered() {
        assert_eq!(decide(&[found(0, &[]), found(1, &[])]), "not found");
        assert_eq!(decide(&[found(0, &[]), away()]), "unknown: vc1 is away");
        assert_eq!(decide(&[found(0, &[]), Answer::Pending]), "unknown: vCenter has not answered yet");
    }

    #[test]
    fn the_patient_wait_for_everybody() {
        let answers = [found(0, &[("vm-1", SystemUuid)]), Answer::Pending];
        assert_eq!(text(identify(&answers, true, String::new)), "wait, found: true");
        assert_eq!(
            text(identify(&[found(0, &[]), Answer::Pending], true, String::new)),
            "wait, found: false"
        );
        assert_eq!(text(identify(&answers, false, String::new)), "vm-1 in vc0");
    }
}
