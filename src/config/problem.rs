//! What is wrong with a configuration file, and where.

use std::fmt;
use std::io;

use super::keys::Section;
use super::model::FeatureName;
use super::origin::Place;

/// One thing that is wrong: where it stands, what was expected, what to do.
///
/// Texts never hold the value of a key that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the caller named it, or `environment`.
    pub file: String,
    /// Line, from 1; none for what concerns the whole file.
    pub line: Option<usize>,
    /// The key in the spelling of the file's dialect, e.g. `[VirtualCenter "vc1"] ip-family`, or
    /// the environment variable.
    pub key: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// How much a [`Warning`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing to do; for the debug log.
    Note,
    /// Very likely a mistake; an error under [`Options::strict`](super::Options::strict).
    Warning,
}

/// Something that does not keep the file from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// How much it matters.
    pub severity: Severity,
    /// What it is.
    pub problem: Problem,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file as the caller named it.
        file: String,
        /// What happened and what to do.
        reason: String,
        /// The system's error.
        source: io::Error,
    },
    /// The file was read and is wrong; never empty, in the order of the file.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
}

impl ConfigError {
    /// Everything that is wrong with the content; empty when the file could not be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Invalid(problems) => problems,
        }
    }

    /// An error of the whole file.
    pub(super) fn whole_file(file: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem { file: file.to_owned(), line: None, key: None, message: message.into() }])
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Collects what is found while a file is read, so that all of it is told at once.
pub(super) struct Report {
    file: String,
    errors: Vec<Problem>,
    warnings: Vec<Warning>,
    /// Errors that only switch off a feature.
    disabling: Vec<(FeatureName, Problem)>,
}

impl Report {
    /// Nothing found yet.
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), errors: Vec::new(), warnings: Vec::new(), disabling: Vec::new() }
    }

    /// Something that keeps the section from being used: the whole file, or a feature.
    pub(super) fn error(
        &mut self,
        section: &Section,
        place: impl Into<Place>,
        key: impl Into<Option<String>>,
        message: impl Into<String>,
    ) {
        let problem = self.problem(place.into(), key.into(), message.into());
        match section.feature() {
            Some(feature) => self.disabling.push((feature, problem)),
            None => self.errors.push(problem),
        }
    }

    /// Something that keeps the file from being used.
    pub(super) fn fatal(
        &mut self,
        place: impl Into<Place>,
        key: impl Into<Option<String>>,
        message: impl Into<String>,
    ) {
        let problem = self.problem(place.into(), key.into(), message.into());
        self.errors.push(problem);
    }

    /// Very likely a mistake.
    pub(super) fn warn(
        &mut self,
        place: impl Into<Place>,
        key: impl Into<Option<String>>,
        message: impl Into<String>,
    ) {
        let problem = self.problem(place.into(), key.into(), message.into());
        self.warnings.push(Warning { severity: Severity::Warning, problem });
    }

    /// Harmless.
    pub(super) fn note(
        &mut self,
        place: impl Into<Place>,
        key: impl Into<Option<String>>,
        message: impl Into<String>,
    ) {
        let problem = self.problem(place.into(), key.into(), message.into());
        self.warnings.push(Warning { severity: Severity::Note, problem });
    }

    /// What keeps a feature from being used; in the order of the file.
    pub(super) fn disabling(&self, feature: FeatureName) -> Vec<Problem> {
        let of_feature = self.disabling.iter().filter(|(name, _)| *name == feature);
        let mut problems: Vec<_> = of_feature.map(|(_, problem)| problem.clone()).collect();
        problems.sort_by_key(order);
        problems
    }

    /// The warnings, or all errors; under `strict` a warning is an error.
    pub(super) fn finish(mut self, strict: bool) -> Result<Vec<Warning>, ConfigError> {
        for (feature, mut problem) in self.disabling {
            if strict {
                self.errors.push(problem);
            } else {
                problem.message = format!("{}; {}", problem.message, feature.consequence());
                self.warnings.push(Warning { severity: Severity::Warning, problem });
            }
        }
        self.warnings.sort_by_key(|warning| order(&warning.problem));
        if strict {
            let (serious, notes) =
                self.warnings.into_iter().partition(|warning| warning.severity == Severity::Warning);
            self.warnings = notes;
            let serious: Vec<Warning> = serious;
            self.errors.extend(serious.into_iter().map(|warning| warning.problem));
        }
        self.errors.sort_by_key(order);
        if self.errors.is_empty() { Ok(self.warnings) } else { Err(ConfigError::Invalid(self.errors)) }
    }

    fn problem(&self, place: Place, key: Option<String>, message: String) -> Problem {
        match place {
            Place::Nowhere => Problem { file: self.file.clone(), line: None, key, message },
            Place::Line(line) => Problem { file: self.file.clone(), line: Some(line), key, message },
            Place::Variable(variable) => {
                Problem { file: ENVIRONMENT.to_owned(), line: None, key: Some(variable), message }
            }
        }
    }
}

/// What stands for the file when an environment variable is wrong.
const ENVIRONMENT: &str = "environment";

/// Problems of the whole file last: what they miss may be due to the earlier ones.
fn order(problem: &Problem) -> usize {
    problem.line.unwrap_or(usize::MAX)
}
