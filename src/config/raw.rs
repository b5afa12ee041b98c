//! The file after its syntax and before its meaning: the same for both dialects.

use super::dialect::Dialect;
use super::keys::{Field, Section};
use super::origin::Place;

/// What stands in the file, with the lines it stands on; environment variables come on top.
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
    /// `nsxt`
    pub(super) nsxt: RawSection,
    /// `loadBalancer`
    pub(super) load_balancer: RawSection,
    /// `loadBalancerClass.*` in the order of the file.
    pub(super) classes: Vec<RawSection>,
    /// `route`
    pub(super) route: RawSection,
    /// There is something about vCenters that could not be read, and that is reported.
    pub(super) vcenters_lost: bool,
    /// Whole-line comments after the last value, without what marks them; INI only.
    pub(super) comments: Vec<String>,
}

impl RawConfig {
    /// Without any section.
    pub(super) fn new(dialect: Dialect) -> Self {
        let empty = |section| RawSection::new(section, Place::Nowhere);
        Self {
            dialect,
            global: empty(Section::Global),
            vcenters: Vec::new(),
            labels: empty(Section::Labels),
            nodes: empty(Section::Nodes),
            nsxt: empty(Section::Nsxt),
            load_balancer: empty(Section::LoadBalancer),
            classes: Vec::new(),
            route: empty(Section::Route),
            vcenters_lost: false,
            comments: Vec::new(),
        }
    }
}

/// A section with what it says.
pub(super) struct RawSection {
    /// Which one it is.
    pub(super) section: Section,
    /// Where it begins; nowhere if it is not there.
    pub(super) place: Place,
    /// Comments above its header; INI only.
    pub(super) comments: Vec<String>,
    values: Vec<RawValue>,
    lost: Vec<Field>,
}

/// What a key was given.
pub(super) struct RawValue {
    /// The key.
    pub(super) field: Field,
    /// Where the value stands.
    pub(super) place: Place,
    /// The value.
    pub(super) data: Data,
    /// Comments above it; INI only.
    pub(super) comments: Vec<String>,
}

/// A value as text.
pub(super) enum Data {
    /// One value.
    Text(String),
    /// Several, each with its place, trimmed and not empty.
    List(Vec<(String, Place)>),
    /// Names with values.
    Map(Vec<(String, String)>),
}

impl RawSection {
    /// Without any value.
    pub(super) fn new(section: Section, place: impl Into<Place>) -> Self {
        Self { section, place: place.into(), comments: Vec::new(), values: Vec::new(), lost: Vec::new() }
    }

    /// Gives a key its value; the last one wins.
    pub(super) fn set(&mut self, field: Field, place: impl Into<Place>, data: Data) {
        self.set_with_comments(field, place, data, Vec::new());
    }

    /// The same, with the comments above it.
    pub(super) fn set_with_comments(
        &mut self,
        field: Field,
        place: impl Into<Place>,
        data: Data,
        comments: Vec<String>,
    ) {
        self.values.retain(|value| value.field != field);
        self.values.push(RawValue { field, place: place.into(), data, comments });
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

    /// Whether it says anything at all, readable or not.
    pub(super) fn says_something(&self) -> bool {
        !self.lost.is_empty() || self.values().next().is_some()
    }

    /// The values in the order of the file, without the empty ones.
    pub(super) fn values(&self) -> impl Iterator<Item = &RawValue> {
        self.values.iter().filter(|value| match &value.data {
            Data::Text(text) => !text.is_empty(),
            Data::List(items) => !items.is_empty(),
            Data::Map(_) => true,
        })
    }

    /// What a key was given; an empty text is the same as none.
    pub(super) fn get(&self, field: Field) -> Option<&RawValue> {
        self.values().find(|value| value.field == field)
    }

    /// The text of a key and its place.
    pub(super) fn text(&self, field: Field) -> Option<(&str, &Place)> {
        match self.get(field) {
            Some(RawValue { place, data: Data::Text(text), .. }) => Some((text, place)),
            _ => None,
        }
    }

    /// The items of a key, each with its place.
    pub(super) fn items(&self, field: Field) -> &[(String, Place)] {
        match self.get(field) {
            Some(RawValue { data: Data::List(items), .. }) => items,
            _ => &[],
        }
    }

    /// The best place to name for a key: that of its value, also if it is empty, or of the section.
    pub(super) fn place_of(&self, field: Field) -> &Place {
        self.values.iter().find(|value| value.field == field).map_or(&self.place, |value| &value.place)
    }
}

/// Text with commas into its items.
pub(super) fn split(text: &str, place: impl Into<Place>) -> Data {
    let place = place.into();
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Data::List(items.map(|item| (item.to_owned(), place.clone())).collect())
}
