//! A value of `xsd:anyType`, as properties have it.

use std::str::FromStr;

use super::{DecodeError, FromXml, Reader, Tag};
use crate::vsphere::MoRef;

/// A value whose type only the message itself tells: text, reference, structure or array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// `xsi:type` without prefix, as in `string` or `ArrayOfGuestNicInfo`.
    pub type_name: Option<String>,
    /// The type of the object, if the value is a reference.
    pub reference: Option<String>,
    /// The text, if there are no fields.
    pub text: String,
    /// The child elements in order; those of an array all have the name of their type.
    pub fields: Vec<(String, Value)>,
}

impl Value {
    /// The text, unless it is empty.
    pub fn as_text(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(self.text.as_str())
    }

    /// The text parsed, unless it is no such thing.
    pub fn parse<T: FromStr>(&self) -> Option<T> {
        self.text.trim().parse().ok()
    }

    /// The reference, if it is one.
    pub fn as_moref(&self) -> Option<MoRef> {
        let kind = self.reference.as_deref()?;
        Some(MoRef::new(kind, self.text.trim()))
    }

    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// All fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value)
    }
}

impl FromXml for Value {
    fn from_xml(reader: &mut Reader<'_>, tag: &Tag) -> Result<Self, DecodeError> {
        let mut fields = Vec::new();
        let text = reader.mixed(|reader, child| {
            fields.push((child.name.clone(), reader.read(child)?));
            Ok(())
        })?;
        // Between the fields of a structure there is only layout.
        let text = if fields.is_empty() { text } else { String::new() };
        Ok(Self { type_name: tag.xsi_type.clone(), reference: tag.kind.clone(), text, fields })
    }
}
