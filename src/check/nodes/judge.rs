//! One Node: whether all is well with it, and what it is if somebody wants to know.

use super::{Seen, TOPIC, plan};
use crate::check::{Finding, Severity};
use crate::cloud::{Instance, InstanceError, ProviderId};
use crate::controllers::node::{Plan, Rules, decide};
use crate::k8s::{EventKind, INSTANCE_TYPE, Node, REGION, TAINT_SHUTDOWN, ZONE};
use crate::provider::Examined;
use crate::vsphere::MoRef;
use crate::vsphere::inventory::{ConnectionState, FoundBy, PowerState};

/// What came of one Node.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) finding: Finding,
    /// Whether it waits for its initialisation.
    waiting: bool,
}

/// Problems of one Node, to be told in one line.
#[derive(Debug, Default)]
struct Troubles {
    severity: Option<Severity>,
    messages: Vec<String>,
    fixes: Vec<String>,
}

impl Troubles {
    fn add(&mut self, severity: Severity, message: impl Into<String>, fix: &str) {
        self.severity = self.severity.max(Some(severity));
        self.messages.push(message.into());
        if !fix.is_empty() && !self.fixes.iter().any(|known| known == fix) {
            self.fixes.push(fix.to_owned());
        }
    }
}

/// Judges one Node. `away` are the vCenters that could not be asked; `name_of` names an object of a vCenter.
pub(super) fn node(
    node: &Node,
    seen: &Seen,
    away: &[&str],
    name_of: &dyn Fn(&str, &MoRef) -> String,
) -> Verdict {
    let waiting = node.is_uninitialized();
    let finding = match &seen.outcome {
        Ok(found) => known(node, found, seen.tools_run, name_of),
        Err(error) => unknown(node, error, away),
    };
    Verdict { finding, waiting }
}

fn unknown(node: &Node, error: &InstanceError, away: &[&str]) -> Finding {
    let name = node.name();
    let text = error.to_string();
    match error {
        InstanceError::NotOurs(_) => TOPIC.note(name, format!("left alone: {text}")),
        InstanceError::NotFound(_) if !away.is_empty() => TOPIC.warn(
            name,
            format!("{text}. Not asked: vCenter {}", away.join(", ")),
            "correct what is wrong with that vCenter first",
        ),
        InstanceError::NotFound(_) => TOPIC.fail(
            name,
            text,
            "see that the VM is in a vCenter and datacenter of the configuration, and that the account has the \
             Read-only role on it and on what is above it",
        ),
        InstanceError::Ambiguous(candidates) => {
            let weak = [FoundBy::DnsName.as_str(), FoundBy::Ip.as_str()];
            let fix = if candidates.iter().all(|candidate| weak.contains(&candidate.found_by)) {
                "no VM has the Node's systemUUID, so that only name and address are left: correct the uuid that \
                 the guest shows, start the kubelet with a --node-ip that is in the guest of one VM alone, or \
                 take VMs that do not belong to the cluster out of the account's sight"
            } else {
                "give each VM a BIOS uuid of its own (clones may share one), start the kubelet with a --node-ip \
                 that is in the guest of one VM alone, give that guest alone the Node's name as host name, or take \
                 VMs that do not belong to the cluster out of the account's sight"
            };
            TOPIC.fail(name, text, fix)
        }
        InstanceError::Mismatch(_) => TOPIC.fail(
            name,
            text,
            "if the machine was replaced under the same name, delete the Node and restart the kubelet, which \
             registers it anew",
        ),
        InstanceError::Unknown(_) => TOPIC.finding(Severity::Failure, name, text, None),
    }
}

fn known(
    node: &Node,
    found: &Examined,
    tools_run: Option<bool>,
    name_of: &dyn Fn(&str, &MoRef) -> String,
) -> Finding {
    let instance = &found.instance;
    let plan = decide(node, &Ok(instance.clone()), &Rules::default());
    let mut troubles = Troubles::default();
    machine(found, tools_run, &mut troubles);
    written(node, found, &plan, &mut troubles);
    labels(node, instance, &mut troubles);
    let changes = plan::changes(&plan);
    if !node.is_uninitialized() && !changes.is_empty() {
        let message = format!("a manager would change it to {}", changes.join(", "));
        troubles.add(Severity::Note, message, "");
    }
    match troubles.severity {
        Some(severity) => {
            let message = format!("{}: {}", instance.location, troubles.messages.join("; "));
            let fix = troubles.fixes.join("; ");
            TOPIC.finding(severity, node.name(), message, Some(fix))
        }
        None => TOPIC.ok(node.name(), portrait(node, found, tools_run, &changes, name_of)),
    }
}

/// What the machine itself has.
fn machine(found: &Examined, tools_run: Option<bool>, troubles: &mut Troubles) {
    let vm = &found.vm;
    if vm.connection_state == ConnectionState::Stale {
        let message = "vCenter has lost its connection to the VM: what is known of it is from before";
        troubles.add(Severity::Warning, message, "see after its host");
    }
    let state = match vm.power_state {
        PowerState::Off => Some("switched off"),
        PowerState::Suspended => Some("suspended"),
        PowerState::On | PowerState::Unknown => None,
    };
    if let Some(state) = state {
        troubles.add(
            Severity::Warning,
            format!("the VM is {state}"),
            "switch it on, or delete it with its Node",
        );
    } else if tools_run == Some(false) {
        troubles.add(
            Severity::Warning,
            "VMware Tools do not run in the guest, which tell its addresses and its name",
            "install open-vm-tools in the guest and start them",
        );
    }
}

/// What of it can be written to the Node, and what not.
fn written(node: &Node, found: &Examined, plan: &Plan, troubles: &mut Troubles) {
    let instance = &found.instance;
    if node.is_uninitialized() && !plan.initialised && !node.is_being_deleted() {
        for event in plan.events.iter().filter(|event| event.kind == EventKind::Warning) {
            // Which VM it is stands at the beginning of the line.
            let message = event.message.replace(&instance.location, "the VM");
            troubles.add(Severity::Failure, format!("{}: {message}", event.reason), "");
        }
    } else if let Some(problem) = &instance.addresses.problem {
        let fix = "correct the VM's network, or ipFamily and nodes in the configuration";
        troubles.add(Severity::Warning, problem, fix);
    }
    if let Some(problem) = &instance.zone.problem {
        troubles.add(Severity::Warning, problem, "");
    }
    let shut_down = node.taints().iter().any(|taint| taint.key == TAINT_SHUTDOWN);
    if shut_down && found.vm.power_state == PowerState::On {
        let message = "the Node has the taint of a VM that is off, but it runs; a manager takes it off";
        troubles.add(Severity::Note, message, "");
    }
    let id = node.provider_id().and_then(|id| ProviderId::parse(id).ok());
    if id.is_some_and(|id| id != instance.provider_id) {
        troubles.add(
            Severity::Note,
            format!(
                "its providerID is not {}, which vCenter gives; it is understood, and stays",
                instance.provider_id
            ),
            "",
        );
    }
}

/// Labels that say something else than the machine.
fn labels(node: &Node, instance: &Instance, troubles: &mut Troubles) {
    if node.is_uninitialized() {
        return;
    }
    let zone = &instance.zone;
    let wanted = [(ZONE, zone.zone.as_deref()), (REGION, zone.region.as_deref())];
    for (key, wanted) in wanted.into_iter().filter_map(|(key, wanted)| Some((key, wanted?))) {
        if let Some(present) = node.label(key).filter(|present| *present != wanted) {
            troubles.add(
                Severity::Warning,
                format!("its label {key} is {present}, but the VM is in {wanted}"),
                "labels of initialised Nodes stay, because volumes are bound to them: move the VM back, or drain \
                 the Node, delete it and restart its kubelet",
            );
        }
    }
    let kind = &instance.instance_type;
    if let Some(present) = node.label(INSTANCE_TYPE).filter(|present| present != kind) {
        let message = format!("its label {INSTANCE_TYPE} is {present}, but the VM is {kind} now");
        troubles.add(Severity::Note, message, "");
    }
}

/// Everything about a Node with which all is well.
fn portrait(
    node: &Node,
    found: &Examined,
    tools_run: Option<bool>,
    changes: &[String],
    name_of: &dyn Fn(&str, &MoRef) -> String,
) -> String {
    let instance = &found.instance;
    let mut parts = vec![format!("{}, found by {}", instance.location, found.found_by.as_str())];
    parts.extend((found.vm.power_state == PowerState::On).then(|| "switched on".to_owned()));
    parts.extend((tools_run == Some(true)).then(|| "VMware Tools run".to_owned()));
    let addresses: Vec<String> = instance
        .addresses
        .selected
        .iter()
        .map(|address| format!("{} {}", address.kind.as_str(), address.ip))
        .collect();
    parts.push(addresses.join(", "));
    if !found.passed_over.is_empty() {
        parts.push(format!("not taken: {}", found.passed_over.join(", ")));
    }
    if let Some(facts) = &found.zone {
        let tags = [("region", &facts.tags.region), ("zone", &facts.tags.zone)];
        let told = tags.into_iter().filter_map(|(what, tag)| {
            let (name, object) = tag.as_ref()?;
            Some(format!("{what} {name} from {}", name_of(&found.vcenter, object)))
        });
        parts.extend(told);
    }
    parts.push(instance.instance_type.clone());
    if node.is_uninitialized() {
        parts.push(format!("waits for a manager, which would write {}", changes.join(", ")));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// What is told of all Nodes together.
pub(super) fn report(verdicts: Vec<Verdict>, verbose: bool) -> Vec<Finding> {
    let all = verdicts.len();
    let well = verdicts.iter().filter(|verdict| verdict.finding.severity <= Severity::Note);
    let (waiting, initialised): (Vec<&Verdict>, Vec<&Verdict>) = well.partition(|verdict| verdict.waiting);
    let (waiting, initialised) = (waiting.len(), initialised.len());
    let message = match all {
        0 => "there are no Nodes yet".to_owned(),
        _ => format!(
            "{} of {all} are all right: {initialised} initialised, {waiting} that a manager would initialise now",
            waiting + initialised
        ),
    };
    let mut findings: Vec<Finding> = verdicts
        .into_iter()
        .map(|verdict| verdict.finding)
        .filter(|finding| verbose || finding.severity > Severity::Ok)
        .collect();
    findings.push(TOPIC.ok("Nodes", message));
    findings
}

#[cfg(test)]
mod tests;
