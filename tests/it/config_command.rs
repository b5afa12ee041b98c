//! `vsphere-cloud config`, and what the environment says.

use std::process::{Command, Output};

use xtask::testbed::RunDir;

use crate::support::product;

const INI: &str = "; the one\n[Global]\nuser = u\npassword = hunter2\n[VirtualCenter \"vc.example.com\"]\n\
                   port = 8443\nfoo = bar\n";

fn run(config: &str, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let dir = RunDir::new().unwrap();
    let path = dir.write("vsphere.conf", config).unwrap();
    let mut command = Command::new(product());
    for (name, _) in std::env::vars_os() {
        if ["VSPHERE_", "VCENTER_", "NSXT_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.args(args).arg("--cloud-config").arg(path).envs(environment.iter().copied());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_converted_file_is_read_again_and_warnings_are_told_beside_it() {
    let converted = run(INI, &["config", "convert"], &[("VSPHERE_USER", "not in the file")]);
    assert_eq!(converted.status.code(), Some(0), "{converted:?}");
    let yaml = text(&converted.stdout);
    assert_eq!(
        yaml,
        "# the one\nglobal:\n  user: u\n  password: hunter2\nvcenter:\n  vc.example.com:\n    server: vc.example.com\n    \
         port: 8443\n"
    );
    let told = text(&converted.stderr);
    assert!(told.starts_with("warning: ") && told.contains("foo: is not a key"), "{told}");
    assert!(!told.contains("hunter2"));

    let shown = run(&yaml, &["config", "show", "--strict-config", "--output=json"], &[]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let port = shown["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == "port").unwrap();
    assert_eq!((port["value"].as_u64(), port["origin"]["line"].as_u64()), (Some(8443), Some(8)));
}

#[test]
fn what_is_shown_has_origins_and_no_secrets_unless_they_are_wanted() {
    let environment = [("VSPHERE_PASSWORD", "pass=word"), ("VSPHERE_CAFILE", "/ca.pem")];
    let hidden = run(INI, &["config", "show"], &environment);
    let shown = run(INI, &["config", "show", "--show-secrets"], &environment);
    let (hidden, shown) = (text(&hidden.stdout), text(&shown.stdout));
    assert!(!hidden.contains("pass=word") && !hidden.contains("hunter2"), "{hidden}");
    assert!(
        hidden.contains("<hidden>") && hidden.contains("environment variable VSPHERE_CAFILE"),
        "{hidden}"
    );
    assert!(shown.contains("pass=word") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn exit_codes_tell_a_bad_file_from_a_bad_command_line() {
    let bad = run("[Global]\nuser = \"hunter2\n", &["config", "show"], &[]);
    assert_eq!(bad.status.code(), Some(1));
    let told = text(&bad.stderr);
    assert!(told.contains("vsphere.conf:2: ") && !told.contains("hunter2"), "{told}");
    assert!(bad.stdout.is_empty());
    assert_eq!(run(INI, &["config", "convert", "--strict-config"], &[]).status.code(), Some(1));
    assert_eq!(run(INI, &["config", "show", "--output=xml"], &[]).status.code(), Some(2));
    assert_eq!(run(INI, &["config", "frobnicate"], &[]).status.code(), Some(2));
}

#[test]
fn the_manager_reads_the_environment_too() {
    let args = ["ccm", "--kubeconfig", "/nowhere/kubeconfig"];
    let wrong = run(INI, &args, &[("VSPHERE_VCENTER_PORT", "eight")]);
    let told = text(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(1), "{told}");
    assert!(told.contains("environment: VSPHERE_VCENTER_PORT: \"eight\" is not a port"), "{told}");
}
