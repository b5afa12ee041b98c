//! Which program this is.

use super::Registry;

/// Which program this is.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Its version, as in `0.1.0`.
    pub version: &'static str,
    /// The commit it was built from; empty if unknown.
    pub commit: &'static str,
}

impl Default for Build {
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), commit: option_env!("GIT_COMMIT").unwrap_or_default() }
    }
}

/// Every component of Kubernetes tells this with the same labels.
pub(super) fn publish(registry: &mut Registry, build: Build) {
    let info = registry.gauges(
        "kubernetes_build_info",
        &[
            "major",
            "minor",
            "git_version",
            "git_commit",
            "git_tree_state",
            "build_date",
            "go_version",
            "compiler",
            "platform",
        ],
        "Always 1; the labels say which program this is. Those that make no sense here are empty.",
    );
    let mut parts = build.version.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let version = format!("v{}", build.version);
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    info.with_label_values(&[major, minor, &version, build.commit, "", "", "", "rustc", &platform]).set(1);
}
