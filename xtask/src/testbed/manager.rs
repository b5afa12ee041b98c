//! The product as a process.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::process::{Lifeline, Process};
use super::run::RunDir;

/// How to start a manager.
#[derive(Debug, Clone)]
pub struct ManagerOptions {
    /// The program; in an integration test `env!("CARGO_BIN_EXE_vsphere-cloud")`.
    pub binary: PathBuf,
    /// Its first arguments: the workload's name; none for another project's manager.
    pub subcommand: Vec<String>,
    /// What is in the file that `--cloud-config` names.
    pub config: String,
    /// For `--kubeconfig`.
    pub kubeconfig: PathBuf,
    /// For `--secure-port`, unless it is among the arguments: where it serves HTTPS. Nowhere (0) by
    /// default, because managers of many tests run on one machine at the same time; `None` for a program
    /// that does not know the flag.
    pub secure_port: Option<u16>,
    /// Without leader election: no lease to wait for, and no requests about one.
    pub alone: bool,
    /// More arguments.
    pub args: Vec<String>,
    /// More environment.
    pub env: Vec<(String, String)>,
}

impl ManagerOptions {
    /// The cloud controller manager of `binary`.
    pub fn new(
        binary: impl Into<PathBuf>,
        config: impl Into<String>,
        kubeconfig: impl Into<PathBuf>,
    ) -> Self {
        Self {
            binary: binary.into(),
            subcommand: vec!["ccm".into()],
            config: config.into(),
            kubeconfig: kubeconfig.into(),
            secure_port: Some(0),
            alone: false,
            args: Vec::new(),
            env: Vec::new(),
        }
    }
}

/// A running manager; everything that a [`Process`] can do.
#[derive(Debug)]
pub struct Manager {
    process: Process,
    config: PathBuf,
    run: RunDir,
}

impl Manager {
    /// Starts it. What it needs from outside to become ready is the caller's business.
    ///
    /// Of our environment it gets nothing that steers it but `RUST_LOG`.
    pub fn start(options: &ManagerOptions) -> Result<Self> {
        let run = RunDir::new()?;
        let config = run.write("vsphere.conf", &options.config)?;
        let mut command = Command::new(&options.binary);
        command.args(&options.subcommand);
        command.arg("--cloud-config").arg(&config).arg("--kubeconfig").arg(&options.kubeconfig);
        if options.alone {
            command.arg("--leader-elect=false");
        }
        if let Some(port) = options.secure_port
            && !options.args.iter().any(|arg| arg.starts_with("--secure-port"))
        {
            command.arg(format!("--secure-port={port}"));
        }
        command.args(&options.args);
        for (name, _) in std::env::vars_os() {
            if steers(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command.envs(options.env.iter().map(|(name, value)| (name, value)));
        let process = Process::spawn("manager", command, run.path(), Lifeline::Watchdog)?;
        Ok(Self { process, config, run })
    }

    /// The configuration file.
    pub fn config_path(&self) -> &Path {
        &self.config
    }

    /// Replaces the configuration file at once, as the update of a mounted secret does.
    pub fn write_config(&self, config: &str) -> Result<()> {
        let fresh = self.run.write("vsphere.conf.new", config)?;
        std::fs::rename(fresh, &self.config)
            .with_context(|| format!("cannot replace {}", self.config.display()))
    }
}

impl Deref for Manager {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

fn steers(variable: &str) -> bool {
    ["VSPHERE_", "KUBERNETES_", "POD_", "SSL_CERT_", "SKIP_NODE_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
        || matches!(variable, "KUBECONFIG" | "NODE_NAME")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_manager_gets_its_files() {
        let mut options = ManagerOptions::new("/bin/sh", "global: {}\n", "/nowhere/kubeconfig");
        let script = r#"echo "$X $*"; cat "$2"; exec sleep 60"#;
        options.subcommand = vec!["-c".into(), script.into(), "ccm".into()];
        options.args = vec!["--v=4".into()];
        options.env = vec![("X".into(), "y".into())];
        let manager = Manager::start(&options).unwrap();
        let soon = Duration::from_secs(10);
        let line = manager.wait_for_log("--v=4", soon).await.unwrap();
        assert!(
            line.starts_with("y --cloud-config ") && line.contains(" --kubeconfig /nowhere/kubeconfig "),
            "{line}"
        );
        manager.wait_for_log("global: {}", soon).await.unwrap();
        manager.write_config("other: {}").unwrap();
        assert_eq!(std::fs::read_to_string(manager.config_path()).unwrap(), "other: {}");
        manager.stop(soon).await.unwrap();
    }
}
