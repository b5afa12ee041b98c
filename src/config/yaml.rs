//! From the tree of a YAML file to the raw configuration.

use std::rc::Rc;

use super::dialect::Dialect;
use super::keys::{Field, Key, Section, Shape, Top, name};
use super::origin::Place;
use super::problem::{ConfigError, Problem, Report};
use super::raw::{Data, RawConfig, RawSection, split};
use super::yaml_tree::{self, Entry, Node, Value};

/// Reads the text; remarks on it go into the report.
pub(super) fn read(text: &str, file: &str, report: &mut Report) -> Result<RawConfig, ConfigError> {
    let (root, second) = yaml_tree::parse(text).map_err(|error| {
        ConfigError::Invalid(vec![Problem {
            file: file.to_owned(),
            line: Some(error.line),
            key: None,
            message: error.message,
        }])
    })?;
    if let Some(line) = second {
        report.warn(line, None, "a second YAML document begins here and has no effect; remove the `---`");
    }
    let mut raw = RawConfig::new(Dialect::Yaml);
    let Some(root) = root else {
        return Err(ConfigError::whole_file(file, super::EMPTY));
    };
    let entries = match &root.value {
        Value::Null => return Err(ConfigError::whole_file(file, super::EMPTY)),
        Value::Mapping(entries) => entries,
        _ => {
            report.fatal(
                root.line,
                None,
                "expected sections such as `global:` and `vcenter:` (for the INI dialect the file must begin with a \
                 section header such as [Global])",
            );
            return Ok(raw);
        }
    };
    for entry in entries {
        let Some(key) = &entry.key else {
            report.fatal(entry.line, None, NO_WORD);
            continue;
        };
        match Top::find(Dialect::Yaml, key) {
            Some(Top::Global) => drop(read_section(entry, &mut raw.global, report)),
            Some(Top::Labels) => drop(read_section(entry, &mut raw.labels, report)),
            Some(Top::Nodes) => drop(read_section(entry, &mut raw.nodes, report)),
            Some(Top::Vcenter) => read_vcenters(entry, &mut raw, report),
            Some(Top::Nsxt) => drop(read_section(entry, &mut raw.nsxt, report)),
            Some(Top::LoadBalancer) => drop(read_section(entry, &mut raw.load_balancer, report)),
            Some(Top::LoadBalancerClass) => read_classes(entry, &mut raw, report),
            Some(Top::Route) => drop(read_section(entry, &mut raw.route, report)),
            Some(Top::InTree) => report.warn(entry.line, key.clone(), super::IN_TREE),
            None => {
                let key = shown(key, &entry.value);
                report.warn(entry.line, key.clone(), Top::unknown(Dialect::Yaml, &key));
            }
        }
    }
    Ok(raw)
}

const NO_WORD: &str = "a key must be a word; put a value that begins with { or [ in single quotes";

// A name without a value may be a piece of a password that was torn apart.
fn shown(key: &str, value: &Node) -> String {
    match value.value {
        Value::Null => "(entry without a value)".to_owned(),
        _ => key.to_owned(),
    }
}

fn read_vcenters(entry: &Entry, raw: &mut RawConfig, report: &mut Report) {
    let entries = match &entry.value.value {
        Value::Null => return,
        Value::Mapping(entries) => entries,
        _ => {
            report.fatal(
                entry.line,
                "vcenter".to_owned(),
                "expected vCenters by name, as in `vcenter: {vc1: {server: vc.example.com}}`",
            );
            raw.vcenters_lost = true;
            return;
        }
    };
    for entry in entries {
        let Some(id) = entry.key.as_ref().filter(|id| !id.is_empty()) else {
            let message = "a vCenter needs a name: a word before the colon";
            report.fatal(entry.line, "vcenter".to_owned(), message);
            raw.vcenters_lost = true;
            continue;
        };
        let mut target = RawSection::new(Section::Vcenter(id.clone()), entry.line);
        if let Value::Null = entry.value.value {
            let message = "nothing stands below the name; write at least `server` there";
            report.fatal(entry.line, target.section.path(Dialect::Yaml), message);
            raw.vcenters_lost = true;
        } else if read_section(entry, &mut target, report) {
            raw.vcenters.push(target);
        } else {
            raw.vcenters_lost = true;
        }
    }
}

/// Classes of load balancers; one without keys is like the default.
fn read_classes(entry: &Entry, raw: &mut RawConfig, report: &mut Report) {
    let entries = match &entry.value.value {
        Value::Null => return,
        Value::Mapping(entries) => entries,
        _ => {
            let message =
                "expected classes by name, as in `loadBalancerClass: {public: {ipPoolName: public}}`";
            report.error(&Section::LoadBalancer, entry.line, "loadBalancerClass".to_owned(), message);
            return;
        }
    };
    for entry in entries {
        let Some(name) = entry.key.as_ref().filter(|name| !name.is_empty()) else {
            let message = "a class needs a name: a word before the colon";
            report.error(&Section::LoadBalancer, entry.line, "loadBalancerClass".to_owned(), message);
            continue;
        };
        let mut target = RawSection::new(Section::LoadBalancerClass(name.clone()), entry.line);
        read_section(entry, &mut target, report);
        raw.classes.push(target);
    }
}

/// Whether there are keys at all.
fn read_section(entry: &Entry, target: &mut RawSection, report: &mut Report) -> bool {
    target.place = entry.line.into();
    let entries = match &entry.value.value {
        Value::Null => return false,
        Value::Mapping(entries) => entries,
        other => {
            let message = format!("expected `key: value` lines below it, found {}", kind(other));
            report.error(&target.section, entry.line, target.section.path(Dialect::Yaml), message);
            return false;
        }
    };
    for entry in entries {
        let Some(spelling) = &entry.key else {
            report.error(&target.section, entry.line, target.section.path(Dialect::Yaml), NO_WORD);
            continue;
        };
        let alias = alias(&target.section, spelling);
        if let Some(key) = alias {
            if entries.iter().any(|other| other.key.as_deref() == Some(key.name(Dialect::Yaml))) {
                let path = target.section.key_path(Dialect::Yaml, spelling);
                let message = format!("has no effect beside `{}`; remove it", key.name(Dialect::Yaml));
                report.warn(entry.line, path, message);
                continue;
            }
            let path = target.section.key_path(Dialect::Yaml, spelling);
            let message = format!("is spelled `{}` in YAML; taken as that", key.name(Dialect::Yaml));
            report.warn(entry.line, path, message);
        }
        if let Some(key) = alias.or_else(|| target.section.find(Dialect::Yaml, spelling)) {
            read_value(key, entry, target, report);
        } else {
            let bare = matches!(entry.value.value, Value::Null);
            let (key, message) = target.section.unknown_key(Dialect::Yaml, spelling, bare);
            report.warn(entry.line, key, message);
        }
    }
    true
}

/// `ca-file` is widely written in YAML files too, and left out it would mean other CAs.
fn alias(section: &Section, spelling: &str) -> Option<&'static Key> {
    (spelling == name(Dialect::Ini, Field::CaFile))
        .then(|| section.find(Dialect::Yaml, name(Dialect::Yaml, Field::CaFile)))
        .flatten()
}

fn read_value(key: &Key, entry: &Entry, target: &mut RawSection, report: &mut Report) {
    let path = target.section.field_path(Dialect::Yaml, key.field);
    let node = &entry.value;
    let line = match node.value {
        // Nothing is nowhere; the parser finds it on the line of the next token.
        Value::Null => entry.line,
        _ => node.line,
    };
    match data(key.shape, &node.value, line) {
        Ok(Some(data)) => target.set(key.field, line, data),
        Ok(None) if key.shape == Shape::Ignored => report.note(line, path, super::NO_EFFECT),
        Ok(None) => {}
        Err((line, message)) => {
            report.error(&target.section, line, path, message);
            target.lose(key.field);
        }
    }
}

/// A value in the shape that its key wants, or the line of what is wrong with it.
fn data(shape: Shape, value: &Value, line: usize) -> Result<Option<Data>, (usize, String)> {
    Ok(Some(match (shape, value) {
        // The same as if the key were not there, save for the line.
        (Shape::Text, Value::Null) => Data::Text(String::new()),
        (Shape::Ignored, _) | (_, Value::Null) => return Ok(None),
        (_, Value::Tagged) => return Err((line, TAG.to_owned())),
        (Shape::Text | Shape::Bool, Value::Text(text)) => Data::Text(text.clone()),
        (Shape::List | Shape::Commas, Value::Text(text)) => split(text, line),
        (Shape::List | Shape::Commas, Value::List(items)) => Data::List(list(items)?),
        (Shape::Map, Value::Mapping(entries)) => Data::Map(map(entries)?),
        (Shape::Map, other) => {
            return Err((line, format!("expected names with values, as in {{a: b}}, found {}", kind(other))));
        }
        (Shape::List | Shape::Commas, Value::Mapping(_)) => {
            return Err((line, "expected a list, as in [a, b], found a mapping".to_owned()));
        }
        (Shape::Text | Shape::Bool, other) => {
            let message = format!(
                "expected one value, found {}; put a value that begins with {{ or [ in single quotes",
                kind(other)
            );
            return Err((line, message));
        }
    }))
}

const TAG: &str = "the value has a YAML tag (a word that begins with !), which is not known here; if it belongs to \
                   the value, put the value in single quotes";

/// The items without the empty ones.
fn list(items: &[Rc<Node>]) -> Result<Vec<(String, Place)>, (usize, String)> {
    let mut texts = Vec::new();
    for item in items {
        match &item.value {
            Value::Null => {}
            Value::Text(text) if text.trim().is_empty() => {}
            Value::Text(text) => texts.push((text.trim().to_owned(), item.line.into())),
            _ => {
                return Err((
                    item.line,
                    "expected a list of plain values; put this item in quotes".to_owned(),
                ));
            }
        }
    }
    Ok(texts)
}

/// Names with values.
fn map(entries: &[Entry]) -> Result<Vec<(String, String)>, (usize, String)> {
    let pair = |entry: &Entry| {
        let name = entry.key.clone()?;
        match &entry.value.value {
            Value::Null => Some((name, String::new())),
            Value::Text(text) => Some((name, text.clone())),
            Value::Tagged | Value::List(_) | Value::Mapping(_) => None,
        }
    };
    let no_pair = |entry: &Entry| (entry.line, "expected `name: value` with plain texts".to_owned());
    entries.iter().map(|entry| pair(entry).ok_or_else(|| no_pair(entry))).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Text(_) | Value::Tagged => "a single value",
        Value::List(_) => "a list",
        Value::Mapping(_) => "a mapping",
    }
}
