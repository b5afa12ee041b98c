//! What a Go module's sources are, as one short text.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ring::digest;

/// The fingerprint of everything in `dir` that makes the program: go.mod, go.sum and the
/// Go files, tests left out.
pub(super) fn of_module(dir: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(dir, &mut files).with_context(|| format!("cannot list the sources in {}", dir.display()))?;
    files.sort();
    let mut hash = digest::Context::new(&digest::SHA256);
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(dir).unwrap_or(&file).to_string_lossy();
        // Lengths keep the end of one part from passing for the start of the next.
        for part in [name.as_bytes(), &content] {
            hash.update(&part.len().to_le_bytes());
            hash.update(part);
        }
    }
    let hex: Vec<String> = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(hex.concat())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "testdata" {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_source(&name) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_source(name: &str) -> bool {
    let go = Path::new(name).extension().is_some_and(|extension| extension == "go");
    matches!(name, "go.mod" | "go.sum") || (go && !name.ends_with("_test.go"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::RunDir;

    #[test]
    fn only_sources_change_the_fingerprint() {
        let run = RunDir::new().unwrap();
        let dir = run.path();
        let of = || of_module(dir).unwrap();
        fs::write(dir.join("go.mod"), "module x").unwrap();
        fs::write(dir.join("main.go"), "package main").unwrap();
        let first = of();
        assert_eq!(first.len(), 64);
        assert_eq!(first, of());

        fs::write(dir.join("README.md"), "words").unwrap();
        fs::write(dir.join("main_test.go"), "package main").unwrap();
        assert_eq!(first, of(), "neither prose nor tests are in the binary");

        fs::create_dir(dir.join("sub")).unwrap();
        fs::write(dir.join("sub/sub.go"), "package sub").unwrap();
        let second = of();
        assert_ne!(first, second);

        fs::rename(dir.join("sub/sub.go"), dir.join("sub/other.go")).unwrap();
        assert_ne!(second, of(), "names count");

        fs::remove_dir_all(dir.join("sub")).unwrap();
        assert_eq!(first, of());
        fs::write(dir.join("go.sum"), "h1:").unwrap();
        assert_ne!(first, of());
    }
}
