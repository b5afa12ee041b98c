//! Dependencies point one way: the map in `src/lib.rs`, enforced.

use std::fs;
use std::path::{Path, PathBuf};

/// Which other top-level modules each one may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("metrics", &[]),
    ("vsphere", &["config", "metrics"]),
    ("cloud", &[]),
    ("provider", &["config", "vsphere", "cloud"]),
    ("k8s", &["metrics"]),
    ("controllers", &["cloud", "k8s", "metrics"]),
    ("fleet", &["config", "metrics", "vsphere", "provider", "k8s"]),
    ("check", &["config", "vsphere", "cloud", "provider", "k8s", "controllers", "fleet"]),
    ("serve", &["metrics"]),
    (
        "cli",
        &[
            "config",
            "check",
            "fleet",
            "metrics",
            "vsphere",
            "cloud",
            "provider",
            "k8s",
            "controllers",
            "serve",
        ],
    ),
    // Only in tests.
    ("simulation", &["cli", "cloud", "controllers", "k8s"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Top-level modules that a source file names after `crate::`.
fn uses(source: &str) -> Vec<String> {
    source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| line.match_indices("crate::").map(|(at, found)| &line[at + found.len()..]))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn arrows_between_modules_point_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for (module, allowed) in ALLOWED {
        for path in sources(&src.join(module)) {
            for used in uses(&fs::read_to_string(&path).unwrap()) {
                let known = ALLOWED.iter().any(|(name, _)| *name == used);
                if used != *module && known {
                    arrows += 1;
                    if !allowed.contains(&used.as_str()) {
                        wrong.push(format!("{} uses crate::{used}", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(arrows > 20, "the scan has gone blind: it found {arrows} uses only");
}

#[test]
fn every_folder_of_the_crate_is_on_the_map() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            assert!(ALLOWED.iter().any(|(module, _)| *module == name), "{name} is missing in ALLOWED");
        }
    }
}
