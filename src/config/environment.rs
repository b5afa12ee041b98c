//! Environment variables that come before the file, as in upstream.
//!
//! They are put over what the file says before anything is inherited or checked, so a global
//! variable reaches every vCenter, and a mistake in one is told with its name.

mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::keys::{Field, Section, Shape};
use super::nearest::nearest;
use super::origin::Place;
use super::problem::Report;
use super::raw::{Data, RawConfig, RawSection, split};
use super::values;
use variables::{COMPANIONS, GLOBAL, Home, IGNORED};

/// Names the directory of credentials.
const DIRECTORY: &str = "VSPHERE_SECRETS_DIRECTORY";

/// Begins the name of a variable that adds a vCenter, or overrides one: `VSPHERE_VCENTER_<id>`.
const VCENTER: &str = "VSPHERE_VCENTER_";

/// Begins the names of what is said about it: `VCENTER_<id>_PORT`.
const COMPANION: &str = "VCENTER_";

/// The port of the global section, and not a vCenter of the id `PORT`.
const GLOBAL_PORT: &str = "VSPHERE_VCENTER_PORT";

/// What the environment says, as far as it can matter.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Those of the directories it may be about that exist.
    directories: BTreeSet<PathBuf>,
}

impl Environment {
    /// Where credentials are looked for without being told, if it exists.
    pub const SECRETS_DIRECTORY: &str = "/etc/cloud/secrets";

    /// Picks what matters out of all variables. `exists` is asked for directories.
    pub fn new(
        variables: impl IntoIterator<Item = (String, String)>,
        exists: impl Fn(&Path) -> bool,
    ) -> Self {
        let ours = |name: &str| {
            ["VSPHERE_", COMPANION, "NSXT_"].iter().any(|prefix| name.starts_with(prefix))
                || IGNORED.iter().any(|(known, _)| *known == name)
        };
        let variables: BTreeMap<_, _> =
            variables.into_iter().filter(|(name, value)| ours(name) && !value.is_empty()).collect();
        let candidates = [variables.get(DIRECTORY).map(String::as_str), Some(Self::SECRETS_DIRECTORY)];
        let directories =
            candidates.into_iter().flatten().map(PathBuf::from).filter(|path| exists(path)).collect();
        Self { variables, directories }
    }

    /// The directory that counts without being named, if it exists. A variable that names another one
    /// turns it off, even if that one does not exist.
    pub(super) fn default_directory(&self) -> Option<&Path> {
        if self.variables.contains_key(DIRECTORY) {
            return None;
        }
        self.directories.get(Path::new(Self::SECRETS_DIRECTORY)).map(PathBuf::as_path)
    }

    /// Puts it over what the file says.
    pub(super) fn apply(&self, raw: &mut RawConfig, report: &mut Report) {
        for (name, home, field) in GLOBAL {
            let Some(value) = self.variables.get(*name) else { continue };
            if *name == DIRECTORY && !self.directories.contains(Path::new(value)) {
                report.warn(variable(name), None, "has no effect, because there is no such directory");
                continue;
            }
            let section = match home {
                Home::Global => &mut raw.global,
                Home::Labels => &mut raw.labels,
                Home::Nodes => &mut raw.nodes,
                Home::Nsxt => &mut raw.nsxt,
            };
            set(section, *field, name, value, report);
        }
        for (name, value) in &self.variables {
            if let Some(id) = vcenter_id(name) {
                self.vcenter(id, name, value, raw, report);
            } else {
                self.remark(name, report);
            }
        }
    }

    /// `VSPHERE_VCENTER_<id>`: the value is the name of a vCenter, or its server.
    fn vcenter(&self, id: &str, name: &str, value: &str, raw: &mut RawConfig, report: &mut Report) {
        let section = Section::Vcenter(value.to_owned());
        let known = raw.vcenters.iter().position(|known| known.section == section);
        let known = known.or_else(|| raw.vcenters.iter().position(|known| serves(known, value)));
        let index = known.unwrap_or_else(|| {
            let mut new = RawSection::new(section, variable(name));
            new.set(Field::Server, variable(name), Data::Text(value.to_owned()));
            raw.vcenters.push(new);
            raw.vcenters.len() - 1
        });
        for (suffix, field) in COMPANIONS {
            let name = format!("{COMPANION}{id}_{suffix}");
            if let Some(value) = self.variables.get(&name) {
                set(&mut raw.vcenters[index], *field, &name, value, report);
            }
        }
    }

    /// Tells of a variable that has no effect.
    fn remark(&self, name: &str, report: &mut Report) {
        if let Some((_, why)) = IGNORED.iter().find(|(known, _)| *known == name) {
            report.note(variable(name), None, *why);
        } else if let Some(rest) = name.strip_prefix(COMPANION) {
            let suffix = |(suffix, _): &&(&str, Field)| rest.ends_with(&format!("_{suffix}"));
            // The longest, because one may end like another: SECRET_NAME, NAME.
            let longest = COMPANIONS.iter().filter(suffix).max_by_key(|(suffix, _)| suffix.len());
            // Anything else is somebody else's.
            let Some((suffix, _)) = longest else { return };
            let vcenter = format!("{VCENTER}{}", &rest[..rest.len() - suffix.len() - 1]);
            if !self.variables.contains_key(&vcenter) {
                report.note(variable(name), None, format!("has no effect without {vcenter}"));
            }
        } else if !GLOBAL.iter().any(|(known, ..)| *known == name) {
            let near = nearest(name, GLOBAL.iter().map(|(known, ..)| *known));
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            report.note(variable(name), None, format!("is not known and has no effect{hint}"));
        }
    }
}

// Values may be secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("directories", &self.directories)
            .finish()
    }
}

/// The variable for the port of a server that is given by a variable.
pub(super) fn port_variable(server: &str) -> String {
    let id = server.strip_prefix(COMPANION).and_then(|rest| rest.strip_suffix("_SERVER"));
    match id.or_else(|| vcenter_id(server)) {
        Some(id) => format!("{COMPANION}{id}_PORT"),
        None => GLOBAL_PORT.to_owned(),
    }
}

fn vcenter_id(name: &str) -> Option<&str> {
    name.strip_prefix(VCENTER).filter(|id| !id.is_empty() && name != GLOBAL_PORT)
}

fn variable(name: &str) -> Place {
    Place::Variable(name.to_owned())
}

/// Whether the file gives a vCenter this server.
fn serves(section: &RawSection, server: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches('[').trim_end_matches(']').to_owned();
    section.text(Field::Server).is_some_and(|(own, _)| values::same_server(&bare(own), &bare(server)))
}

fn set(section: &mut RawSection, field: Field, name: &str, value: &str, report: &mut Report) {
    let data = match section.section.shape(field) {
        Shape::Ignored => return report.note(variable(name), None, super::NO_EFFECT),
        Shape::List | Shape::Commas => split(value, variable(name)),
        // Of Go's words for booleans, `t` and `f` are no words of a file.
        Shape::Bool => Data::Text(match value.trim() {
            "t" | "T" => "true".to_owned(),
            "f" | "F" => "false".to_owned(),
            other => other.to_owned(),
        }),
        Shape::Text | Shape::Map => Data::Text(value.to_owned()),
    };
    section.set(field, variable(name), data);
}
