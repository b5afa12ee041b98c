//! What the account may do with the machines and with the objects above them.

use std::collections::{BTreeSet, HashMap};

use super::{Finding, Topic};
use crate::vsphere::inventory::{Entity, Inventory, Vm};
use crate::vsphere::types::{EntityPrivileges, HasUserPrivilegeOnEntities};
use crate::vsphere::{Error, MoRef};

const TOPIC: Topic = Topic::Privileges;

/// What the manager needs; the role Read-only is these, and `System.Anonymous`, which all have.
const NEEDED: &[&str] = &["System.View", "System.Read"];

/// Objects per question.
const OBJECTS_PER_QUESTION: usize = 500;

/// Objects that are told one by one.
const MOST_LISTED: usize = 20;

/// The objects of one vCenter that matter: the machines of Nodes, and everything above them.
#[derive(Debug, Default)]
pub(super) struct Objects {
    names: HashMap<MoRef, String>,
    all: BTreeSet<MoRef>,
}

impl Objects {
    fn new<'a>(vms: impl Iterator<Item = &'a Vm>, above: Vec<(MoRef, Entity)>) -> Self {
        let mut this = Self::default();
        for vm in vms {
            this.names.insert(vm.moref.clone(), vm.name.clone());
            this.all.insert(vm.moref.clone());
            this.all.extend([&vm.host, &vm.resource_pool, &vm.parent].into_iter().flatten().cloned());
        }
        for (object, entity) in above {
            // One that may not be read is known by what is below it.
            this.all.extend(entity.parent);
            this.names.insert(object.clone(), entity.name);
            this.all.insert(object);
        }
        this
    }

    fn describe(&self, object: &MoRef) -> String {
        match self.names.get(object).filter(|name| !name.is_empty()) {
            Some(name) => format!("{} {name:?} ({})", object.kind, object.id),
            None => object.to_string(),
        }
    }
}

/// Asks vCenter what the account lacks on these machines and above them.
pub(super) async fn check<'a>(
    subject: &str,
    inventory: &Inventory,
    vms: impl Iterator<Item = &'a Vm> + Clone,
    zones: bool,
) -> Vec<Finding> {
    let direct: BTreeSet<MoRef> =
        vms.clone().flat_map(|vm| [&vm.host, &vm.resource_pool, &vm.parent]).flatten().cloned().collect();
    if direct.is_empty() {
        return Vec::new();
    }
    let asked = async {
        let above = inventory.above(direct.into_iter().collect()).await?;
        let objects = Objects::new(vms, above);
        let missing = missing(inventory, &objects).await?;
        Ok((objects, missing))
    };
    match asked.await {
        Ok((objects, missing)) => judge(subject, &objects, &missing, zones),
        Err(error) => {
            let error: Error = error;
            vec![TOPIC.note(subject, format!("vCenter does not tell what the account may do: {error}"))]
        }
    }
}

async fn missing(inventory: &Inventory, objects: &Objects) -> Result<Vec<EntityPrivileges>, Error> {
    let connection = inventory.session().connect().await?;
    let Some(authorization_manager) = &connection.content().authorization_manager else {
        return Err(Error::Configuration("it has no AuthorizationManager".to_owned()));
    };
    let all: Vec<MoRef> = objects.all.iter().cloned().collect();
    let mut missing = Vec::new();
    for entities in all.chunks(OBJECTS_PER_QUESTION) {
        let user = connection.user();
        let request =
            HasUserPrivilegeOnEntities { authorization_manager, entities, user, privileges: NEEDED };
        let answer = connection.call(&request).await?;
        missing.extend(answer.into_iter().filter(|entity| !entity.missing.is_empty()));
    }
    Ok(missing)
}

fn judge(subject: &str, objects: &Objects, missing: &[EntityPrivileges], zones: bool) -> Vec<Finding> {
    if missing.is_empty() {
        let message = format!(
            "{} on all {} objects that matter: the Nodes' VMs, their folders, hosts, clusters, datacenters",
            NEEDED.join(" and "),
            objects.all.len()
        );
        return vec![TOPIC.ok(subject, message)];
    }
    let fix =
        "give the account the Read-only role there, or on an object above with \"Propagate to children\"";
    let mut findings: Vec<Finding> = Vec::new();
    for entity in missing.iter().take(MOST_LISTED) {
        let what =
            format!("{} is missing on {}", entity.missing.join(" and "), objects.describe(&entity.entity));
        findings.push(if &*entity.entity.kind == "VirtualMachine" {
            TOPIC.fail(subject, format!("{what}: the manager cannot see the Node's machine"), fix)
        } else {
            // What becomes of it is told with each Node.
            let zones = if zones { "zones that it tells are unknown, and " } else { "" };
            TOPIC.warn(subject, format!("{what}: {zones}that a VM below it is gone cannot be proved"), fix)
        });
    }
    if missing.len() > MOST_LISTED {
        let message = format!("the same on {} more objects", missing.len() - MOST_LISTED);
        findings.push(TOPIC.warn(subject, message, fix));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Severity;

    #[test]
    fn what_is_missing_is_told_with_its_object() {
        let mut vm = Vm::new(MoRef::new("VirtualMachine", "vm-1"));
        vm.name = "node-1".to_owned();
        vm.host = Some(MoRef::new("HostSystem", "host-1"));
        let cluster = MoRef::new("ClusterComputeResource", "domain-c1");
        let host = Entity { name: "esx".to_owned(), parent: Some(cluster.clone()) };
        let objects = Objects::new([&vm].into_iter(), vec![(MoRef::new("HostSystem", "host-1"), host)]);
        assert!(objects.all.contains(&cluster), "what cannot be read is asked about too");

        let found = judge("vc", &objects, &[], true);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Ok));
        let lacks = |object: &MoRef| EntityPrivileges {
            entity: object.clone(),
            missing: vec!["System.Read".to_owned()],
        };
        let missing = [lacks(&vm.moref), lacks(vm.host.as_ref().unwrap()), lacks(&cluster)];
        for zones in [true, false] {
            let found = judge("vc", &objects, &missing, zones);
            let severities: Vec<_> = found.iter().map(|finding| finding.severity).collect();
            assert_eq!(severities, [Severity::Failure, Severity::Warning, Severity::Warning]);
            assert_eq!(found[1].message.contains("zones"), zones);
            assert!(found[1].message.starts_with("System.Read is missing on HostSystem \"esx\" (host-1)"));
            assert!(found[2].message.contains("ClusterComputeResource:domain-c1"));
        }
        let many: Vec<_> = (0..30).map(|i| lacks(&MoRef::new("HostSystem", format!("host-{i}")))).collect();
        assert_eq!(judge("vc", &objects, &many, false).len(), MOST_LISTED + 1);
    }
}
