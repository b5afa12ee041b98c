//! The command, and what it said.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;
use xtask::testbed::{RunDir, Vcsim, eventually};

use crate::support::{Cluster, SOON, product};

/// What a check found.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Checked {
    /// What `--output json` printed.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Findings of a topic that are this bad, with subject, message and fix in one text.
    pub(super) fn of(&self, topic: &str, severity: &str) -> Vec<String> {
        let json = self.json();
        let findings = json["findings"].as_array().unwrap().iter();
        let wanted = findings.filter(|found| found["topic"] == topic && found["severity"] == severity);
        wanted
            .map(|found| {
                let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
                format!("{} | {} | {}", text("subject"), text("message"), text("fix"))
            })
            .collect()
    }

    /// The only failure that there is.
    pub(super) fn only_failure(&self, topic: &str) -> String {
        assert_eq!(
            (self.code, &self.json()["summary"]["fail"]),
            (Some(1), &Value::from(1)),
            "{}",
            self.stdout
        );
        self.of(topic, "fail").pop().unwrap_or_else(|| panic!("{}", self.stdout))
    }
}

/// Runs the product on this configuration.
pub(super) async fn run(config: &str, kubeconfig: Option<&Path>, args: &[&str]) -> Checked {
    let dir = RunDir::new().unwrap();
    let path = dir.write("vsphere.conf", config).unwrap();
    let mut command = Command::new(product());
    for (name, _) in std::env::vars_os() {
        if ["VSPHERE_", "VCENTER_", "NSXT_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.arg("check").arg("--cloud-config").arg(path).args(args).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(kubeconfig) = kubeconfig {
        command.arg("--kubeconfig").arg(kubeconfig);
    }
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let checked =
        Checked { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    for secret in ["hunter2", "\"pass\"", ": pass"] {
        assert!(!checked.stdout.contains(secret) && !checked.stderr.contains(secret), "{checked:?}");
    }
    checked
}

/// Runs it with JSON, for a cluster.
pub(super) async fn check(config: &str, cluster: &Cluster) -> Checked {
    run(config, Some(&cluster.kubeconfig()), &["--output=json"]).await
}

/// Nothing was written and nobody is logged in any longer.
pub(super) async fn left_nothing(vcsim: &Vcsim, cluster: &Cluster) {
    assert!(cluster.writes().is_empty(), "{:?}", cluster.writes());
    eventually("all sessions have ended", SOON, async || {
        let sessions = vcsim.sessions().await?;
        anyhow::ensure!(sessions.is_empty(), "{sessions:?}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    // What a session makes for itself ends with it; nothing else is touched.
    let reading = ["Retrieve", "ContinueRetrieve", "Find", "WaitFor", "HasUser", "CurrentTime"];
    let of_session = [
        "CreatePropertyCollector",
        "DestroyPropertyCollector",
        "CreateFilter",
        "CreateListView",
        "ModifyListView",
        "CreateContainerView",
        "DestroyView",
        "CreateCollectorForEvents",
        "DestroyCollector",
        "SetCollectorPageSize",
        "Login",
        "Logout",
    ];
    for method in vcsim.requests().await.unwrap().soap.keys() {
        let reads = reading.iter().any(|prefix| method.starts_with(prefix));
        assert!(reads || of_session.contains(&method.as_str()), "{method}");
    }
}
