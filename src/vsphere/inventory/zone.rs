//! Where a machine is, told by the tags on the objects above it.

use std::collections::HashMap;
use std::time::Duration;

use crate::vsphere::MoRef;
use crate::vsphere::tags::Tag;

/// The tag categories that mean something; both are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneCategories {
    /// The category whose tags are regions.
    pub region: String,
    /// The category whose tags are zones.
    pub zone: String,
}

/// What is read to know where machines are, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneOptions {
    /// The tag categories.
    pub categories: ZoneCategories,
    /// The pause between two readings of the tags: nothing tells of their changes.
    pub refresh_period: Duration,
}

/// What the tags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneTags {
    /// The region's tag and the object that has it.
    pub region: Option<(String, MoRef)>,
    /// The zone's tag and the object that has it.
    pub zone: Option<(String, MoRef)>,
}

impl ZoneTags {
    /// Whether both are known.
    pub fn is_complete(&self) -> bool {
        self.region.is_some() && self.zone.is_some()
    }
}

/// Chooses among chains of objects, each from the machine's side upwards to the root.
///
/// The first chain that has both wins, and within it the nearest object per category. If no chain
/// has both, it is what the first one has.
pub(super) fn choose(
    chains: &[Vec<MoRef>],
    tags: &HashMap<MoRef, Vec<Tag>>,
    categories: &ZoneCategories,
) -> ZoneTags {
    let mut first = None;
    for chain in chains {
        let nearest = |category: &str| {
            chain.iter().find_map(|object| {
                let mut of_category: Vec<&str> = tags
                    .get(object)?
                    .iter()
                    .filter(|tag| tag.category == category)
                    .map(|tag| tag.name.as_str())
                    .collect();
                // An object may have several tags of a category that allows it; vCenter gives no order.
                of_category.sort_unstable();
                Some(((*of_category.first()?).to_owned(), object.clone()))
            })
        };
        let found = ZoneTags { region: nearest(&categories.region), zone: nearest(&categories.zone) };
        if found.is_complete() {
            return found;
        }
        first.get_or_insert(found);
    }
    first.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: &str) -> MoRef {
        MoRef::new("ManagedEntity", id)
    }

    /// `host: esx cluster dc`, tags as `esx=z:a`.
    fn chosen(chains: &[&str], tags: &[&str]) -> (String, String) {
        let chains: Vec<Vec<MoRef>> =
            chains.iter().map(|chain| chain.split_whitespace().map(object).collect()).collect();
        let mut attached: HashMap<MoRef, Vec<Tag>> = HashMap::new();
        for tag in tags {
            let (on, tag) = tag.split_once('=').unwrap();
            let (category, name) = tag.split_once(':').unwrap();
            let tag = Tag { category: category.to_owned(), name: name.to_owned() };
            attached.entry(object(on)).or_default().push(tag);
        }
        let categories = ZoneCategories { region: "r".into(), zone: "z".into() };
        let found = choose(&chains, &attached, &categories);
        let text =
            |tag: Option<(String, MoRef)>| tag.map_or("-".into(), |(name, on)| format!("{name}@{}", on.id));
        (text(found.region), text(found.zone))
    }

    const CHAINS: &[&str] = &["esx cluster dc root", "pool cluster dc root", "vm folder dc root"];

    #[test]
    fn tags_are_chosen_chain_by_chain_and_nearest_first() {
        let cases: &[(&str, &[&str], (&str, &str))] = &[
            ("nothing", &[], ("-", "-")),
            ("both on the host", &["esx=z:a", "esx=r:x"], ("x@esx", "a@esx")),
            (
                "zone on the cluster, region on the datacenter",
                &["cluster=z:a", "dc=r:x"],
                ("x@dc", "a@cluster"),
            ),
            (
                "the nearer zone wins while the region is still missing",
                &["esx=z:a", "cluster=z:b", "dc=r:x"],
                ("x@dc", "a@esx"),
            ),
            ("the nearer region wins", &["esx=z:a", "cluster=r:y", "dc=r:x"], ("y@cluster", "a@esx")),
            (
                "a complete later chain beats an incomplete first one",
                &["esx=z:a", "pool=z:p", "pool=r:q"],
                ("q@pool", "p@pool"),
            ),
            (
                "the pool comes before the folder",
                &["pool=z:p", "folder=z:f", "dc=r:x", "esx=q:1"],
                ("x@dc", "p@pool"),
            ),
            ("the machine itself and its folders come last", &["vm=z:v", "folder=r:f"], ("f@folder", "v@vm")),
            ("none complete: what the first has", &["esx=z:a", "folder=r:f"], ("-", "a@esx")),
            ("none complete: not what a later one has", &["folder=r:f"], ("-", "-")),
            ("the root counts", &["root=z:a", "root=r:x"], ("x@root", "a@root")),
            ("category names are case-sensitive", &["esx=Z:a", "esx=r:x"], ("x@esx", "-")),
            (
                "several tags of one category: always the same",
                &["esx=z:b", "esx=z:a", "dc=r:x"],
                ("x@dc", "a@esx"),
            ),
        ];
        for (what, tags, (region, zone)) in cases {
            assert_eq!(chosen(CHAINS, tags), ((*region).to_owned(), (*zone).to_owned()), "{what}");
        }
    }
}
