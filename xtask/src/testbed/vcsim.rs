//! A simulated vCenter.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::binaries;
use super::faults::milliseconds;
use super::process::{Lifeline, Process};
use super::run::RunDir;

const START: Duration = Duration::from_secs(30);

/// How to start a simulated vCenter.
#[derive(Debug, Clone)]
pub struct VcsimOptions {
    /// The one user that may log in.
    pub user: String,
    /// And the password.
    pub password: String,
    /// All uuids derive from it: give each of several vCenters its own.
    pub seed: String,
    /// Datacenters DC0, DC1, …
    pub datacenters: u32,
    /// In each datacenter: DC0_C0, …
    pub clusters: u32,
    /// In each cluster: DC0_C0_H0, …
    pub hosts: u32,
    /// What the vCenter says its version is.
    pub api_version: Option<String>,
    /// Which roots serve tags: `rest`, `api` or both.
    pub tag_api: Vec<String>,
    /// Names in the certificate besides localhost and 127.0.0.1.
    pub tls_names: Vec<String>,
    /// Added to each request.
    pub latency: Duration,
    /// More flags.
    pub args: Vec<String>,
}

impl Default for VcsimOptions {
    fn default() -> Self {
        Self {
            user: "administrator@vsphere.local".into(),
            password: "pass".into(),
            seed: "vc0".into(),
            datacenters: 1,
            clusters: 1,
            hosts: 3,
            api_version: None,
            tag_api: vec!["rest".into(), "api".into()],
            tls_names: Vec::new(),
            latency: Duration::ZERO,
            args: Vec::new(),
        }
    }
}

impl VcsimOptions {
    fn to_args(&self, tls_dir: &Path) -> Vec<String> {
        let mut args = vec![
            "--exit-with-stdin".to_owned(),
            format!("--tls-dir={}", tls_dir.display()),
            format!("--user={}", self.user),
            format!("--password={}", self.password),
            format!("--seed={}", self.seed),
            format!("--datacenters={}", self.datacenters),
            format!("--clusters={}", self.clusters),
            format!("--hosts={}", self.hosts),
            format!("--tag-api={}", self.tag_api.join(",")),
            format!("--latency={}", milliseconds(self.latency)),
        ];
        args.extend(self.api_version.iter().map(|version| format!("--api-version={version}")));
        args.extend(self.tls_names.iter().map(|name| format!("--tls-name={name}")));
        args.extend(self.args.iter().cloned());
        args
    }
}

/// A running simulated vCenter, empty but for its hosts.
///
/// What can be done to it from outside is in the methods that speak to its control port.
/// When one fails because the simulator crashed, the error says so
/// ([`Exited::simulator_crash`](super::Exited::simulator_crash)).
#[derive(Debug)]
pub struct Vcsim {
    pub(super) process: Process,
    pub(super) http: reqwest::Client,
    ready: Ready,
    _run: RunDir,
}

/// The line with which the simulator says that it is ready.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    url: String,
    control: String,
    ca: PathBuf,
    sha1: String,
    sha256: String,
    instance_uuid: String,
    user: String,
    password: String,
}

impl Vcsim {
    /// Builds what is missing, starts it, and waits until it is ready.
    pub async fn start(options: VcsimOptions) -> Result<Self> {
        crate::init();
        let binaries = binaries().await?;
        let run = RunDir::new()?;
        let mut command = Command::new(&binaries.vcsim);
        command.args(options.to_args(run.path()));
        let process = Process::spawn("vcsim", command, run.path(), Lifeline::Stdin)?;
        let line = process.wait_for_line("vcsim is ready", START, |line| parse_ready(line).is_some()).await?;
        let ready = parse_ready(&line).context("the simulator's first line is not what it was")?;
        Ok(Self { process, http: http_client()?, ready, _run: run })
    }

    /// The vCenter's URL.
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// The vCenter's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        let port = self.ready.url.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok());
        port.unwrap_or(443)
    }

    /// The control port's URL.
    pub fn control_url(&self) -> &str {
        &self.ready.control
    }

    /// The file with the certificate authority.
    pub fn ca(&self) -> &Path {
        &self.ready.ca
    }

    /// The SHA-1 thumbprint of the certificate at the start, in vSphere's notation.
    pub fn sha1(&self) -> &str {
        &self.ready.sha1
    }

    /// The SHA-256 thumbprint of the certificate at the start.
    pub fn sha256(&self) -> &str {
        &self.ready.sha256
    }

    /// The vCenter's own uuid.
    pub fn instance_uuid(&self) -> &str {
        &self.ready.instance_uuid
    }

    /// The user that may log in, as of the start.
    pub fn user(&self) -> &str {
        &self.ready.user
    }

    /// The password, as of the start.
    pub fn password(&self) -> &str {
        &self.ready.password
    }

    /// The simulator's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn parse_ready(line: &str) -> Option<Ready> {
    serde_json::from_str(line).ok()
}

/// No connection outlives its request: it would belong to the runtime of one test.
fn http_client() -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]).pool_max_idle_per_host(0);
    builder.build().context("cannot make an HTTP client")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_read() {
        let line = r#"{"url":"https://127.0.0.1:4443","control":"http://127.0.0.1:5555","ca":"/x/ca.pem",
            "sha1":"AA:BB","sha256":"CC","instanceUuid":"u","user":"a@b","password":"p","more":true}"#;
        assert_eq!(parse_ready(line).unwrap().url, "https://127.0.0.1:4443");
        assert!(parse_ready("12:00 some log").is_none());
    }

    #[test]
    fn options_become_flags() {
        let options = VcsimOptions {
            tls_names: vec!["vc.example.com".into()],
            latency: Duration::from_millis(10),
            args: vec!["--instance-uuid=x".into()],
            ..VcsimOptions::default()
        };
        let args = options.to_args(Path::new("/run")).join(" ");
        for flag in ["--tls-dir=/run", "--latency=10", "--tls-name=vc.example.com", "--tag-api=rest,api"] {
            assert!(args.contains(flag), "{args}");
        }
        assert!(args.starts_with("--exit-with-stdin ") && args.ends_with(" --instance-uuid=x"), "{args}");
    }
}
