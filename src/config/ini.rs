//! From the syntax of an INI file to the raw configuration.

use super::dialect::Dialect;
use super::gcfg;
use super::keys::{Section, Shape, Top};
use super::origin::Place;
use super::problem::{ConfigError, Problem, Report};
use super::raw::{Data, RawConfig, RawSection, split};

/// Reads the text; remarks on it go into the report.
pub(super) fn read(text: &str, file: &str, report: &mut Report) -> Result<RawConfig, ConfigError> {
    let read = gcfg::parse(text).map_err(|error| {
        ConfigError::Invalid(vec![Problem {
            file: file.to_owned(),
            line: Some(error.line),
            key: None,
            message: format!("column {}: {}", error.column, error.message),
        }])
    })?;
    let mut raw = RawConfig::new(Dialect::Ini);
    raw.comments = read.comments;
    for section in read.sections {
        let header = match &section.subsection {
            None => format!("[{}]", section.name),
            Some(sub) => format!("[{} {sub:?}]", section.name),
        };
        let line = section.line;
        let Some(top) = Top::find(Dialect::Ini, &section.name) else {
            report.warn(line, header, Top::unknown(Dialect::Ini, &section.name));
            continue;
        };
        let target = match (top, &section.subsection) {
            (Top::InTree, _) => {
                report.warn(line, header, super::IN_TREE);
                continue;
            }
            (Top::Vcenter, Some(id)) => named(&mut raw.vcenters, Section::Vcenter(id.clone()), line),
            (Top::LoadBalancerClass, Some(name)) => {
                named(&mut raw.classes, Section::LoadBalancerClass(name.clone()), line)
            }
            (Top::LoadBalancerClass, None) => {
                let message = "the class has no name; write [LoadBalancerClass \"name\"]";
                report.error(&Section::LoadBalancer, line, header, message);
                continue;
            }
            (Top::Vcenter, None) => {
                report.fatal(
                    line,
                    header,
                    "the vCenter has no name; write [VirtualCenter \"vc.example.com\"]",
                );
                raw.vcenters_lost = true;
                continue;
            }
            (_, Some(_)) => {
                let message = format!(
                    "a name has no place here and the section has no effect; write [{}]",
                    section.name
                );
                report.warn(line, header, message);
                continue;
            }
            (Top::Global, None) => &mut raw.global,
            (Top::Labels, None) => &mut raw.labels,
            (Top::Nodes, None) => &mut raw.nodes,
            (Top::Nsxt, None) => &mut raw.nsxt,
            (Top::LoadBalancer, None) => &mut raw.load_balancer,
            (Top::Route, None) => &mut raw.route,
        };
        if target.place == Place::Nowhere {
            target.place = line.into();
        }
        target.comments.extend(section.comments);
        for variable in section.variables {
            read_variable(variable, target, report);
        }
    }
    Ok(raw)
}

/// The section of this name: those with the same name add up.
fn named(known: &mut Vec<RawSection>, wanted: Section, line: usize) -> &mut RawSection {
    let index = known.iter().position(|section| section.section == wanted).unwrap_or_else(|| {
        known.push(RawSection::new(wanted, line));
        known.len() - 1
    });
    &mut known[index]
}

fn read_variable(variable: gcfg::Variable, target: &mut RawSection, report: &mut Report) {
    let line = variable.line;
    let Some(key) = target.section.find(Dialect::Ini, &variable.name) else {
        let bare = variable.value.is_none();
        let (key, message) = target.section.unknown_key(Dialect::Ini, &variable.name, bare);
        report.warn(line, key, message);
        return;
    };
    let path = target.section.field_path(Dialect::Ini, key.field);
    if let Some(column) = variable.cut_at {
        report.warn(
            line,
            path.clone(),
            format!(
                "the value ends before column {column}, where ; or # begins a comment; put a value that holds ; or # \
                 in double quotes"
            ),
        );
    }
    let data = match (key.shape, &variable.value) {
        (Shape::Ignored, _) => {
            report.note(line, path, super::NO_EFFECT);
            return;
        }
        (Shape::Bool, None) => Data::Text("true".to_owned()),
        (Shape::Bool, Some(text)) if text.is_empty() => {
            report.error(&target.section, line, path, "expected true or false, found nothing");
            target.lose(key.field);
            return;
        }
        (_, None) => {
            let message = format!("there is no value; write {} = ...", key.name(Dialect::Ini));
            report.error(&target.section, line, path, message);
            target.lose(key.field);
            return;
        }
        (Shape::Text | Shape::Bool, Some(text)) => Data::Text(text.clone()),
        (Shape::List | Shape::Commas, Some(text)) => split(text, line),
        (Shape::Map, Some(text)) if text.trim().is_empty() => return,
        (Shape::Map, Some(text)) => {
            let Some(pairs) = json_object(text) else {
                let message = "expected a JSON object of texts, as in \"{\\\"scope\\\": \\\"tag\\\"}\"";
                report.error(&target.section, line, path, message);
                target.lose(key.field);
                return;
            };
            Data::Map(pairs)
        }
    };
    target.set_with_comments(key.field, line, data, variable.comments);
}

/// Names with texts; none if it is anything else.
fn json_object(text: &str) -> Option<Vec<(String, String)>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let pair = |(name, value): (String, serde_json::Value)| Some((name, value.as_str()?.to_owned()));
    object.into_iter().map(pair).collect()
}
