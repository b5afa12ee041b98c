//! Builds what is measured, and what measures, as it is released.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::say;
use crate::testbed::{self, Progress, workspace};

/// The product's package and program.
pub(super) const PRODUCT: &str = "vsphere-cloud";
const XTASK: &str = "xtask";

/// Builds a package as it is released; cargo shows its progress itself.
///
/// Each package by itself: together, one would get the features of the other's dependencies.
fn release(package: &str) -> Result<PathBuf> {
    say(&format!("building {package} (cargo build --release)"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace());
    command.args(["build", "--release", "--package", package, "--bin", package]);
    command.arg("--message-format=json-render-diagnostics");
    // What cargo set for us as it ran us: dependencies that look at it would be built anew.
    for (name, _) in std::env::vars_os() {
        if is_of_our_own_build(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("{package} does not build; cargo's messages are above");
    }
    executable(&String::from_utf8_lossy(&output.stdout), package)
        .with_context(|| format!("cargo did not say where the binary of {package} is"))
}

fn is_of_our_own_build(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
        || matches!(variable, "OUT_DIR" | "CARGO_PRIMARY_PACKAGE")
}

fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == name).then(|| message["executable"].as_str().map(PathBuf::from))?
    })
}

/// Builds upstream's manager, unless it is there.
pub(super) fn upstream() -> Result<PathBuf> {
    testbed::build_peer(&line)
}

/// Builds everything, and goes on as the release build of ourselves: what measures must take as
/// little as possible from what is measured. Returns only what went wrong.
pub(super) fn go_on_as_release(manager: Option<&Path>, with_upstream: bool) -> anyhow::Error {
    match prepare(manager, with_upstream) {
        Ok(mut command) => anyhow::Error::new(command.exec()).context("cannot run the bench"),
        Err(error) => error,
    }
}

fn prepare(manager: Option<&Path>, with_upstream: bool) -> Result<Command> {
    testbed::build(&line)?;
    if with_upstream {
        upstream()?;
    }
    let mut command;
    if manager.is_some() {
        command = Command::new(release(XTASK)?);
        command.args(arguments());
    } else {
        let product = release(PRODUCT)?;
        command = Command::new(release(XTASK)?);
        command.args(arguments()).arg("--manager-binary").arg(product);
    }
    command.arg("--measuring");
    Ok(command)
}

/// Ours, as they were given.
fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os().skip(1)
}

fn line(progress: Progress<'_>) {
    if let Progress::Line(line) = progress {
        say(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_where_the_binary_is() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"xtask","kind":["lib"]},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"xtask","kind":["bin"]},"executable":"/t/release/xtask"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages, XTASK), Some(PathBuf::from("/t/release/xtask")));
        assert_eq!(executable(messages, PRODUCT), None);
    }

    #[test]
    fn variables_of_our_own_build_are_known() {
        assert!(is_of_our_own_build("CARGO_PKG_NAME") && is_of_our_own_build("OUT_DIR"));
        assert!(!is_of_our_own_build("CARGO_TARGET_DIR") && !is_of_our_own_build("PATH"));
    }
}
