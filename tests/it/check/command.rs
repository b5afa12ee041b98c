//! The command itself: exit codes, and what is told of the file.

use super::common::run;

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
