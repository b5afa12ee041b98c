//! From the syntax of an INI file to the raw configuration.

use super::dialect::Dialect;
use super::gcfg;
use super::keys::{Section, Shape, Top};
use super::problem::{ConfigError, Problem, Report};
use super::raw::{Data, RawConfig, RawSection, split};

/// Reads the text; remarks on it go into the report.
pub(super) fn read(text: &str, file: &str, report: &mut Report) -> Result<RawConfig, ConfigError> {
    let sections = gcfg::parse(text).map_err(|error| {
        ConfigError::Invalid(vec![Problem {
            file: file.to_owned(),
            line: Some(error.line),
            key: None,
            message: format!("column {}: {}", error.column, error.message),
        }])
    })?;
    let mut raw = RawConfig::new(Dialect::Ini);
    for section in &sections {
        let header = match &section.subsection {
            None => format!("[{}]", section.name),
            Some(sub) => format!("[{} {sub:?}]", section.name),
        };
        let line = Some(section.line);
        let Some(top) = Top::find(Dialect::Ini, &section.name) else {
            report.warn(line, header, Top::unknown(Dialect::Ini, &section.name));
            continue;
        };
        let target = match (top, &section.subsection) {
            (Top::Elsewhere, _) => continue,
            (Top::InTree, _) => {
                report.warn(line, header, super::IN_TREE);
                continue;
            }
            (Top::Vcenter, Some(id)) => vcenter(&mut raw, id, section.line),
            (Top::Vcenter, None) => {
                report.error(
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
        };
        target.line = target.line.or(line);
        for variable in &section.variables {
            read_variable(variable, target, report);
        }
    }
    Ok(raw)
}

/// The vCenter of this id: sections with the same name add up.
fn vcenter<'a>(raw: &'a mut RawConfig, id: &str, line: usize) -> &'a mut RawSection {
    let wanted = Section::Vcenter(id.to_owned());
    let index = raw.vcenters.iter().position(|known| known.section == wanted).unwrap_or_else(|| {
        raw.vcenters.push(RawSection::new(wanted, Some(line)));
        raw.vcenters.len() - 1
    });
    &mut raw.vcenters[index]
}

fn read_variable(variable: &gcfg::Variable, target: &mut RawSection, report: &mut Report) {
    let line = variable.line;
    let Some(key) = target.section.find(Dialect::Ini, &variable.name) else {
        let bare = variable.value.is_none();
        let (key, message) = target.section.unknown_key(Dialect::Ini, &variable.name, bare);
        report.warn(Some(line), key, message);
        return;
    };
    let path = target.section.field_path(Dialect::Ini, key.field);
    if let Some(column) = variable.cut_at {
        report.warn(
            Some(line),
            path.clone(),
            format!(
                "the value ends before column {column}, where ; or # begins a comment; put a value that holds ; or # \
                 in double quotes"
            ),
        );
    }
    let data = match (key.shape, &variable.value) {
        (Shape::Ignored, _) => {
            report.note(Some(line), path, super::NO_EFFECT);
            return;
        }
        (Shape::Bool, None) => Data::Text("true".to_owned()),
        (Shape::Bool, Some(text)) if text.is_empty() => {
            report.error(Some(line), path, "expected true or false, found nothing");
            target.lose(key.field);
            return;
        }
        (_, None) => {
            let message = format!("there is no value; write {} = ...", key.name(Dialect::Ini));
            report.error(Some(line), path, message);
            target.lose(key.field);
            return;
        }
        (Shape::Text | Shape::Bool, Some(text)) => Data::Text(text.clone()),
        (Shape::List, Some(text)) => split(text, line),
    };
    target.set(key.field, line, data);
}
