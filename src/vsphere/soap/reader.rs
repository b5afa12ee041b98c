//! A pull reader over one XML document that was received completely.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

use crate::vsphere::MoRef;

/// Deeper nesting than any vSphere message has (the deepest we read is about 12): protects the stack.
const MAX_DEPTH: usize = 64;

/// The namespace of `xsi:type`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The document is not what was expected. Says where, never shows the document itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unreadable answer at {}: {problem}", self.path())]
pub struct DecodeError {
    /// Element names from the innermost outwards.
    trail: Vec<String>,
    problem: String,
}

impl DecodeError {
    /// An error at the place where the reader stands.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { trail: Vec::new(), problem: problem.into() }
    }

    /// An element that the schema requires is absent.
    pub fn missing(element: &str) -> Self {
        Self::new(format!("<{element}> is missing"))
    }

    fn within(mut self, element: &str) -> Self {
        self.trail.push(element.to_owned());
        self
    }

    fn path(&self) -> String {
        let mut path = String::from("/");
        for (i, name) in self.trail.iter().rev().enumerate() {
            if i > 0 {
                path.push('/');
            }
            path.push_str(name);
        }
        path
    }
}

/// The start of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name without prefix.
    pub name: String,
    /// The unprefixed attribute `type`: the managed object type of a moref.
    pub kind: Option<String>,
    /// `xsi:type` without its prefix.
    pub xsi_type: Option<String>,
}

/// A type that can be read from an element.
pub trait FromXml: Sized {
    /// Reads the element whose start tag has just been consumed, up to its end tag.
    ///
    /// What is left unread is skipped by the caller.
    fn from_xml(reader: &mut Reader<'_>, tag: &Tag) -> Result<Self, DecodeError>;
}

/// Reads elements one after another.
#[derive(Debug)]
pub struct Reader<'i> {
    inner: NsReader<&'i [u8]>,
    depth: usize,
}

impl<'i> Reader<'i> {
    /// A reader over a whole document.
    pub fn new(document: &'i str) -> Self {
        let mut inner = NsReader::from_str(document);
        inner.config_mut().expand_empty_elements = true;
        Self { inner, depth: 0 }
    }

    /// Calls `each` for the child elements of the current one, in order, up to its end.
    ///
    /// `each` may leave its child unread, wholly or in part: unknown elements need no arm.
    pub fn children(
        &mut self,
        mut each: impl FnMut(&mut Self, &Tag) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let outer = self.depth;
        loop {
            match self.event()? {
                Event::Start(start) => {
                    let tag = self.open(&start)?;
                    each(self, &tag).map_err(|e| e.within(&tag.name))?;
                    while self.depth > outer {
                        self.skip_event()?;
                    }
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(());
                }
                Event::Eof if outer == 0 => return Ok(()),
                Event::Eof => return Err(DecodeError::new("the document ends in the middle")),
                _ => {}
            }
        }
    }

    /// The text of the current element, up to its end; pieces and references are joined.
    pub fn text(&mut self) -> Result<String, DecodeError> {
        let mut text = String::new();
        loop {
            match self.event()? {
                Event::Text(t) => text.push_str(&t.xml10_content()),
                Event::CData(t) => text.push_str(&t.xml10_content()),
                Event::GeneralRef(reference) => push_reference(&mut text, &reference)?,
                Event::Start(start) => {
                    let tag = self.open(&start)?;
                    return Err(DecodeError::new(format!("expected text, found <{}>", tag.name)));
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(text);
                }
                Event::Eof => return Err(DecodeError::new("the document ends in the middle")),
                _ => {}
            }
        }
    }

    /// Text and child elements of the current one, for values whose type is known only from the data.
    pub(super) fn mixed(
        &mut self,
        mut each: impl FnMut(&mut Self, &Tag) -> Result<(), DecodeError>,
    ) -> Result<String, DecodeError> {
        let outer = self.depth;
        let mut text = String::new();
        loop {
            match self.event()? {
                Event::Text(t) => text.push_str(&t.xml10_content()),
                Event::CData(t) => text.push_str(&t.xml10_content()),
                Event::GeneralRef(reference) => push_reference(&mut text, &reference)?,
                Event::Start(start) => {
                    let tag = self.open(&start)?;
                    each(self, &tag).map_err(|e| e.within(&tag.name))?;
                    while self.depth > outer {
                        self.skip_event()?;
                    }
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(text);
                }
                Event::Eof => return Err(DecodeError::new("the document ends in the middle")),
                _ => {}
            }
        }
    }

    /// Reads the current element as a `T`.
    pub fn read<T: FromXml>(&mut self, tag: &Tag) -> Result<T, DecodeError> {
        T::from_xml(self, tag)
    }

    fn event(&mut self) -> Result<Event<'i>, DecodeError> {
        self.inner.read_event().map_err(|e| DecodeError::new(format!("no well-formed XML: {e}")))
    }

    fn skip_event(&mut self) -> Result<(), DecodeError> {
        match self.event()? {
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth -= 1,
            Event::Eof => return Err(DecodeError::new("the document ends in the middle")),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Tag, DecodeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(DecodeError::new(format!("more than {MAX_DEPTH} levels of elements")));
        }
        let mut tag = Tag { name: start.local_name().as_ref().to_owned(), kind: None, xsi_type: None };
        for attribute in start.attributes() {
            let attribute =
                attribute.map_err(|e| DecodeError::new(format!("bad attribute in <{}>: {e}", tag.name)))?;
            if attribute.key.local_name().as_ref() != "type" {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|e| DecodeError::new(format!("bad attribute in <{}>: {e}", tag.name)))?;
            // Never by local name alone: `type` is the moref's type, `xsi:type` the value's.
            match self.inner.resolver().resolve_attribute(attribute.key).0 {
                ResolveResult::Bound(Namespace(XSI)) => {
                    tag.xsi_type = Some(without_prefix(&value).to_owned());
                }
                ResolveResult::Unbound => tag.kind = Some(without_prefix(&value).to_owned()),
                _ => {}
            }
        }
        Ok(tag)
    }
}

/// `xsd:string`, `xs:string` and `string` name the same type: prefixes vary from server to server.
fn without_prefix(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn push_reference(text: &mut String, reference: &quick_xml::events::BytesRef<'_>) -> Result<(), DecodeError> {
    if let Some(c) =
        reference.resolve_char_ref().map_err(|e| DecodeError::new(format!("bad character reference: {e}")))?
    {
        text.push(c);
        return Ok(());
    }
    let name: Cow<'_, str> = reference.xml10_content();
    match quick_xml::escape::resolve_predefined_entity(&name) {
        Some(resolved) => {
            text.push_str(resolved);
            Ok(())
        }
        None => Err(DecodeError::new("unknown entity")),
    }
}

impl FromXml for String {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        reader.text()
    }
}

impl FromXml for bool {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let text = reader.text()?;
        match text.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            other => Err(DecodeError::new(format!("expected true or false, found {other:?}"))),
        }
    }
}

impl FromXml for MoRef {
    fn from_xml(reader: &mut Reader<'_>, tag: &Tag) -> Result<Self, DecodeError> {
        let kind = tag.kind.clone().ok_or_else(|| DecodeError::new("a reference without its type"))?;
        Ok(Self::new(kind, reader.text()?.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(document: &str) -> Result<Vec<(Tag, String)>, DecodeError> {
        let mut seen = Vec::new();
        Reader::new(document).children(|reader, _| {
            reader.children(|reader, tag| {
                let text = reader.text()?;
                seen.push((tag.clone(), text));
                Ok(())
            })
        })?;
        Ok(seen)
    }

    #[test]
    fn the_two_type_attributes_are_told_apart_whatever_the_prefix() {
        let seen = first(
            r#"<a><val xmlns:q="http://www.w3.org/2001/XMLSchema-instance" type="HostSystem" q:type="x:ManagedObjectReference">host-21</val></a>"#,
        )
        .unwrap();
        assert_eq!(seen[0].0.kind.as_deref(), Some("HostSystem"));
        assert_eq!(seen[0].0.xsi_type.as_deref(), Some("ManagedObjectReference"));
        assert_eq!(seen[0].1, "host-21");
    }

    #[test]
    fn text_is_joined_across_references_and_cdata() {
        let seen = first("<a><b>x &amp; y&#65;<![CDATA[<z>]]> </b></a>").unwrap();
        assert_eq!(seen[0].1, "x & yA<z> ");
    }

    #[test]
    fn unread_children_are_skipped() {
        let mut names = Vec::new();
        Reader::new("<a><b><c><d/></c></b><e>1</e><f/></a>")
            .children(|reader, _| {
                reader.children(|_, tag| {
                    names.push(tag.name.clone());
                    Ok(())
                })
            })
            .unwrap();
        assert_eq!(names, ["b", "e", "f"]);
    }

    #[test]
    fn errors_name_the_place_but_show_nothing_of_the_document() {
        let error = first("<a><b>secret<c/></b></a>").unwrap_err();
        assert_eq!(error.to_string(), "unreadable answer at /a/b: expected text, found <c>");
        let error = first("<a><b>secret").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    struct Nest;

    impl FromXml for Nest {
        fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
            reader.children(|reader, tag| reader.read::<Nest>(tag).map(|_| ()))?;
            Ok(Self)
        }
    }

    #[test]
    fn endless_nesting_is_refused() {
        let document = "<a>".repeat(100_000);
        let error =
            Reader::new(&document).children(|reader, tag| reader.read::<Nest>(tag).map(|_| ())).unwrap_err();
        assert!(error.to_string().contains("levels of elements"), "{error}");
    }
}
