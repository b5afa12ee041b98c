//! Texts as YAML scalars that every reader takes for the same text: this one, and Go's yaml.v2 with
//! the rules of YAML 1.1.

use std::fmt::Write as _;

/// A scalar for a text.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.chars().all(is_printable) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        escaped(text)
    }
}

/// The rest of a line after `#`.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c == '\t' || is_printable(c) { c } else { ' ' }).collect()
}

/// Words that mean something else than themselves, in any case.
const RESERVED: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null", "~", ".nan", ".inf"];

/// Begins with a letter or slash, and has nothing that YAML gives a meaning to.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-@".contains(c))
        && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Not a control character, and no line break of YAML 1.1.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn escaped(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if is_printable(c) => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::yaml_tree::{self, Value};

    fn read(document: &str) -> Option<String> {
        let (root, _) = yaml_tree::parse(document).ok()?;
        let Value::Mapping(entries) = &root?.value else { return None };
        match &entries.first()?.value.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    #[test]
    fn texts_are_quoted_when_they_have_to_be() {
        for (text, want) in [
            ("vc.example.com", "vc.example.com"),
            ("/a/b", "/a/b"),
            ("yes", "'yes'"),
            ("NULL", "'NULL'"),
            ("", "''"),
            ("1e5", "'1e5'"),
            ("it's", "'it''s'"),
            ("a: b #c", "'a: b #c'"),
            ("a\nb", "\"a\\nb\""),
            ("a\u{7}\u{2028}", "\"a\\u0007\\u2028\""),
        ] {
            assert_eq!(scalar(text), want);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in "(?s).{0,20}") {
            prop_assume!(!text.contains('\0'));
            let document = format!("#{}\nk: {}\n", comment(&text), scalar(&text));
            prop_assert_eq!(read(&document), Some(text));
        }
    }
}
