//! Which of the machines that were found is the Node: the decision, without any I/O.

use super::tell_apart::{Marks, tell_apart};
use crate::cloud::{Candidate, InstanceError, Mismatch};
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
    /// What else is true of it.
    pub(super) marks: Marks,
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
/// - Of several machines with the same evidence it is the one that a proof singles out, if so: see
///   [`tell_apart`]. A Node whose two uuids lead to different machines is not helped by that.
/// - `home_is_away`: the Node remembers a machine in a vCenter that is none of those that have answered.
///   Then a machine elsewhere with its uuid may be a replica, and is not trusted.
/// - `patient`: whether to wait for vCenters that have not answered yet.
pub(super) fn identify(
    answers: &[Answer],
    home_is_away: bool,
    patient: bool,
    not_found: impl FnOnce() -> String,
) -> Verdict {
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
    if found_by_uuid && home_is_away && !unknown.is_empty() {
        let elsewhere = InstanceError::Ambiguous(candidates(by_uuid.iter().flatten().copied()));
        return Verdict::Failed(InstanceError::Unknown(format!(
            "{elsewhere}. But the VM that the Node's annotation names may be in a vCenter that has not \
             answered: {}",
            unknown.join("; ")
        )));
    }
    match by_uuid.each_ref().map(Vec::as_slice) {
        [[provider], [system], _] if provider.machine != system.machine => {
            return Verdict::Failed(InstanceError::Mismatch(Box::new(Mismatch {
                by_provider_id: provider.candidate(),
                by_system_uuid: system.candidate(),
            })));
        }
        [[one], [_], _] => return Verdict::Bound(one.machine.clone()),
        [provider @ [_, ..], system @ [_, ..], _] => {
            let all = provider.iter().chain(system).copied();
            return Verdict::Failed(InstanceError::Ambiguous(candidates(all)));
        }
        tiers => {
            if let Some(best) = tiers.into_iter().find(|found| !found.is_empty()) {
                return settle(best, &unknown);
            }
        }
    }
    if !unknown.is_empty() {
        return Verdict::Failed(InstanceError::Unknown(unknown.join("; ")));
    }
    for weak in [of(&[FoundBy::DnsName]), of(&[FoundBy::Ip])] {
        if !weak.is_empty() {
            return settle(&weak, &[]);
        }
    }
    Verdict::Failed(InstanceError::NotFound(not_found()))
}

/// Decides between machines with the same evidence; `unknown` is why there may be more of them.
fn settle(matches: &[&Match], unknown: &[&str]) -> Verdict {
    if let [one] = matches {
        return Verdict::Bound(one.machine.clone());
    }
    let marks: Vec<Marks> = matches.iter().map(|candidate| candidate.marks).collect();
    if let Some(chosen) = tell_apart(&marks, unknown.is_empty()) {
        return Verdict::Bound(matches[chosen].machine.clone());
    }
    let error = InstanceError::Ambiguous(candidates(matches.iter().copied()));
    Verdict::Failed(match tell_apart(&marks, true) {
        None => error,
        Some(_) => InstanceError::Unknown(format!(
            "{error}. Which one it is can be told when every vCenter has answered: {}",
            unknown.join("; ")
        )),
    })
}

fn candidates<'a>(matches: impl Iterator<Item = &'a Match>) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = matches.map(Match::candidate).collect();
    candidates.sort();
    candidates.dedup();
    candidates
}

impl Match {
    fn candidate(&self) -> Candidate {
        Candidate { location: self.location.clone(), found_by: self.by.as_str(), also_by: self.marks.words() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vsphere::MoRef;
    use FoundBy::{DnsName, InstanceUuid, Ip, ProviderId, SystemUuid};

    fn found(vcenter: usize, matches: &[(&str, FoundBy)]) -> Answer {
        let marked: Vec<_> = matches.iter().map(|(id, by)| (*id, *by, "")).collect();
        marked_as(vcenter, &marked)
    }

    /// As in `rin`: remembered, has the kubelet's ip, has the Node's name.
    fn marked_as(vcenter: usize, matches: &[(&str, FoundBy, &str)]) -> Answer {
        let matches = matches.iter().map(|(id, by, marks)| Match {
            machine: Machine { vcenter, moref: MoRef::new("VirtualMachine", *id) },
            by: *by,
            marks: Marks::from_letters(marks),
            location: format!("{id} in vc{vcenter}"),
        });
        Answer::Found(matches.collect())
    }

    fn decide(answers: &[Answer]) -> String {
        text(identify(answers, false, false, || "not found".to_owned()))
    }

    /// The same for a Node that remembers a machine in a vCenter that has not answered.
    fn decide_from_afar(answers: &[Answer]) -> String {
        text(identify(answers, true, false, || "not found".to_owned()))
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
    fn of_machines_with_the_same_evidence_a_proof_singles_one_out() {
        for by in [ProviderId, SystemUuid, InstanceUuid, DnsName, Ip] {
            for marks in ["r", "i", "n"] {
                let there = [marked_as(0, &[("vm-1", by, "")]), marked_as(1, &[("vm-2", by, marks)])];
                assert_eq!(decide(&there), "vm-2 in vc1", "{by:?} {marks}");
                let here = [marked_as(0, &[("vm-1", by, marks), ("vm-2", by, "")])];
                assert_eq!(decide(&here), "vm-1 in vc0", "{by:?} {marks}");
            }
        }
        assert_eq!(
            decide(&[marked_as(0, &[("vm-1", SystemUuid, "in"), ("vm-2", SystemUuid, "r")])]),
            "2 machines match: vm-1 in vc0 by systemUUID (BIOS uuid) and the kubelet's --node-ip and the \
             Node's name; vm-2 in vc0 by systemUUID (BIOS uuid) and the Node's annotation"
        );
        // Better evidence counts more than any proof about others.
        let other = marked_as(1, &[("vm-2", InstanceUuid, "rin")]);
        assert_eq!(decide(&[found(0, &[("vm-1", SystemUuid)]), other]), "vm-1 in vc0");
    }

    #[test]
    fn a_node_that_names_two_machines_is_not_helped_by_proofs() {
        let torn = marked_as(0, &[("vm-1", ProviderId, "rin"), ("vm-2", SystemUuid, "")]);
        assert!(decide(&[torn]).starts_with("providerID names vm-1"));
        let torn = [("vm-1", ProviderId, "rin"), ("vm-2", ProviderId, ""), ("vm-3", SystemUuid, "")];
        assert!(decide(&[marked_as(0, &torn)]).starts_with("3 machines match"));
    }

    #[test]
    fn a_clone_in_a_vcenter_that_is_away_may_have_the_same_name_and_address() {
        let clones = |marks| marked_as(0, &[("vm-1", SystemUuid, marks), ("vm-2", SystemUuid, "")]);
        assert_eq!(decide(&[clones("r"), away()]), "vm-1 in vc0");
        for marks in ["i", "n", "in"] {
            let told = decide(&[clones(marks), away()]);
            assert!(told.starts_with("unknown: 2 machines match: vm-1 in vc0 by"), "{told}");
            assert!(told.ends_with("when every vCenter has answered: vc1 is away"), "{told}");
        }
        let told = decide(&[clones(""), away()]);
        assert!(told.starts_with("2 machines match"), "no answer would change it: {told}");
        for by in [DnsName, Ip] {
            let twins = marked_as(0, &[("vm-1", by, "rin"), ("vm-2", by, "")]);
            assert_eq!(decide(&[twins, away()]), "unknown: vc1 is away");
        }
    }

    #[test]
    fn a_replica_is_not_taken_for_a_machine_whose_vcenter_is_away() {
        for by in [ProviderId, SystemUuid, InstanceUuid] {
            let replica = || found(0, &[("vm-9", by)]);
            let told = decide_from_afar(&[replica(), away()]);
            assert!(told.starts_with("unknown: 1 machine matches: vm-9 in vc0 by"), "{told}");
            assert!(told.ends_with("has not answered: vc1 is away"), "{told}");
            // Its vCenter is not configured any longer, or the machine has moved.
            assert_eq!(decide_from_afar(&[replica(), found(1, &[])]), "vm-9 in vc0");
            let two = [replica(), found(0, &[("vm-8", by)])];
            let told = decide_from_afar(&[two[0].clone(), two[1].clone(), away()]);
            assert!(told.starts_with("unknown: 2 machines match"), "{told}");
        }
        assert_eq!(decide_from_afar(&[found(0, &[]), away()]), "unknown: vc1 is away");
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
        assert_eq!(text(identify(&answers, false, true, String::new)), "wait, found: true");
        assert_eq!(
            text(identify(&[found(0, &[]), Answer::Pending], false, true, String::new)),
            "wait, found: false"
        );
        assert_eq!(text(identify(&answers, false, false, String::new)), "vm-1 in vc0");
    }
}
