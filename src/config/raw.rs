//! The file after its syntax and before its meaning: the same for both dialects.

use super::dialect::Dialect;
use super::keys::{Field, Section};

/// What stands in the file, with the lines it stands on.
///
/// There is no `Debug`: values may be secret.
pub(super) struct RawConfig {
    /// How problems are to be spelled.
    pub(super) dialect: Dialect,
    /// `global`
    pub(super) global: RawSection,
    /// `vcenter.*` in the order of the file.
    pub(super) vcenters: Vec<RawSection>,
    /// `labels`
    pub(super) labels: RawSection,
    /// `nodes`
    pub(super) nodes: RawSection,
    /// There is something about vCenters that could not be read, and that is reported.
    pub(super) vcenters_lost: bool,
}

impl RawConfig {
    /// Without any section.
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            global: RawSection::new(Section::Global, None),
            vcenters: Vec::new(),
            labels: RawSection::new(Section::Labels, None),
            nodes: RawSection::new(Section::Nodes, None),
            vcenters_lost: false,
        }
    }
}

/// A section with what it says.
pub(super) struct RawSection {
    /// Which one it is.
    pub(super) section: Section,
    /// Where it begins; none if it is not in the file.
    pub(super) line: Option<usize>,
    values: Vec<RawValue>,
    lost: Vec<Field>,
}

/// What a key was given.
pub(super) struct RawValue {
    field: Field,
    /// Where the value stands.
    pub(super) line: usize,
    /// The value.
    pub(super) data: Data,
}

/// A value as text.
pub(super) enum Data {
    /// One value.
    Text(String),
    /// Several, each with its line, trimmed and not empty.
    List(Vec<(String, usize)>),
}

impl RawSection {
    /// Without any value.
    pub(super) fn new(section: Section, line: Option<usize>) -> Self {
        Self { section, line, values: Vec::new(), lost: Vec::new() }
    }

    /// Gives a key its value; the last one wins.
    pub(super) fn set(&mut self, field: Field, line: usize, data: Data) {
        self.values.retain(|value| value.field != field);
        self.values.push(RawValue { field, line, data });
    }

    /// Remembers that a key is given in a way that could not be read, and that is reported: it must
    /// not be called missing as well.
    pub(super) fn lose(&mut self, field: Field) {
        self.lost.push(field);
    }

    /// Whether a value of the key could not be read.
    pub(super) fn has_lost(&self, field: Field) -> bool {
        self.lost.contains(&field)
    }

    /// What a key was given; an empty text is the same as none.
    pub(super) fn get(&self, field: Field) -> Option<&RawValue> {
        self.values
            .iter()
            .find(|value| value.field == field)
            .filter(|value| !matches!(&value.data, Data::Text(text) if text.is_empty()))
    }

    /// The text of a key and its line.
    pub(super) fn text(&self, field: Field) -> Option<(&str, usize)> {
        match self.get(field) {
            Some(RawValue { line, data: Data::Text(text), .. }) => Some((text, *line)),
            _ => None,
        }
    }

    /// The items of a key, each with its line.
    pub(super) fn items(&self, field: Field) -> &[(String, usize)] {
        match self.get(field) {
            Some(RawValue { data: Data::List(items), .. }) => items,
            _ => &[],
        }
    }

    /// The best line to name for a key: that of its value, also if it is empty, or of the section.
    pub(super) fn line_of(&self, field: Field) -> Option<usize> {
        self.values.iter().find(|value| value.field == field).map(|value| value.line).or(self.line)
    }
}

/// Text with commas into its items.
pub(super) fn split(text: &str, line: usize) -> Data {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Data::List(items.map(|item| (item.to_owned(), line)).collect())
}
