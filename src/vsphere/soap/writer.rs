//! Writing requests.

use std::borrow::Cow;

use quick_xml::escape::escape;

use crate::vsphere::MoRef;

/// Whether XML 1.0 can carry the character at all; not even a reference can stand for the others.
pub const fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{1_0000}'..)
}

/// Builds the XML of one request.
///
/// vCenter insists on the schema's order of elements: callers write them in that order. Characters
/// that XML cannot carry become U+FFFD, so that any text makes well-formed XML.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// Writes `text` as it is.
    pub(super) fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// The XML written so far.
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// An element with content.
    pub fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.raw("<");
        self.raw(name);
        self.raw(">");
        content(self);
        self.close(name);
    }

    /// An element with content whose declared type has subtypes: those must carry `xsi:type`.
    pub fn typed(&mut self, name: &str, xsi_type: &str, content: impl FnOnce(&mut Self)) {
        self.raw("<");
        self.raw(name);
        self.raw(" xsi:type=\"");
        self.raw(xsi_type);
        self.raw("\">");
        content(self);
        self.close(name);
    }

    /// An element with text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.element(name, |w| w.raw(&escape(&*legal(text))));
    }

    /// An element with a number.
    pub fn number(&mut self, name: &str, number: impl Into<i64>) {
        self.text(name, &number.into().to_string());
    }

    /// An element with a truth value.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.text(name, if value { "true" } else { "false" });
    }

    /// An element with a reference.
    pub fn moref(&mut self, name: &str, moref: &MoRef) {
        self.raw("<");
        self.raw(name);
        self.raw(" type=\"");
        self.raw(&escape(&*legal(&moref.kind)));
        self.raw("\">");
        self.raw(&escape(&*legal(&moref.id)));
        self.close(name);
    }

    fn close(&mut self, name: &str) {
        self.raw("</");
        self.raw(name);
        self.raw(">");
    }
}

fn legal(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_legal) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_legal(c) { c } else { char::REPLACEMENT_CHARACTER }).collect())
}
