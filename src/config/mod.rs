//! `vsphere.conf`: what the cloud provider is told by its administrator.
//!
//! ```text
//! text ─ dialect ─┬─ yaml_tree ─ yaml ─┬─ raw ── environment ── resolve ─ model::Config
//!                 └─ gcfg ────── ini ──┘   └─ convert           (values)
//! ```
//!
//! The two halves in the middle know the syntax, `keys` knows the names, `resolve` and `values`
//! know what they mean, `effective` lists what came of it. Nothing here does I/O except
//! [`read_file`] and what is named after it, and no error or warning holds the value of a key that may be secret.

mod convert;
mod dialect;
mod effective;
mod environment;
mod gcfg;
mod ini;
mod keys;
mod model;
mod nearest;
mod origin;
mod problem;
mod raw;
mod resolve;
mod secret;
#[cfg(test)]
mod tests;
mod values;
mod yaml;
mod yaml_text;
mod yaml_tree;

use std::io;
use std::path::Path;

pub use convert::{Converted, to_yaml};
pub use dialect::Dialect;
pub use effective::{Setting, SettingValue};
pub use environment::Environment;
pub use model::{
    AddressRule, Config, CredentialSource, Feature, FeatureName, IpFamily, Labels, LoadBalancer,
    LoadBalancerClass, LoadBalancerSize, Nodes, Nsxt, NsxtAuth, Reference, Route, SecretRef, Thumbprint, Tls,
    Vcenter,
};
pub(crate) use nearest::nearest;
pub use origin::Origin;
pub use problem::{ConfigError, Problem, Severity, Warning};
pub use secret::{Credentials, CredentialsError, Found};

use origin::Origins;
use problem::Report;

/// How strictly a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Warnings are errors: no unknown key, no value without effect.
    pub strict: bool,
}

/// A configuration, and what is strange about its file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the file says.
    pub config: Config,
    /// In the order of the file, as far as they have lines.
    pub warnings: Vec<Warning>,
    origins: Origins,
}

impl Loaded {
    /// Every value that is in effect, and where it comes from.
    pub fn settings(&self) -> Vec<Setting> {
        effective::settings(&self.config, &self.origins)
    }
}

/// A text as a YAML scalar, in quotes if it needs them.
pub fn yaml_scalar(text: &str) -> String {
    yaml_text::scalar(text)
}

const EMPTY: &str =
    "the file says nothing; expected at least a vCenter (`vcenter:` in YAML, [VirtualCenter \"...\"] in INI)";
const IN_TREE: &str =
    "belongs to the provider that was once part of Kubernetes and has no effect here; remove it";
const NO_EFFECT: &str = "is accepted for compatibility and has no effect";

/// Reads a configuration in either dialect, and puts the environment over it. `file` is what
/// messages call it.
pub fn load(
    text: &str,
    file: &str,
    options: Options,
    environment: &Environment,
) -> Result<Loaded, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut report = Report::new(file);
    let mut raw = match Dialect::of(text) {
        None => return Err(ConfigError::whole_file(file, EMPTY)),
        Some(Dialect::Yaml) => yaml::read(text, file, &mut report)?,
        Some(Dialect::Ini) => ini::read(text, file, &mut report)?,
    };
    environment.apply(&mut raw, &mut report);
    let (config, origins) = resolve::resolve(&raw, file, environment.default_directory(), &mut report);
    let warnings = report.finish(options.strict)?;
    Ok(Loaded { config, warnings, origins })
}

/// Reads a configuration from a file, and nothing from the environment.
pub fn load_file(path: impl AsRef<Path>, options: Options) -> Result<Loaded, ConfigError> {
    load_file_with(path, options, &Environment::default())
}

/// Reads a configuration from a file, and puts the environment over it.
pub fn load_file_with(
    path: impl AsRef<Path>,
    options: Options,
    environment: &Environment,
) -> Result<Loaded, ConfigError> {
    let path = path.as_ref();
    load(&read_file(path)?, &path.display().to_string(), options, environment)
}

/// The text of a file.
pub fn read_file(path: &Path) -> Result<String, ConfigError> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| ConfigError::Unreadable {
        file: file.clone(),
        reason: reason(&source),
        source,
    })?;
    String::from_utf8(bytes).map_err(|error| {
        ConfigError::whole_file(&file, not_utf8(error.as_bytes(), error.utf8_error().valid_up_to()))
    })
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file; is the ConfigMap or Secret with it mounted, and its key \
                                    the name of this file?"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "reading it is not permitted; does its mode (defaultMode of the volume) let this user read it?"
                .to_owned()
        }
        io::ErrorKind::IsADirectory => "is a directory; name the file in it".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

fn not_utf8(bytes: &[u8], valid: usize) -> String {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return "the file is UTF-16; save it as UTF-8".to_owned();
    }
    let line = 1 + bytes.iter().take(valid).filter(|byte| **byte == b'\n').count();
    format!("line {line} is not UTF-8; save the file as UTF-8")
}
