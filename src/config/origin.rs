//! Where a value comes from: its place in the input, and the origin of what is in effect.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::keys::{Field, Section};
use super::model::SecretRef;

/// Where something stands in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It concerns all of it, or is not there.
    Nowhere,
    /// A line of the file, from 1.
    Line(usize),
    /// An environment variable.
    Variable(String),
}

impl From<usize> for Place {
    fn from(line: usize) -> Self {
        Self::Line(line)
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

/// Where a value that is in effect comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file.
    File {
        /// The file as the caller named it.
        file: String,
        /// From 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A Kubernetes Secret, which is read later and again whenever it changes.
    Secret(SecretRef),
    /// The files of a directory, read likewise.
    Directory(PathBuf),
    /// Nobody says anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Secret(secret) => write!(f, "Secret {secret}"),
            Self::Directory(directory) => write!(f, "directory {}", directory.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The places of the values in effect, by the key they stand for. Inheritance is done: a vCenter's
/// port may have its place in the global section.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    file: String,
    places: BTreeMap<(Section, Field), Place>,
}

impl Origins {
    /// None known yet.
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), places: BTreeMap::new() }
    }

    /// The value of the key stands there.
    pub(super) fn set(&mut self, section: &Section, field: Field, place: &Place) {
        self.places.insert((section.clone(), field), place.clone());
    }

    /// Where the value of a key comes from.
    pub(super) fn get(&self, section: &Section, field: Field) -> Origin {
        match self.places.get(&(section.clone(), field)) {
            None | Some(Place::Nowhere) => Origin::Default,
            Some(Place::Line(line)) => Origin::File { file: self.file.clone(), line: *line },
            Some(Place::Variable(variable)) => Origin::Environment { variable: variable.clone() },
        }
    }
}
