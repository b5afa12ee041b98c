//! YAML as a tree that keeps the text of every scalar and the line it stands on.
//!
//! Deserialising into structs would resolve scalars first and lose how they were written: a
//! password `0123` or `1e5` has to arrive as it stands in the file. So the events of the parser
//! are taken as they come.

use std::collections::HashMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, Tag};

/// A node and where it begins. There is no `Debug`: it may hold a password.
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) value: Value,
}

/// What a node is.
pub(super) enum Value {
    /// Nothing: `~`, `null`, or an empty place.
    Null,
    /// Text, escapes resolved.
    Text(String),
    /// A scalar with a tag that is none of YAML's own, or has to be decoded.
    Tagged,
    /// A list.
    List(Vec<Rc<Node>>),
    /// A mapping; merge keys resolved, no key twice.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone)]
pub(super) struct Entry {
    /// The key; none if it is not a scalar.
    pub(super) key: Option<String>,
    /// Line of the key.
    pub(super) line: usize,
    /// The value.
    pub(super) value: Rc<Node>,
}

/// What is wrong, and where; never tells anything of a value.
pub(super) struct TreeError {
    /// From 1.
    pub(super) line: usize,
    /// What is wrong and what to do.
    pub(super) message: String,
}

/// The first document of a text, and the line where another one begins.
pub(super) type Documents = (Option<Rc<Node>>, Option<usize>);

/// Reads the text.
pub(super) fn parse(text: &str) -> Result<Documents, TreeError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| TreeError { line: error.marker().line(), message: explain(error.kind()) })?;
        if let Some(root) = &builder.root
            && event.is_node()
        {
            return Ok((Some(Rc::clone(root)), Some(line(&span))));
        }
        builder.take(event, &span)?;
    }
    Ok((builder.root, None))
}

/// More entries than that only come out of merge keys that multiply.
const MERGE_LIMIT: usize = 100_000;

#[derive(Default)]
struct Builder {
    root: Option<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    merged: usize,
}

/// A list or mapping whose end has not come yet.
struct Open {
    line: usize,
    anchor: usize,
    /// A mapping has keys and values by turns.
    mapping: bool,
    children: Vec<(Rc<Node>, bool)>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), TreeError> {
        let line = line(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let merge = text == "<<" && style == ScalarStyle::Plain && tag.is_none();
                let value = scalar(text.into_owned(), style, tag.as_deref());
                self.close(Rc::new(Node { line, value }), anchor, merge);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { line, anchor, mapping: false, children: Vec::new() });
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open { line, anchor, mapping: true, children: Vec::new() });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let value = if open.mapping {
                        Value::Mapping(self.entries(open.children)?)
                    } else {
                        Value::List(open.children.into_iter().map(|(node, _)| node).collect())
                    };
                    self.close(Rc::new(Node { line: open.line, value }), open.anchor, false);
                }
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).map(Rc::clone) else {
                    return Err(TreeError {
                        line,
                        message: "an alias (*) stands inside what it refers to".into(),
                    });
                };
                self.close(node, 0, false);
            }
            _ => {}
        }
        Ok(())
    }

    /// A node is complete: it goes where it belongs.
    fn close(&mut self, node: Rc<Node>, anchor: usize, merge: bool) {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push((node, merge)),
            None => self.root = Some(node),
        }
    }

    fn entries(&mut self, children: Vec<(Rc<Node>, bool)>) -> Result<Vec<Entry>, TreeError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut merges = Vec::new();
        let mut children = children.into_iter();
        while let (Some((key, merge)), Some((value, _))) = (children.next(), children.next()) {
            if merge {
                merges.push((key.line, value));
                continue;
            }
            let name = match &key.value {
                Value::Text(text) => Some(text.clone()),
                Value::Null => Some(String::new()),
                Value::Tagged | Value::List(_) | Value::Mapping(_) => None,
            };
            if let Some(name) = &name
                && let Some(first) = lines.insert(name.clone(), key.line)
            {
                // Without a value it may be a piece of a password; it is not worth telling apart.
                let shown = match value.value {
                    Value::Null => "a key".to_owned(),
                    _ => format!("the key `{name}`"),
                };
                return Err(TreeError {
                    line: key.line,
                    message: format!("{shown} is already given on line {first}; keep one of the two"),
                });
            }
            entries.push(Entry { key: name, line: key.line, value });
        }
        for (line, value) in merges {
            self.merge(line, &value, &mut entries, &mut lines)?;
        }
        Ok(entries)
    }

    /// Adds what a `<<` brings; what is there already stays.
    fn merge(
        &mut self,
        line: usize,
        value: &Rc<Node>,
        entries: &mut Vec<Entry>,
        lines: &mut HashMap<String, usize>,
    ) -> Result<(), TreeError> {
        let sources = match &value.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        for source in sources {
            let Value::Mapping(source) = &source.value else {
                return Err(TreeError { line, message: "`<<` takes a mapping or a list of mappings".into() });
            };
            for entry in source {
                self.merged += 1;
                if self.merged > MERGE_LIMIT {
                    return Err(TreeError { line, message: "too much is merged with `<<`".into() });
                }
                if let Some(name) = &entry.key
                    && !lines.contains_key(name)
                {
                    lines.insert(name.clone(), entry.line);
                    entries.push(entry.clone());
                }
            }
        }
        Ok(())
    }
}

fn line(span: &Span) -> usize {
    span.start.line()
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    match tag {
        None if style == ScalarStyle::Plain
            && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") =>
        {
            Value::Null
        }
        None => Value::Text(text),
        Some(tag) if tag.is_yaml_core_schema_tag("null") => Value::Null,
        Some(tag) if tag.is_yaml_core_schema() => Value::Text(text),
        Some(_) => Value::Tagged,
    }
}

/// The parser's own words are for people who know its grammar; the usual slips get better ones.
fn explain(kind: &ErrorKind) -> String {
    let text = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => "a tab stands where YAML allows only spaces; indent with spaces",
        ErrorKind::UnclosedQuotedScalar => "a quoted value is not closed; is the quote at its end missing?",
        ErrorKind::InvalidQuotedScalarIndent => {
            "a quoted value is still open here; is its closing quote missing in a line above?"
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => {
            "in double quotes a \\ begins an escape; write \\\\ for one \\, or use single quotes"
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar => {
            "something follows the closing quote; inside single quotes write '' for one '"
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            "something follows the closing quote; inside double quotes write \\\" for one \""
        }
        ErrorKind::UnknownAnchor | ErrorKind::MissingAnchorOrAliasName => {
            "a value that begins with * or & is taken for an alias or anchor; put it in single quotes"
        }
        ErrorKind::UnexpectedCharacter { .. } => {
            "a value cannot begin with @, ` or %; put it in single quotes"
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            "a colon stands where none is allowed: put a value that holds `: ` in single quotes, or correct the \
             indentation"
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "expected `key: value` (for the INI dialect the file must begin with a section header such as [Global])"
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => {
            "expected a key; is this line indented like its neighbours?"
        }
        ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd => {
            "brackets do not match; put a value that holds { } [ ] in single quotes"
        }
        ErrorKind::InvalidTagTerminator
        | ErrorKind::InvalidTagEscape
        | ErrorKind::MissingTagUri
        | ErrorKind::InvalidGlobalTagCharacter
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::UndeclaredTagHandle => {
            "a value that begins with ! is taken for a tag; put it in single quotes"
        }
        ErrorKind::InvalidBlockScalarHeader => {
            "a value that begins with | or > is taken for a block of text; put it in single quotes"
        }
        other => return format!("not valid YAML: {other}"),
    };
    text.to_owned()
}
