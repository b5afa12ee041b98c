//! Scalars as `gopkg.in/yaml.v2` v2.4.0 was seen to read them into a string and into a bool.

use super::super::values;
use super::super::yaml_tree::{self, Value};

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    /// None for an error.
    value: Option<String>,
    /// None for an error or null.
    bool: Option<bool>,
}

/// Where this reader differs on purpose, and what it does: an error, or a text.
const DIFFERENT: &[(&str, Option<&str>)] = &[
    // Go drops the word, and half of a password with it.
    ("!ab", None),
    ("!ab cd", None),
    ("! cd", None),
    // Nobody is known to write that.
    ("!!binary YWI=", None),
    // Escapes of YAML 1.2.
    ("\"\\ud83d\\ude00\"", Some("😀")),
    ("\"a\\/b\"", Some("a/b")),
];

fn read(text: &str) -> Option<String> {
    let document = format!("v: {text}\nb: 7\n");
    let (root, _) = yaml_tree::parse(&document).ok()?;
    let Value::Mapping(entries) = &root?.value else { return None };
    if entries.len() != 2 {
        return None;
    }
    match &entries[0].value.value {
        Value::Null => Some(String::new()),
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

#[test]
fn outcomes_of_the_go_package() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../testdata/yaml_scalars.json")).unwrap();
    assert!(cases.len() > 80);
    let mut wrong = Vec::new();
    for case in cases {
        let want = match DIFFERENT.iter().find(|(text, _)| *text == case.text) {
            Some((_, want)) => want.map(str::to_owned),
            None => case.value,
        };
        let got = read(&case.text);
        if got != want {
            wrong.push(format!("{:?}: {got:?}, not {want:?}", case.text));
        }
        // Go turns some nulls into false.
        if let (Some(want), Some(false)) = (case.bool, got.as_ref().map(String::is_empty)) {
            assert_eq!(got.map(|text| values::boolean(&text)), Some(Ok(want)), "{:?}", case.text);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
