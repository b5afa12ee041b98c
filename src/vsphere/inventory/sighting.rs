//! Whether a machine exists in a vCenter: what is seen, and what is proved not to be there.

use std::collections::HashMap;

use super::Vm;
use super::lookup::{Hit, Lookup, Query};
use super::vm::VM_PROPERTIES;
use crate::vsphere::soap::FaultKind;
use crate::vsphere::types::{
    ContinueRetrievePropertiesEx, FilterSpec, PropertySpec, RetrievePropertiesEx, RetrieveResult,
};
use crate::vsphere::{Connection, Error, MoRef};

const NAME: &[PropertySpec] = &[PropertySpec { kind: "ManagedEntity", paths: &["name"] }];

/// Machines per page: about 500 kB.
const READ_PAGE: i32 = 250;

/// A machine whose existence is in question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspect {
    /// Its uuids; a name or an address would prove nothing.
    pub query: Query,
    /// The object it was in this vCenter, and the folder that was in, if it was in this vCenter.
    pub object: Option<(MoRef, Option<MoRef>)>,
}

/// What one vCenter shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// These machines have one of its uuids, or are the object itself.
    Seen(Vec<(Hit, Vm)>),
    /// No machine has one of its uuids. Its object does not exist, as vCenter says itself, while the
    /// folder that it was in can be read: so it is not the rights that are missing.
    ObjectGone,
    /// No machine has one of its uuids; more cannot be said.
    Absent,
}

/// Looks, within one login.
pub(super) async fn look(
    connection: &Connection,
    lookup: &Lookup,
    suspects: &[Suspect],
) -> Result<Vec<Sighting>, Error> {
    let queries: Vec<Query> = suspects.iter().map(|suspect| suspect.query.clone()).collect();
    let found = lookup.find(connection, &queries).await?;
    let mut readable: HashMap<MoRef, bool> = HashMap::new();
    let mut sightings = Vec::with_capacity(suspects.len());
    for (suspect, hits) in suspects.iter().zip(found) {
        let mut seen = Vec::new();
        for hit in hits {
            // One that vanished since is looked for again by whoever cares.
            if let Some(vm) = read_machine(connection, &hit.moref).await? {
                seen.push((hit, vm));
            }
        }
        sightings.push(if seen.is_empty() {
            look_at_object(connection, suspect, &mut readable).await?
        } else {
            Sighting::Seen(seen)
        });
    }
    Ok(sightings)
}

async fn look_at_object(
    connection: &Connection,
    suspect: &Suspect,
    readable: &mut HashMap<MoRef, bool>,
) -> Result<Sighting, Error> {
    let Some((object, folder)) = &suspect.object else { return Ok(Sighting::Absent) };
    if let Some(vm) = read_machine(connection, object).await? {
        // The uuid was changed under way, or the search is limited: there it is.
        let hit = Hit { moref: object.clone(), by: super::FoundBy::Object };
        return Ok(Sighting::Seen(vec![(hit, vm)]));
    }
    let Some(folder) = folder else { return Ok(Sighting::Absent) };
    let folder_readable = if let Some(known) = readable.get(folder) {
        *known
    } else {
        let known = read_name(connection, folder).await?;
        readable.insert(folder.clone(), known);
        known
    };
    Ok(if folder_readable { Sighting::ObjectGone } else { Sighting::Absent })
}

/// A machine's properties; `None` only if vCenter says that there is no such object.
async fn read_machine(connection: &Connection, moref: &MoRef) -> Result<Option<Vm>, Error> {
    let collector = &connection.content().property_collector;
    let spec = FilterSpec::of_objects([moref.clone()], VM_PROPERTIES);
    let request = RetrievePropertiesEx { collector, spec, max_objects: 1, skip_missing: false };
    match connection.call(&request).await {
        Ok(page) => match page.objects.into_iter().next() {
            Some(object) => Ok(Some(Vm::read(object))),
            // Neither there nor said not to be there.
            None => Err(Error::Unreadable {
                method: "RetrievePropertiesEx",
                problem: format!("nothing is told of {moref}, neither that it exists nor that it does not"),
            }),
        },
        Err(error) if error.fault_kind() == Some(FaultKind::ManagedObjectNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The properties of those machines that can be seen.
pub(super) async fn read_machines(connection: &Connection, vms: Vec<MoRef>) -> Result<Vec<Vm>, Error> {
    let collector = &connection.content().property_collector;
    let spec = FilterSpec::of_objects(vms, VM_PROPERTIES);
    let first = RetrievePropertiesEx { collector, spec, max_objects: READ_PAGE, skip_missing: true };
    let mut page = connection.call(&first).await?;
    let mut read = Vec::new();
    loop {
        let RetrieveResult { token, objects } = page;
        read.extend(objects.into_iter().map(Vm::read));
        let Some(token) = token else { return Ok(read) };
        page = connection.call(&ContinueRetrievePropertiesEx { collector, token: &token }).await?;
    }
}

/// Whether an object's name can be read.
async fn read_name(connection: &Connection, moref: &MoRef) -> Result<bool, Error> {
    let collector = &connection.content().property_collector;
    let spec = FilterSpec::of_objects([moref.clone()], NAME);
    let request = RetrievePropertiesEx { collector, spec, max_objects: 1, skip_missing: false };
    match connection.call(&request).await {
        Ok(page) => Ok(page.objects.iter().any(|object| !object.properties.is_empty())),
        Err(Error::Fault { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
