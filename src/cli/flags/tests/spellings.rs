//! Flags as Go's programs read them.

use std::time::Duration;

use super::{given, parse};
use crate::cli::flags::go::Switch;

#[test]
fn under_upstreams_name_it_takes_upstreams_arguments() {
    let upstream = ["--cloud-provider=vsphere", "--v=2", "--cloud-config=/etc/cloud/vsphere.conf"];
    let with = |program: &[&'static str]| parse(&[program, upstream.as_slice()].concat()).unwrap();
    let by_name = with(&["/bin/vsphere-cloud-controller-manager"]);
    assert_eq!(by_name, with(&["vsphere-cloud", "ccm"]));
    assert_eq!(by_name.cloud.cloud_config.unwrap().to_str(), Some("/etc/cloud/vsphere.conf"));
    assert_eq!(by_name.global.verbosity, 2);
}

#[test]
fn a_value_stands_behind_an_equals_sign_or_by_itself() {
    for args in [["-v", "4"].as_slice(), &["-v=4"], &["--v=4"], &["--v", "4"], &["-v4"]] {
        assert_eq!(given(args).unwrap().global.verbosity, 4, "{args:?}");
    }
    let wanted = given(&["--leader-elect-lease-duration=1m30s"]).unwrap();
    assert_eq!(given(&["--leader-elect-lease-duration", "1m30s"]).unwrap(), wanted);
    let settings = wanted.leader.settings("me".into()).unwrap();
    assert_eq!(settings.lease_duration, Duration::from_secs(90));
}

#[test]
fn a_switch_is_on_without_a_value_and_takes_gos_spellings() {
    for (args, on) in [
        (&[][..], true),
        (&["--leader-elect"], true),
        (&["--leader-elect=true"], true),
        (&["--leader-elect=T"], true),
        (&["--leader-elect=1"], true),
        (&["--leader-elect=FALSE"], false),
        (&["--leader-elect=0"], false),
        (&["--leader-elect=f"], false),
    ] {
        let args = given(args).unwrap();
        assert_eq!(args.leader.settings("me".into()).is_some(), on, "{args:?}");
    }
    assert_eq!(given(&["--strict-config"]).unwrap().cloud.strict_config, Switch(true));
    assert_eq!(given(&["--profiling=false"]).unwrap().serving.debugging.profiling, Switch(false));
}

#[test]
fn the_last_one_counts_and_lists_add_up() {
    assert_eq!(given(&["-v=1", "--v=5"]).unwrap().global.verbosity, 5);
    assert_eq!(given(&["--profiling", "--profiling=F"]).unwrap().serving.debugging.profiling, Switch(false));
    let labels = given(&["--node-labels=a=b,c=d", "--node-labels", "e=f"]).unwrap().controllers();
    assert_eq!(labels.node.unwrap().rules.additional_labels.len(), 3);
    let args = given(&["--controllers=-cloud-node", "--controllers", "-route", "--controllers=*"]).unwrap();
    let controllers = args.controllers();
    assert!(controllers.node.is_none() && controllers.lifecycle.is_some());
    assert_eq!(args.controllers.missing(), ["service-lb-controller"]);
}

#[test]
fn templates_leave_values_empty() {
    let args = given(&[
        "--master=",
        "--kubeconfig=",
        "--tls-cert-file=",
        "--tls-private-key-file=",
        "--cluster-cidr=",
    ]);
    assert_eq!(args.unwrap().api.kubeconfig.unwrap().as_os_str(), "");
}

#[test]
fn blank_flags_of_the_server_are_none() {
    let blank = given(&[
        "--tls-cert-file=",
        "--tls-private-key-file=",
        "--client-ca-file=",
        "--requestheader-allowed-names=",
        "--authorization-always-allow-paths=",
        "--feature-gates=",
    ]);
    let serving = blank.unwrap().serving;
    assert_eq!(serving.tls_cert_file, None);
    assert_eq!(serving.authentication.client_ca_file, None);
    assert!(serving.authentication.requestheader_allowed_names.is_empty());
    assert!(serving.authorization.authorization_always_allow_paths.is_empty());
    let usual = given(&["--requestheader-allowed-names=a,b"]).unwrap().serving;
    assert_eq!(usual.authentication.requestheader_allowed_names, ["a", "b"]);
    assert_eq!(usual.authorization.authorization_always_allow_paths, ["/healthz", "/readyz", "/livez"]);
}

#[test]
fn a_version_needs_nothing_else() {
    for (args, printed) in [("--version", true), ("--version=true", true), ("--version=raw", true)] {
        let args = parse(&["vsphere-cloud", "ccm", args]).unwrap();
        assert_eq!(args.global.version, Switch(printed));
    }
    assert_eq!(given(&["--version=v1.30.0"]).unwrap().global.version, Switch(false));
}

#[test]
fn what_has_no_effect_is_told_by_reason_when_it_is_given() {
    assert!(given(&[]).unwrap().ignored.remarks().is_empty());
    let args =
        given(&["--cluster-cidr=10.0.0.0/8", "--configure-cloud-routes=false", "--allow-untagged-cloud"]);
    assert_eq!(
        args.unwrap().ignored.remarks(),
        [
            "without effect: --allow-untagged-cloud (deprecated, and without effect in upstream's manager too: remove it)",
            "without effect: --cluster-cidr, --configure-cloud-routes (routes are not implemented yet)",
        ]
    );
}
