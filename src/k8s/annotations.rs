//! Which annotations of an object are kept in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::PROVIDED_NODE_IP;

/// The annotations that are this product's own begin so.
pub const OWN_PREFIX: &str = "vsphere-cloud.io/";

/// Annotations without those that nobody here reads. The map stays, even when it is empty: a patch
/// has to know whether there is one.
pub(super) struct SlimAnnotations(pub(super) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for SlimAnnotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Picker)
    }
}

struct Picker;

impl<'de> Visitor<'de> for Picker {
    type Value = SlimAnnotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of annotations")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SlimAnnotations, A::Error> {
        let mut kept = BTreeMap::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == PROVIDED_NODE_IP || key.starts_with(OWN_PREFIX) {
                kept.insert(key.into_owned(), map.next_value()?);
            } else {
                // Skipped, not built: some are kilobytes long.
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(SlimAnnotations(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_is_kept_and_an_emptied_map_stays_a_map() {
        let kept =
            |text: &str| serde_json::from_str::<Option<SlimAnnotations>>(text).unwrap().map(|map| map.0);
        assert_eq!(kept("null"), None);
        assert_eq!(kept(r#"{"a":"1"}"#), Some(BTreeMap::new()));
        let all = kept(
            r#"{"alpha.kubernetes.io/provided-node-ip":"10.0.0.1","b":"{\"x\":1}","vsphere-cloud.io/machine":"{}"}"#,
        );
        let keys: Vec<String> = all.unwrap().into_keys().collect();
        assert_eq!(keys, [PROVIDED_NODE_IP, "vsphere-cloud.io/machine"]);
    }
}
