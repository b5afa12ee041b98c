//! Zone and region as labels.

use crate::cloud::Zone;
use crate::vsphere::MoRef;
use crate::vsphere::inventory::ZoneFacts;

/// The longest value of a label.
const LONGEST_VALUE: usize = 63;

/// Turns tags into label values; a tag that can be none is a problem, not a label.
pub(super) fn zone(facts: Option<ZoneFacts>) -> Zone {
    let Some(facts) = facts else { return Zone::default() };
    let mut problems: Vec<String> = facts.problem.into_iter().collect();
    let mut value = |tag: Option<(String, MoRef)>| {
        let (name, object) = tag?;
        if is_label_value(&name) {
            return Some(name);
        }
        problems.push(format!(
            "tag {name:?} on {object} is no label value (at most 63 letters, digits, '-', '_', '.', \
             beginning and ending with a letter or digit); rename the tag"
        ));
        None
    };
    let region = value(facts.tags.region);
    let zone = value(facts.tags.zone);
    let problem = (!problems.is_empty()).then(|| problems.join("; "));
    Zone { zone, region, problem }
}

fn is_label_value(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= LONGEST_VALUE
        && edge(text.bytes().next())
        && edge(text.bytes().next_back())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vsphere::inventory::ZoneTags;

    fn facts(region: &str, zone: &str) -> ZoneFacts {
        let on = |name: &str| Some((name.to_owned(), MoRef::new("HostSystem", "host-1")));
        ZoneFacts { tags: ZoneTags { region: on(region), zone: on(zone) }, problem: None }
    }

    #[test]
    fn tags_become_label_values_unless_they_cannot() {
        assert_eq!(
            zone(Some(facts("eu-1", "zone_a.1"))),
            Zone { zone: Some("zone_a.1".into()), region: Some("eu-1".into()), problem: None }
        );
        for bad in ["zone a", "", "-a", "a-", "zone/a", "z\u{f6}ne", &"z".repeat(64)] {
            let zone = zone(Some(facts("eu-1", bad)));
            assert_eq!((zone.zone, zone.region.as_deref()), (None, Some("eu-1")), "{bad:?}");
            assert!(zone.problem.unwrap().contains("host-1"));
        }
        assert_eq!(zone(None), Zone::default());
    }
}
