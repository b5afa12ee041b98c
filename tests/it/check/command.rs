//! The command itself: exit codes, and what is told of the file.

use std::process::{Command, Stdio};
use std::time::Duration;

use xtask::testbed::{RunDir, Vcsim, VcsimOptions, eventually};

use super::common::{check, run};
use crate::support::{Cluster, Config, SOON, Vcenter, product};

#[tokio::test]
async fn a_mistake_in_the_file_is_told_with_its_line_and_nothing_is_asked() {
    let file =
        "global:\n  user: u\n  password: hunter2\nvcenter:\n  vc:\n    server: 127.0.0.1\n    port: eight\n";
    let text = run(file, None, &[]).await;
    assert_eq!(text.code, Some(1), "{text:?}");
    let line = text.stdout.lines().find(|line| line.contains("FAIL")).unwrap();
    assert!(line.contains("vsphere.conf:7") && line.contains("\"eight\" is not a port"), "{}", text.stdout);
    assert!(!text.stdout.contains("certificate") && !text.stdout.contains('\u{1b}'), "{}", text.stdout);

    let json = run(file, None, &["--output=json"]).await;
    assert_eq!(json.code, Some(1));
    assert_eq!(json.json()["summary"]["result"], "fail");
    assert!(json.of("configuration", "fail")[0].contains("vsphere.conf:7"), "{}", json.stdout);
}

#[tokio::test]
async fn a_command_line_that_is_wrong_has_a_code_of_its_own() {
    for args in [&["--output=xml"][..], &["--frobnicate"], &["extra"]] {
        assert_eq!(run("", None, args).await.code, Some(2), "{args:?}");
    }
    let help = run("", None, &["--help"]).await;
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("Exit codes:\n  0 "), "{}", help.stdout);
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_is_told() {
    let file =
        "global:\n  user: u\n  password: hunter2\nvcenter:\n  vc:\n    server: 127.0.0.1\n    port: 1\n";
    let kubeconfig = std::path::Path::new("/nowhere/kubeconfig");
    let lost = run(file, Some(kubeconfig), &["--output=json"]).await;
    assert_eq!(lost.code, Some(1));
    assert!(lost.of("kubernetes", "fail")[0].contains("/nowhere/kubeconfig"), "{}", lost.stdout);
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_costs_what_is_known_from_it() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let config = Config::with([Vcenter::of(&vcsim)]).yaml();
    let lost = run(&config, Some(&cluster.kubeconfig_via(1)), &["--output=json"]).await;
    let failure = lost.only_failure("kubernetes");
    assert!(failure.contains("Nodes cannot be listed: Connection refused"), "{failure}");
    assert_eq!(lost.of("vcenter", "ok").len(), 2, "{}", lost.stdout);

    let denied = Config::with([Vcenter::of(&vcsim).secret("kube-system", "not-there")]).yaml();
    let lost = run(&denied, Some(&cluster.kubeconfig_via(1)), &["--output=json"]).await;
    let failure = &lost.of("credentials", "fail")[0];
    assert!(failure.contains("Secret kube-system/not-there cannot be read: Connection refused"), "{failure}");
    assert_eq!(check(&config, &cluster).await.code, Some(0));
}

#[tokio::test]
async fn who_interrupts_it_leaves_no_session_behind() {
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let dir = RunDir::new().unwrap();
    let config = Config::of(&[&vcsim]).labels("k8s-region", "k8s-zone").yaml();
    let path = dir.write("vsphere.conf", config).unwrap();
    // Something to wait for once the session is there.
    vcsim.set_latency(Duration::from_millis(500)).await.unwrap();
    let mut check = Command::new(product())
        .args(["check", "--cloud-config"])
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it is logged in", SOON, async || {
        anyhow::ensure!(!vcsim.sessions().await?.is_empty());
        anyhow::Ok(())
    })
    .await
    .unwrap();
    let killed = Command::new("kill").args(["-INT", &check.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(check.wait().unwrap().code(), Some(1));
    vcsim.set_latency(Duration::ZERO).await.unwrap();
    assert!(vcsim.sessions().await.unwrap().is_empty(), "{:?}", vcsim.sessions().await);
}
