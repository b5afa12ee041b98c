//! A file in the YAML dialect that means the same.

use std::fmt::Write as _;

use super::dialect::Dialect;
use super::environment::Environment;
use super::keys::{Field, Section, Shape, name};
use super::problem::{ConfigError, Report, Warning};
use super::raw::{Data, RawConfig, RawSection, RawValue};
use super::{Options, ini, values, yaml_text};

/// A converted file. It holds the passwords of the original.
#[derive(Clone)]
pub struct Converted {
    /// The text.
    pub yaml: String,
    /// What is strange about the original; what a warning calls without effect is left out.
    pub warnings: Vec<Warning>,
}

/// Converts a file that can be read: INI with comments, while YAML stays as it is.
pub fn to_yaml(text: &str, file: &str, options: Options) -> Result<Converted, ConfigError> {
    let warnings = super::load(text, file, options, &Environment::default())?.warnings;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let yaml = match Dialect::of(text) {
        Some(Dialect::Ini) => write(&ini::read(text, file, &mut Report::new(file))?),
        Some(Dialect::Yaml) | None => text.to_owned(),
    };
    Ok(Converted { yaml, warnings })
}

fn write(raw: &RawConfig) -> String {
    let mut out = Writer::default();
    out.section(&raw.global);
    out.group("vcenter", &raw.vcenters);
    for section in [&raw.labels, &raw.nodes, &raw.nsxt, &raw.load_balancer] {
        out.section(section);
    }
    out.group("loadBalancerClass", &raw.classes);
    out.section(&raw.route);
    out.comments(0, &raw.comments);
    out.text
}

#[derive(Default)]
struct Writer {
    text: String,
}

impl Writer {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.text, "{:1$}{text}", "", 2 * depth);
    }

    fn comments(&mut self, depth: usize, comments: &[String]) {
        for comment in comments {
            self.line(depth, &format!("#{}", yaml_text::comment(comment)));
        }
    }

    /// A section that stands alone.
    fn section(&mut self, raw: &RawSection) {
        self.comments(0, &raw.comments);
        if raw.values().next().is_some() {
            self.line(0, &format!("{}:", raw.section.path(Dialect::Yaml)));
            self.values(1, raw);
        }
    }

    /// Sections with names.
    fn group(&mut self, key: &str, sections: &[RawSection]) {
        if !sections.is_empty() {
            self.line(0, &format!("{key}:"));
        }
        for raw in sections {
            self.comments(1, &raw.comments);
            let (Section::Vcenter(id) | Section::LoadBalancerClass(id)) = &raw.section else { continue };
            let id_text = yaml_text::scalar(id);
            let default_server =
                matches!(raw.section, Section::Vcenter(_)) && raw.text(Field::Server).is_none();
            if raw.values().next().is_none() && !default_server {
                self.line(1, &format!("{id_text}: {{}}"));
                continue;
            }
            self.line(1, &format!("{id_text}:"));
            if default_server {
                // In INI the name stands in for it.
                self.line(2, &format!("{}: {id_text}", name(Dialect::Yaml, Field::Server)));
            }
            self.values(2, raw);
        }
    }

    fn values(&mut self, depth: usize, raw: &RawSection) {
        for value in raw.values() {
            self.comments(depth, &value.comments);
            self.value(depth, raw.section.shape(value.field), value);
        }
    }

    fn value(&mut self, depth: usize, shape: Shape, value: &RawValue) {
        let key = name(Dialect::Yaml, value.field);
        match &value.data {
            Data::Text(text) => {
                let text = match shape {
                    Shape::Bool => {
                        values::boolean(text).map_or_else(|_| yaml_text::scalar(text), |yes| yes.to_string())
                    }
                    // Upstream's reader wants a number and refuses a text.
                    _ if value.field == Field::Port && values::port(text).is_ok() => text.trim().to_owned(),
                    _ => yaml_text::scalar(text),
                };
                self.line(depth, &format!("{key}: {text}"));
            }
            Data::List(items) if shape == Shape::Commas => {
                let items: Vec<_> = items.iter().map(|(item, _)| item.as_str()).collect();
                self.line(depth, &format!("{key}: {}", yaml_text::scalar(&items.join(","))));
            }
            Data::List(items) => {
                self.line(depth, &format!("{key}:"));
                for (item, _) in items {
                    self.line(depth + 1, &format!("- {}", yaml_text::scalar(item)));
                }
            }
            Data::Map(pairs) if pairs.is_empty() => self.line(depth, &format!("{key}: {{}}")),
            Data::Map(pairs) => {
                self.line(depth, &format!("{key}:"));
                for (name, text) in pairs {
                    let (name, text) = (yaml_text::scalar(name), yaml_text::scalar(text));
                    self.line(depth + 1, &format!("{name}: {text}"));
                }
            }
        }
    }
}
