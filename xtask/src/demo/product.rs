//! Builds the product.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::testbed::workspace;

const NAME: &str = "vsphere-cloud";

/// Builds the product's binary with cargo, which shows its progress itself.
pub(super) fn build(release: bool) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace());
    command.args(["build", "--package", NAME, "--bin", NAME, "--message-format=json-render-diagnostics"]);
    if release {
        command.arg("--release");
    }
    // What cargo set for us as it ran us: dependencies that look at it would be built anew.
    for (name, _) in std::env::vars_os() {
        if is_of_our_own_build(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().context(
        "cannot run cargo; Rust is at https://rustup.rs (rustup installs the version that we pin)",
    )?;
    if !output.status.success() {
        bail!("the product does not build; cargo's messages are above");
    }
    executable(&String::from_utf8_lossy(&output.stdout))
        .context("cargo did not say where the product's binary is")
}

fn is_of_our_own_build(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
        || matches!(variable, "OUT_DIR" | "CARGO_PRIMARY_PACKAGE")
}

fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == NAME).then(|| message["executable"].as_str().map(PathBuf::from))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_where_the_binary_is() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"vsphere-cloud","kind":["lib"]},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"vsphere-cloud","kind":["bin"]},"executable":"/t/debug/vsphere-cloud"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages), Some(PathBuf::from("/t/debug/vsphere-cloud")));
        assert_eq!(executable(""), None);
    }
}
