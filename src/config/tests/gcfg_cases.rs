//! The INI syntax against what `gopkg.in/gcfg.v1` v1.2.3 was seen to do.
//!
//! The Go program read each text into a section `s` with the texts `a`, `b`, `long-key` and the
//! bool `flag`, and a section `m` with subsections of the same keys.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{gcfg, values};

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    text: String,
    #[serde(default)]
    values: BTreeMap<String, Value>,
    #[serde(default)]
    error: bool,
    #[serde(default)]
    line: Option<usize>,
}

/// What the Go program made of the sections.
fn store(sections: &[gcfg::Section]) -> Result<BTreeMap<String, Value>, String> {
    let mut stored = BTreeMap::new();
    for section in sections {
        let prefix = match (section.name.to_ascii_lowercase().as_str(), &section.subsection) {
            ("s", None) => "s".to_owned(),
            ("m", sub) => {
                let prefix = format!("m.{}", sub.as_deref().unwrap_or_default());
                stored.insert(prefix.clone(), Value::from("present"));
                prefix
            }
            _ => continue,
        };
        for variable in &section.variables {
            let name = variable.name.to_ascii_lowercase();
            let path = format!("{prefix}.{name}");
            match (name.as_str(), &variable.value) {
                ("flag", None) => drop(stored.insert(path, Value::from(true))),
                // The words themselves are not part of the syntax; `y` is added for YAML's sake.
                ("flag", Some(text)) => {
                    if text == "y" || !values::boolean(text)? {
                        stored.remove(&path);
                        if text == "y" {
                            return Err("gcfg has no y".to_owned());
                        }
                    } else {
                        stored.insert(path, Value::from(true));
                    }
                }
                ("a" | "b" | "long-key", Some(text)) if text.is_empty() => drop(stored.remove(&path)),
                ("a" | "b" | "long-key", Some(text)) => {
                    drop(stored.insert(path, Value::from(text.as_str())));
                }
                ("a" | "b" | "long-key", None) => return Err(format!("{path} has no value")),
                _ => {}
            }
        }
    }
    Ok(stored)
}

#[test]
fn outcomes_of_the_go_package() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../testdata/gcfg.json")).unwrap();
    assert!(cases.len() > 60);
    for case in cases {
        let name = case.name;
        match (gcfg::parse(&case.text), case.error) {
            (Ok(read), error) => match store(&read.sections) {
                Ok(stored) => {
                    assert!(!error, "{name}: accepted");
                    assert_eq!(stored, case.values, "{name}");
                }
                Err(message) => assert!(error && case.line.is_none(), "{name}: {message}"),
            },
            (Err(error), true) => assert_eq!(Some(error.line), case.line, "{name}: {error:?}"),
            (Err(error), false) => panic!("{name}: {error:?}"),
        }
    }
}
