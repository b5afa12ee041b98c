//! Datacenters as the configuration names them.

use std::collections::{HashMap, HashSet};

use super::store::Entity;
use crate::vsphere::types::{
    ContinueRetrievePropertiesEx, FilterSpec, ObjectSpec, PropertySpec, RetrievePropertiesEx, RetrieveResult,
    Selection,
};
use crate::vsphere::{Connection, Error, MoRef};

/// Objects per page.
const PAGE: i32 = 500;

const NAME_AND_PARENT: &[PropertySpec] =
    &[PropertySpec { kind: "ManagedEntity", paths: &["name", "parent"] }];

/// From the root folder through folders down to the datacenters, and no further.
const DOWN_TO_DATACENTERS: &[Selection] = &[Selection::Traversal {
    name: "children",
    kind: "Folder",
    path: "childEntity",
    then: &[Selection::Named("children")],
}];

/// From an object up to the root folder.
const UPWARDS: &[Selection] = &[Selection::Traversal {
    name: "parents",
    kind: "ManagedEntity",
    path: "parent",
    then: &[Selection::Named("parents")],
}];

/// Finds the configured datacenters.
///
/// A datacenter is named by its name, by its inventory path, or by its moref
/// (`Datacenter:datacenter-3`). One that does not exist is an error that lists those that do.
pub(super) async fn resolve(
    connection: &Connection,
    configured: &[String],
) -> Result<(HashSet<MoRef>, Vec<(MoRef, Entity)>), Error> {
    let root = connection.content().root_folder.clone();
    let object = ObjectSpec { object: root, skip: false, select: DOWN_TO_DATACENTERS };
    let known = read_entities(connection, vec![object]).await?;
    let scope = choose(&known, configured).map_err(Error::Configuration)?;
    Ok((scope, known))
}

/// Reads names and parents of these objects and of all objects above them.
pub(super) async fn ancestors(
    connection: &Connection,
    of: Vec<MoRef>,
) -> Result<Vec<(MoRef, Entity)>, Error> {
    let objects = of.into_iter().map(|object| ObjectSpec { object, skip: false, select: UPWARDS }).collect();
    read_entities(connection, objects).await
}

async fn read_entities(
    connection: &Connection,
    objects: Vec<ObjectSpec>,
) -> Result<Vec<(MoRef, Entity)>, Error> {
    let collector = &connection.content().property_collector;
    let spec = FilterSpec { properties: NAME_AND_PARENT, objects };
    let mut entities = Vec::new();
    let mut page = connection
        .call(&RetrievePropertiesEx { collector, spec, max_objects: PAGE, skip_missing: true })
        .await?;
    loop {
        let RetrieveResult { token, objects } = page;
        for object in objects {
            let mut entity = Entity { name: String::new(), parent: None };
            for (path, value) in object.properties {
                match path.as_str() {
                    // vCenter escapes these three in names.
                    "name" => {
                        entity.name = value.text.replace("%2f", "/").replace("%5c", "\\").replace("%25", "%");
                    }
                    "parent" => entity.parent = value.as_moref(),
                    _ => {}
                }
            }
            entities.push((object.object, entity));
        }
        let Some(token) = token else { return Ok(entities) };
        page = connection.call(&ContinueRetrievePropertiesEx { collector, token: &token }).await?;
    }
}

fn choose(known: &[(MoRef, Entity)], configured: &[String]) -> Result<HashSet<MoRef>, String> {
    let by_ref: HashMap<&MoRef, &Entity> = known.iter().map(|(moref, entity)| (moref, entity)).collect();
    let path = |moref: &MoRef| {
        let mut parts = Vec::new();
        let mut next = Some(moref);
        // The root folder's own name is not part of a path.
        while let Some(entity) = next.and_then(|moref| by_ref.get(moref))
            && entity.parent.is_some()
            && parts.len() < 64
        {
            parts.push(entity.name.as_str());
            next = entity.parent.as_ref();
        }
        parts.reverse();
        parts.join("/")
    };
    let datacenters: Vec<(&MoRef, &str, String)> = known
        .iter()
        .filter(|(moref, _)| &*moref.kind == "Datacenter")
        .map(|(moref, entity)| (moref, entity.name.as_str(), path(moref)))
        .collect();
    let mut chosen = HashSet::new();
    for wanted in configured {
        let as_path = wanted.trim_matches('/');
        let found: Vec<&MoRef> = datacenters
            .iter()
            .filter(|(moref, name, path)| {
                *name == wanted || path == as_path || moref.to_string() == *wanted || &*moref.id == wanted
            })
            .map(|(moref, ..)| *moref)
            .collect();
        if found.is_empty() {
            let mut paths: Vec<&str> = datacenters.iter().map(|(.., path)| path.as_str()).collect();
            paths.sort_unstable();
            let there = if paths.is_empty() {
                "this account sees none (it needs the Read-only role on them)".to_owned()
            } else {
                format!("there are: {}", paths.join(", "))
            };
            return Err(format!("datacenter {wanted:?} does not exist in this vCenter; {there}"));
        }
        chosen.extend(found.into_iter().cloned());
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<(MoRef, Entity)> {
        let entity = |name: &str, parent: Option<MoRef>| Entity { name: name.to_owned(), parent };
        let root = MoRef::new("Folder", "group-d1");
        let folder = MoRef::new("Folder", "group-d5");
        vec![
            (root.clone(), entity("Datacenters", None)),
            (MoRef::new("Datacenter", "datacenter-2"), entity("DC0", Some(root.clone()))),
            (folder.clone(), entity("europe", Some(root))),
            (MoRef::new("Datacenter", "datacenter-6"), entity("DC1", Some(folder))),
        ]
    }

    #[test]
    fn a_datacenter_is_named_by_name_path_or_moref() {
        for (wanted, id) in [
            ("DC0", "datacenter-2"),
            ("/DC0", "datacenter-2"),
            ("DC1", "datacenter-6"),
            ("europe/DC1", "datacenter-6"),
            ("/europe/DC1/", "datacenter-6"),
            ("Datacenter:datacenter-6", "datacenter-6"),
        ] {
            let chosen = choose(&known(), &[wanted.to_owned()]).unwrap();
            assert_eq!(chosen, HashSet::from([MoRef::new("Datacenter", id)]), "{wanted}");
        }
    }

    #[test]
    fn a_wrong_datacenter_is_told_with_the_right_ones() {
        assert_eq!(
            choose(&known(), &["DC0".into(), "DC9".into()]).unwrap_err(),
            "datacenter \"DC9\" does not exist in this vCenter; there are: DC0, europe/DC1"
        );
        assert!(choose(&known()[..1], &["DC0".into()]).unwrap_err().contains("Read-only"));
    }
}
