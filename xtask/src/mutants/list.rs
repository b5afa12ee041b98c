//! What is taken away, and which test must notice.

/// One mechanism without which a promise is broken.
pub(super) struct Mutant {
    /// What is missing in it.
    pub(super) without: &'static str,
    /// The file, from the top of the repository.
    pub(super) file: &'static str,
    /// Text that is there exactly once …
    pub(super) replace: &'static str,
    /// … and what takes its place.
    pub(super) with: &'static str,
    /// The test that must go red: an integration test, or one of the library's, whose module is `tests`.
    pub(super) test: &'static str,
}

impl Mutant {
    /// Whether its test is one of the library.
    pub(super) fn is_of_library(&self) -> bool {
        self.test.contains("::tests::")
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        without: "the look at the folder, which tells lost rights from a destroyed VM",
        file: "src/vsphere/inventory/sighting.rs",
        replace: "if folder_readable {",
        with: "if folder_readable || !folder_readable {",
        test: "lifecycle::doubt::an_account_that_has_lost_its_rights_on_a_folder_sees_no_machine_and_proves_nothing",
    },
    Mutant {
        without: "the wait for every vCenter's answer",
        file: "src/provider/existence.rs",
        replace: "if !unknown.is_empty() {",
        with: "if unknown.len() > 99 {",
        test: "lifecycle::doubt::a_deletion_waits_until_every_vcenter_has_answered",
    },
    Mutant {
        without: "the second look before a deletion",
        file: "src/controllers/lifecycle/evidence.rs",
        replace: "        self.confirmed\n",
        with: "        self.proved.is_some()\n",
        test: "lifecycle::doubt::a_machine_that_was_registered_anew_is_the_same_machine",
    },
    Mutant {
        without: "the breaker",
        file: "src/controllers/lifecycle/breaker.rs",
        replace: "self.gone > self.allowed",
        with: "self.gone > self.allowed + 999",
        test: "lifecycle::doubt::a_vcenter_whose_inventory_is_empty_for_a_while_costs_no_node",
    },
    Mutant {
        without: "the question whether the host is connected",
        file: "src/provider/existence.rs",
        replace: "(ConnectionState::Connected, PowerState::Off) => {",
        with: "(_, PowerState::Off) => {",
        test: "lifecycle::states::machines_that_their_hosts_do_not_tell_of_are_neither_deleted_nor_tainted",
    },
    Mutant {
        without: "the hold after two refused logins",
        file: "src/vsphere/login_guard.rs",
        replace: "self.refusals >= REFUSALS_BEFORE_HOLD",
        with: "self.refusals >= REFUSALS_BEFORE_HOLD + 99",
        test: "nodes::credentials::a_wrong_password_is_told_and_tried_twice_only",
    },
    Mutant {
        without: "the guard on a former leader's writes",
        file: "src/k8s/leader/guard.rs",
        replace: "        if is_read(request.method()) {",
        with: "        if is_read(request.method()) || !request.uri().path().is_empty() {",
        test: "leader::frozen::one_that_was_frozen_in_the_middle_of_its_writes_makes_none_when_it_wakes",
    },
    Mutant {
        without: "the trial of new credentials",
        file: "src/fleet/keeper.rs",
        replace: "Health::Up => Treatment::Try,",
        with: "Health::Up => Treatment::Use,",
        test: "live::credentials::a_password_that_changes_in_the_secret_first_is_used_when_vcenter_knows_it",
    },
    Mutant {
        without: "the second look at a file that is being written",
        file: "src/fleet/reload.rs",
        replace: "        if now != self.last {",
        with: "        if self.last != self.last {",
        test: "live::file::a_file_that_is_being_written_is_waited_for",
    },
    Mutant {
        without: "the Node's version as the condition of its deletion",
        file: "src/k8s/delete.rs",
        replace: "preconditions: Some(preconditions)",
        with: "preconditions: Some(preconditions).filter(|_| false)",
        test: SIMULATION,
    },
    Mutant {
        without: "the distinction between what is unknown and what is gone",
        file: "src/controllers/lifecycle/decide.rs",
        replace: "            Existence::Unknown(why) => self.unknown(why, memory),",
        with: "            Existence::Unknown(_) => self.gone(&Proof::Object { evidence: String::new() }, memory, held),",
        test: SIMULATION,
    },
    Mutant {
        without: "the Node's version as the condition of its shutdown taint",
        file: "src/controllers/lifecycle/taint.rs",
        replace: "let mut patch = unchanged(node);\n    append",
        with: "let mut patch = guarded(node);\n    append",
        test: "controllers::lifecycle::taint::tests::it_does_not_come_when_the_kubelet_has_spoken_since",
    },
    Mutant {
        without: "the look at the machine right before its Node is taken out of service",
        file: "src/controllers/lifecycle/rim.rs",
        replace: "decision.actions.is_empty() && !is_off_now(",
        with: "!decision.actions.is_empty() && !is_off_now(",
        test: "lifecycle::stale::a_machine_that_was_switched_on_while_the_watch_was_stalled_stays_in_service",
    },
    Mutant {
        without: "the rule that proofs which contradict each other decide nothing",
        file: "src/provider/tell_apart.rs",
        replace: "CLUES.iter().all(agrees)",
        with: "CLUES.iter().any(agrees)",
        test: "nodes::ambiguity::proofs_that_contradict_each_other_are_told_and_none_is_believed",
    },
    Mutant {
        without: "the news that the API server is back",
        file: "src/k8s/presence.rs",
        replace: "self.0.returns.send_modify(|count| *count += 1);",
        with: "self.0.away.store(false, Ordering::Relaxed);",
        test: "recovery::unwritten::a_node_that_could_not_be_written_sleeps_out_no_pause",
    },
    Mutant {
        without: "the difference between living and being ready",
        file: "src/cli/readiness.rs",
        replace: "health.register(&[Group::Readyz], \"vcenters\"",
        with: "health.register(Group::ALL, \"vcenters\"",
        test: "recovery::trust::an_old_thumbprint_keeps_a_new_certificate_out_until_the_configuration_names_it",
    },
    Mutant {
        without: "the login that goes on when nobody waits for it any longer",
        file: "src/vsphere/current_login.rs",
        replace: "tokio::spawn(async move {",
        with: "futures::FutureExt::never_error(async move {",
        test: "client::session::a_login_that_nobody_waits_for_any_longer_leaves_no_session_behind",
    },
];

/// The test that plays random histories.
pub(super) const SIMULATION: &str = "simulation::tests::whatever_happens_what_is_promised_is_kept";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::workspace;

    #[test]
    fn every_mutant_still_fits_the_code() {
        for mutant in MUTANTS {
            let source = std::fs::read_to_string(workspace().join(mutant.file)).unwrap();
            let found = source.matches(mutant.replace).count();
            assert_eq!(found, 1, "{}: {:?} is there {found} times", mutant.file, mutant.replace);
            let (_, function) = mutant.test.rsplit_once("::").unwrap();
            let path = mutant.test.replace("::", "/");
            let (module, _) = path.rsplit_once('/').unwrap();
            let tests = if mutant.is_of_library() { "src" } else { "tests/it" };
            let mut test = workspace().join(tests).join(module).with_extension("rs");
            if mutant.is_of_library() && !test.exists() {
                // They stand beside the code.
                test = workspace().join(mutant.file);
            }
            let text = std::fs::read_to_string(&test).unwrap_or_else(|_| panic!("{}", test.display()));
            assert!(text.contains(&format!("fn {function}(")), "{}", mutant.test);
        }
    }
}
