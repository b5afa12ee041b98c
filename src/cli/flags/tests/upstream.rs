//! Every flag of upstream's manager, with its default there.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::given;
use crate::cli::command;

/// What `--help` of upstream's manager 1.36 prints, the deprecated flags that it hides, and those that
/// newer versions or the paravirtual provider add.
const UPSTREAM: &[(&str, &str)] = &[
    ("allocate-node-cidrs", "false"),
    ("allow-untagged-cloud", "false"),
    ("authentication-kubeconfig", ""),
    ("authentication-skip-lookup", "false"),
    ("authentication-token-webhook-cache-ttl", "10s"),
    ("authentication-tolerate-lookup-failure", "false"),
    ("authorization-always-allow-paths", "/healthz,/readyz,/livez"),
    ("authorization-kubeconfig", ""),
    ("authorization-webhook-cache-authorized-ttl", "10s"),
    ("authorization-webhook-cache-unauthorized-ttl", "10s"),
    ("bind-address", "0.0.0.0"),
    ("cert-dir", ""),
    ("cidr-allocator-type", "RangeAllocator"),
    ("client-ca-file", ""),
    ("cloud-config", ""),
    ("cloud-provider", "vsphere"),
    ("cluster-cidr", ""),
    ("cluster-ip-family", "ipv4"),
    ("cluster-name", "kubernetes"),
    ("concurrent-node-status-updates", "0"),
    ("concurrent-node-syncs", "1"),
    ("concurrent-service-syncs", "1"),
    ("configure-cloud-routes", "true"),
    ("contention-profiling", "false"),
    ("controller-start-interval", "0s"),
    ("controllers", "*"),
    ("disable-http2-serving", "false"),
    ("enable-leader-migration", "false"),
    ("enable-service-annotation-propagation", "false"),
    ("enable-vpc-mode", "false"),
    ("external-cloud-volume-plugin", ""),
    ("feature-gates", ""),
    ("help", ""),
    ("http2-max-streams-per-connection", "0"),
    ("is-legacy-paravirtual", "false"),
    ("kube-api-burst", "30"),
    ("kube-api-content-type", "application/vnd.kubernetes.protobuf"),
    ("kube-api-qps", "20"),
    ("kubeconfig", ""),
    ("leader-elect", "true"),
    ("leader-elect-lease-duration", "15s"),
    ("leader-elect-renew-deadline", "10s"),
    ("leader-elect-resource-lock", "leases"),
    ("leader-elect-resource-name", "cloud-controller-manager"),
    ("leader-elect-resource-namespace", "kube-system"),
    ("leader-elect-retry-period", "2s"),
    ("leader-migration-config", ""),
    ("log-flush-frequency", "5s"),
    ("master", ""),
    ("min-resync-period", "12h0m0s"),
    ("node-labels", ""),
    ("node-monitor-period", "5s"),
    ("node-status-update-frequency", "5m0s"),
    ("node-sync-period", "0s"),
    ("permit-address-sharing", "false"),
    ("permit-port-sharing", "false"),
    ("pod-ip-pool-type", ""),
    ("profiling", "true"),
    ("requestheader-allowed-names", ""),
    ("requestheader-client-ca-file", ""),
    ("requestheader-extra-headers-prefix", "x-remote-extra-"),
    ("requestheader-group-headers", "x-remote-group"),
    ("requestheader-uid-headers", ""),
    ("requestheader-username-headers", "x-remote-user"),
    ("route-reconciliation-period", "10s"),
    ("secure-port", "10258"),
    ("tls-cert-file", ""),
    ("tls-cipher-suites", ""),
    ("tls-curve-preferences", ""),
    ("tls-min-version", ""),
    ("tls-private-key-file", ""),
    ("tls-sni-cert-key", ""),
    ("use-service-account-credentials", "false"),
    ("v", "0"),
    ("version", "false"),
    ("vm-operator-api-version", "v1alpha2"),
    ("vmodule", ""),
    ("webhook-bind-address", "0.0.0.0"),
    ("webhook-cert-dir", ""),
    ("webhook-disable-http2-serving", "false"),
    ("webhook-secure-port", "10260"),
    ("webhook-tls-cert-file", ""),
    ("webhook-tls-cipher-suites", ""),
    ("webhook-tls-curve-preferences", ""),
    ("webhook-tls-min-version", ""),
    ("webhook-tls-private-key-file", ""),
    ("webhook-tls-sni-cert-key", ""),
    ("webhooks", ""),
];

/// Where ours differ: what limits does so only when it is given, and 2 is upstream's manifests' `--v`.
const OTHERWISE: &[(&str, &str)] =
    &[("concurrent-node-syncs", "32"), ("kube-api-burst", ""), ("kube-api-qps", ""), ("v", "2")];

/// Ours alone.
const OURS: &[&str] = &[
    "concurrent-existence-checks",
    "config-poll-period",
    "deletion-absence-window",
    "deletion-breaker-fraction",
    "deletion-breaker-hold",
    "deletion-breaker-window",
    "deletion-confirm-after",
    "logging-format",
    "out-of-service-grace",
    "out-of-service-release-timeout",
    "out-of-service-taint",
    "strict-config",
    "strict-zones",
    "tag-refresh-period",
];

fn same(ours: &str, upstreams: &str) -> bool {
    let duration = |text: &str| text.parse::<SignedDuration>().ok();
    ours == upstreams || (duration(ours).is_some() && duration(ours) == duration(upstreams))
}

#[test]
fn every_flag_is_there_with_its_default() {
    let mut command = command();
    command.build();
    let ccm = command.find_subcommand("ccm").unwrap();
    let mut ours = BTreeSet::new();
    for arg in ccm.get_arguments() {
        let name = arg.get_long().unwrap();
        ours.insert(name);
        let defaults = arg.get_default_values().iter().map(|value| value.to_str().unwrap());
        let default = if name == "help" { String::new() } else { defaults.collect::<Vec<_>>().join(",") };
        let expected = |table: &[(&str, &'static str)]| {
            table.iter().find(|(flag, _)| *flag == name).map(|(_, default)| *default)
        };
        if let Some(upstreams) = expected(OTHERWISE).or_else(|| expected(UPSTREAM)) {
            assert!(same(&default, upstreams), "--{name}: {default:?}, upstream has {upstreams:?}");
        } else {
            assert!(OURS.contains(&name), "--{name} is in no table");
        }
    }
    let missing: Vec<_> = UPSTREAM.iter().filter(|(name, _)| !ours.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_flag_can_be_given_with_its_default_as_the_value() {
    for (name, default) in UPSTREAM.iter().filter(|(name, _)| *name != "help") {
        // What upstream takes to be "none" is written by leaving the value empty.
        let pairs = ["tls-cert-file", "tls-private-key-file", "cloud-config"];
        let typed = ["tls-curve-preferences", "tls-min-version", "tls-sni-cert-key", "node-labels"];
        if pairs.contains(name) || (default.is_empty() && typed.contains(name)) {
            continue;
        }
        given(&[&format!("--{name}={default}")])
            .unwrap_or_else(|error| panic!("--{name}={default}: {error}"));
    }
}
