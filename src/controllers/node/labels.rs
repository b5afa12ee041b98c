//! Labels: those of `--node-labels`, and those that follow from the machine.

use std::collections::BTreeMap;

use crate::cloud::Instance;
use crate::k8s::{BETA_INSTANCE_TYPE, BETA_REGION, BETA_ZONE, INSTANCE_TYPE, Node, REGION, ZONE};

/// Labels with two spellings, old and new. Where both exist, the old one is the source of truth.
pub(super) const SPELLINGS: [(&str, &str); 3] =
    [(BETA_ZONE, ZONE), (BETA_REGION, REGION), (BETA_INSTANCE_TYPE, INSTANCE_TYPE)];

/// The longest name part of a label's key, and the longest value.
const LONGEST_NAME: usize = 63;
/// The longest prefix of a label's key.
const LONGEST_PREFIX: usize = 253;

/// Why `--node-labels` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeLabelsError {
    /// An item without an equals sign.
    #[error("--node-labels: {item:?} is not of the form key=value; expected key=value,key2=value2")]
    NotAPair {
        /// The item.
        item: String,
    },
    /// No label may be called so.
    #[error("--node-labels: {key:?} is no label key: {why}")]
    Key {
        /// The key.
        key: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// No label may have this value.
    #[error("--node-labels: {value:?} cannot be the value of {key:?}: {why}")]
    Value {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// Which rule it breaks.
        why: &'static str,
    },
}

/// Reads `--node-labels`: `key=value,key2=value2`; of two values for a key the last one counts.
///
/// Values are checked too. Upstream does not, and then every node fails to register.
pub fn parse_node_labels(text: &str) -> Result<BTreeMap<String, String>, NodeLabelsError> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    text.split(',').map(parse_pair).collect()
}

fn parse_pair(item: &str) -> Result<(String, String), NodeLabelsError> {
    let (key, value) =
        item.split_once('=').ok_or_else(|| NodeLabelsError::NotAPair { item: item.to_owned() })?;
    let (key, value) = (key.trim(), value.trim());
    check_key(key).map_err(|why| NodeLabelsError::Key { key: key.to_owned(), why })?;
    check_value(value).map_err(|why| NodeLabelsError::Value {
        key: key.to_owned(),
        value: value.to_owned(),
        why,
    })?;
    Ok((key.to_owned(), value.to_owned()))
}

fn check_key(key: &str) -> Result<(), &'static str> {
    let name = match key.split_once('/') {
        Some((prefix, name)) => {
            check_prefix(prefix)?;
            name
        }
        None => key,
    };
    if name.is_empty() {
        return Err("its name is empty");
    }
    if name.contains('/') {
        return Err("it has more than one slash");
    }
    check_name(name)
}

fn check_value(value: &str) -> Result<(), &'static str> {
    if value.is_empty() { Ok(()) } else { check_name(value) }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.len() > LONGEST_NAME {
        return Err("more than 63 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("only letters, digits, '-', '_' and '.' are allowed");
    }
    let ends = [name.bytes().next(), name.bytes().next_back()];
    if !ends.into_iter().flatten().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("it must begin and end with a letter or digit");
    }
    Ok(())
}

fn check_prefix(prefix: &str) -> Result<(), &'static str> {
    if prefix.is_empty() || prefix.len() > LONGEST_PREFIX {
        return Err("the part before the slash must have 1 to 253 characters");
    }
    let is_label = |label: &str| {
        let ends = [label.bytes().next(), label.bytes().next_back()];
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        ends.iter().all(|end| end.is_some_and(allowed))
            && label.bytes().all(|byte| allowed(byte) || byte == b'-')
    };
    if prefix.split('.').all(is_label) {
        Ok(())
    } else {
        Err("the part before the slash must be a DNS name in lower case")
    }
}

/// Whether a key belongs to Kubernetes itself and is therefore not to be set by `--node-labels`.
pub(super) fn is_reserved(key: &str) -> bool {
    let Some((prefix, _)) = key.split_once('/') else { return false };
    ["kubernetes.io", "k8s.io"].into_iter().any(|domain| {
        prefix.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// The labels that a Node still needs on its initialisation.
pub(super) fn initial<'a>(
    node: &'a Node,
    instance: &'a Instance,
    additional: &'a BTreeMap<String, String>,
) -> Vec<(&'a str, &'a str)> {
    let mut wanted: Vec<(&str, &str)> = of_instance(instance);
    let ruled: Vec<&str> = wanted.iter().map(|(key, _)| *key).collect();
    wanted.retain(|(key, value)| node.label(key) != Some(value));
    wanted.extend(respelled(node).into_iter().filter(|(key, _)| !ruled.contains(key)));
    let additional = additional.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    wanted.extend(additional.filter(|(key, _)| !is_reserved(key) && node.label(key).is_none()));
    wanted
}

/// What a machine says about itself in labels.
fn of_instance(instance: &Instance) -> Vec<(&'static str, &str)> {
    let kind = instance.instance_type.as_str();
    let labels = [(BETA_INSTANCE_TYPE, kind), (INSTANCE_TYPE, kind)];
    labels.into_iter().filter(|(_, value)| !value.is_empty()).chain(topology(instance)).collect()
}

/// Zone and region, in both spellings.
fn topology(instance: &Instance) -> impl Iterator<Item = (&'static str, &str)> {
    let zone = [BETA_ZONE, ZONE].map(|key| (key, instance.zone.zone.as_deref()));
    let region = [BETA_REGION, REGION].map(|key| (key, instance.zone.region.as_deref()));
    zone.into_iter().chain(region).filter_map(|(key, value)| Some((key, value?)))
}

/// Zone and region that became known after the initialisation.
///
/// Only what the Node has in neither spelling: volumes are bound to the zone that a Node once had,
/// so a label that is there is never changed.
pub(super) fn late<'a>(node: &Node, instance: &'a Instance) -> Vec<(&'static str, &'a str)> {
    let absent = |key: &str| {
        let spellings = SPELLINGS.iter().find(|(old, new)| *old == key || *new == key);
        spellings.is_some_and(|(old, new)| node.label(old).is_none() && node.label(new).is_none())
    };
    topology(instance).filter(|(key, _)| absent(key)).collect()
}

/// The labels whose new spelling does not follow the old one.
pub(super) fn respelled(node: &Node) -> Vec<(&'static str, &str)> {
    let pair = |(old, new)| node.label(old).filter(|value| node.label(new) != Some(value)).map(|v| (new, v));
    SPELLINGS.into_iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read() {
        let labels = parse_node_labels("example.org/team=a, rack=r-1,empty=,rack=r-2").unwrap();
        let pairs: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("empty", ""), ("example.org/team", "a"), ("rack", "r-2")]);
        assert!(parse_node_labels("").unwrap().is_empty());
    }

    #[test]
    fn what_the_api_server_would_refuse_is_refused_at_start() {
        let long = format!("{}=v", "k".repeat(64));
        let long_value = format!("k={}", "v".repeat(64));
        for (text, expected) in [
            ("rack", "not of the form"),
            ("a=b,", "not of the form"),
            ("=v", "its name is empty"),
            ("a/=v", "its name is empty"),
            ("a/b/c=v", "more than one slash"),
            ("Team.example/x=v", "DNS name in lower case"),
            ("-a.example/x=v", "DNS name in lower case"),
            ("a..b/x=v", "DNS name in lower case"),
            ("/x=v", "1 to 253 characters"),
            ("_x=v", "begin and end"),
            ("a b=v", "only letters"),
            ("k=a=b", "only letters"),
            ("k=-v", "begin and end"),
            (long.as_str(), "more than 63"),
            (long_value.as_str(), "more than 63"),
        ] {
            let message = parse_node_labels(text).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("--node-labels"), "{text}: {message}");
        }
    }

    #[test]
    fn keys_of_kubernetes_are_reserved() {
        for (key, reserved) in [
            ("kubernetes.io/os", true),
            ("node.kubernetes.io/x", true),
            ("k8s.io/x", true),
            ("node-role.k8s.io/x", true),
            ("mykubernetes.io/x", false),
            ("example.org/kubernetes.io", false),
            ("kubernetes.io", false),
        ] {
            assert_eq!(is_reserved(key), reserved, "{key}");
        }
    }
}
