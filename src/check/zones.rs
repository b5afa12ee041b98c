//! The tag categories for zones and regions.

use super::{Finding, Topic};
use crate::config::Labels;
use crate::vsphere::inventory::Inventory;
use crate::vsphere::{Category, Error};

const TOPIC: Topic = Topic::Zones;

/// What is above a VM, and so can carry its zone.
const PLACES: [&str; 6] =
    ["HostSystem", "ClusterComputeResource", "ComputeResource", "Folder", "Datacenter", "ResourcePool"];

/// Most names that are listed.
const MOST_LISTED: usize = 20;

/// Looks at the categories of one vCenter.
pub(super) async fn check(subject: &str, labels: &Labels, inventory: &Inventory) -> Vec<Finding> {
    // One without the other has no effect; the configuration warns of it.
    let (Some(region), Some(zone)) = (&labels.region, &labels.zone) else { return Vec::new() };
    match inventory.categories().await {
        Ok(categories) => [("labels.region", region), ("labels.zone", zone)]
            .into_iter()
            .flat_map(|(key, wanted)| judge(subject, key, wanted, &categories))
            .collect(),
        Err(error) => vec![unreadable(subject, &error)],
    }
}

fn unreadable(subject: &str, error: &Error) -> Finding {
    let fix = match error {
        Error::Forbidden { .. } => {
            "give the account the Read-only role at the root of vCenter (global permission)"
        }
        Error::Status { .. } | Error::Unreachable(_) => {
            "tags are read by REST (/api, or /rest in old versions): see that nothing on the way blocks that"
        }
        _ => "correct what the message says; or remove `labels`, if no zones are wanted",
    };
    TOPIC.fail(subject, format!("tag categories cannot be read: {error}"), fix)
}

fn judge(subject: &str, key: &str, wanted: &str, categories: &[Category]) -> Vec<Finding> {
    let Some(category) = categories.iter().find(|category| category.name == wanted) else {
        let mut names: Vec<&str> = categories.iter().map(|category| category.name.as_str()).collect();
        names.sort_unstable();
        let more = names.len().saturating_sub(MOST_LISTED);
        names.truncate(MOST_LISTED);
        let there = match (names.is_empty(), more) {
            (true, _) => "the account sees none".to_owned(),
            (false, 0) => format!("there are: {}", names.join(", ")),
            (false, more) => format!("there are: {}, and {more} more", names.join(", ")),
        };
        let alike = categories.iter().find(|category| category.name.eq_ignore_ascii_case(wanted));
        let fix = match alike {
            Some(alike) => format!("names are case-sensitive: write {:?}", alike.name),
            None => format!("create it and attach its tags, or correct {key}"),
        };
        return vec![TOPIC.fail(subject, format!("{key}: no tag category {wanted:?}; {there}"), fix)];
    };
    let fits = |place: &&str| {
        category.associable_types.is_empty() || category.associable_types.iter().any(|kind| kind == place)
    };
    let places: Vec<&str> = PLACES.iter().filter(|place| fits(place)).copied().collect();
    if places.is_empty() {
        return vec![TOPIC.fail(
            subject,
            format!(
                "{key}: tags of category {wanted:?} can be attached to {} only, to nothing above a VM",
                category.associable_types.join(", ")
            ),
            "add Datacenter, Cluster or Host to the category's associable object types",
        )];
    }
    if category.cardinality == "MULTIPLE" {
        return vec![TOPIC.warn(
            subject,
            format!(
                "{key}: an object may have several tags of category {wanted:?}; the first by name counts then"
            ),
            "make a category with one tag per object",
        )];
    }
    let all = if category.associable_types.is_empty() { "all objects".to_owned() } else { places.join(", ") };
    vec![TOPIC.ok(subject, format!("{key}: category {wanted:?}, one tag per object, on {all}"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Severity;

    fn category(name: &str, cardinality: &str, types: &[&str]) -> Category {
        Category {
            name: name.to_owned(),
            cardinality: cardinality.to_owned(),
            associable_types: types.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn categories_are_judged() {
        let fitting = category("k8s-zone", "SINGLE", &["HostSystem", "Datacenter"]);
        let anywhere = category("k8s-zone", "SINGLE", &[]);
        let several = category("k8s-zone", "MULTIPLE", &[]);
        let elsewhere = category("k8s-zone", "SINGLE", &["Datastore"]);
        let other = category("K8S-Zone", "SINGLE", &[]);
        for (known, severity, part) in [
            (&[fitting][..], Severity::Ok, "on HostSystem, Datacenter"),
            (&[anywhere], Severity::Ok, "all objects"),
            (&[several], Severity::Warning, "several tags"),
            (&[elsewhere], Severity::Failure, "Datastore only"),
            (&[other], Severity::Failure, "write \\\"K8S-Zone\\\""),
            (&[], Severity::Failure, "sees none"),
        ] {
            let found = judge("vc", "labels.zone", "k8s-zone", known);
            assert_eq!(found[0].severity, severity, "{found:?}");
            assert!(format!("{found:?}").contains(part), "{found:?}");
        }
    }
}
