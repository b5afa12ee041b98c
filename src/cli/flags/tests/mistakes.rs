//! What is refused, and what is said then.

use super::{mistake, parse};

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_do() {
    for (args, said) in [
        (&["--cloud-provider=vsphere-paravirtual"][..], "not to a Supervisor"),
        (&["--cloud-provider=aws"], "use --cloud-provider=vsphere"),
        (&["--cloud-provider="], "use --cloud-provider=vsphere"),
        (&["--cloud-confg=f"], "'--cloud-config'"),
        (&["--leader-elect-retry-perid=1s"], "'--leader-elect-retry-period'"),
        (&["--allow-untaged-cloud"], "'--allow-untagged-cloud'"),
        (&["extra"], "there are flags only"),
        (&["--leader-elect", "false"], "a switch takes its value behind an equals sign"),
        (&["--leader-elect=no"], "expected true or false"),
        (&["--configure-cloud-routes=2"], "expected true or false"),
        (&["--node-monitor-period=5"], "expected a duration above zero such as 90s"),
        (&["--min-resync-period=soon"], "expected a duration such as 0s"),
        (&["--concurrent-service-syncs=many"], "--concurrent-service-syncs"),
        (&["--concurrent-node-syncs=0"], "--concurrent-node-syncs"),
        (&["--kube-api-qps=fast"], "--kube-api-qps"),
        (&["--controllers=*,-cloud-nodes"], "did you mean `cloud-node`?"),
        (&["--feature-gates=AllAlpha"], "expected Name=true or Name=false"),
        (&["--node-labels=a"], "--node-labels"),
        (&["--secure-port=65536"], "--secure-port"),
        (&["--secure-port=-1"], "--secure-port"),
        (&["--bind-address=localhost"], "expected an IP address"),
        (&["--tls-cert-file=a.crt"], "--tls-private-key-file"),
        (&["--tls-private-key-file=a.key"], "--tls-cert-file"),
        (&["--tls-min-version=1.2"], "VersionTLS12"),
        (&["--tls-sni-cert-key=a.crt"], "expected cert,key"),
        (&["--tls-curve-preferences=x25519"], "--tls-curve-preferences"),
        (&["--leader-elect-resource-lock=endpoints"], "leases"),
        (&["--leader-elect-lease-duration=0s"], "expected a duration above zero"),
        (&["--leader-elect-lease-duration=10s"], "(10s) must be greater than the renew deadline (10s)"),
        (&["--leader-elect-renew-deadline=2s"], "(2s) must be greater than 1.2 times the retry period (2s)"),
        (&["--leader-elect-resource-name="], "the name of the Lease must not be empty"),
    ] {
        let printed = mistake(args);
        // Long lines are wrapped.
        let flat = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(said), "{args:?}: {printed}");
    }
}

#[test]
fn without_election_its_times_do_not_matter() {
    super::given(&["--leader-elect=false", "--leader-elect-lease-duration=1s"]).unwrap();
}

#[test]
fn the_configuration_file_must_be_named() {
    let error = parse(&["vsphere-cloud", "ccm"]).unwrap_err();
    assert!(error.to_string().contains("--cloud-config"), "{error}");
    assert_eq!(error.exit_code(), 2);
}
