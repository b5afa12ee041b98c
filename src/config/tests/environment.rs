//! Environment variables over files.

use std::path::Path;

use secrecy::ExposeSecret;

use super::super::{
    Config, ConfigError, CredentialSource, Environment, IpFamily, Loaded, NsxtAuth, Options, Severity, load,
};

fn environment(variables: &[(&str, &str)], directories: &[&str]) -> Environment {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::new(variables, |path| directories.iter().any(|known| Path::new(known) == path))
}

fn attempt(text: &str, variables: &[(&str, &str)], directories: &[&str]) -> Result<Loaded, ConfigError> {
    load(text, "f", Options::default(), &environment(variables, directories))
}

fn config(text: &str, variables: &[(&str, &str)]) -> Config {
    let loaded = attempt(text, variables, &[]).unwrap_or_else(|error| panic!("{error}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.config
}

fn login(source: &CredentialSource) -> (&str, &str) {
    match source {
        CredentialSource::Inline { user, password } => (user, password.expose_secret()),
        other => panic!("{other:?}"),
    }
}

const YAML: &str = "global: {user: u, password: p}\nvcenter: {vc1: {server: a}, vc2: {server: b, port: 1}}\n";
const INI: &str = "[Global]\nuser = u\npassword = p\n[VirtualCenter \"vc1\"]\nserver = a\n[VirtualCenter \"vc2\"]\n\
                   server = b\nport = 1\n";

#[test]
fn global_variables_reach_every_vcenter_and_come_before_the_file() {
    let variables = [
        ("VSPHERE_USER", "eu"),
        ("VSPHERE_PASSWORD", "a=b=c"),
        ("VSPHERE_VCENTER_PORT", "8443"),
        ("VSPHERE_INSECURE", "T"),
        ("VSPHERE_DATACENTER", "dc1, dc2"),
        ("VSPHERE_CAFILE", "/a.pem:/b.pem"),
        ("VSPHERE_THUMBPRINT", "00112233445566778899aabbccddeeff00112233"),
        ("VSPHERE_LABEL_REGION", "r"),
        ("VSPHERE_LABEL_ZONE", "z"),
        ("VSPHERE_NODES_INTERNAL_NETWORK_SUBNET_CIDR", "10.0.0.0/8,fd00::/8"),
        ("VSPHERE_NODES_EXTERNAL_NETWORK_SUBNET_CIDR", "192.0.2.0/24"),
        ("VSPHERE_NODES_INTERNAL_VM_NETWORK_NAME", "in"),
        ("VSPHERE_NODES_EXTERNAL_VM_NETWORK_NAME", "out"),
        ("HOME", "/root"),
    ];
    for text in [YAML, INI] {
        let config = config(text, &variables);
        let [vc1, vc2] = config.vcenters.as_slice() else { panic!("no third vCenter of id PORT") };
        for vcenter in [vc1, vc2] {
            assert_eq!(login(&vcenter.credentials), ("eu", "a=b=c"));
            assert!(vcenter.tls.insecure && vcenter.tls.thumbprint.is_some());
            assert_eq!(vcenter.tls.ca_files.len(), 2);
            assert_eq!(vcenter.datacenters, ["dc1", "dc2"]);
        }
        assert_eq!((vc1.port, vc2.port), (8443, 1), "what a vCenter says itself comes first");
        assert_eq!(config.labels.zone.as_deref(), Some("z"));
        assert_eq!(config.nodes.internal.subnets.len(), 2);
        assert_eq!(config.nodes.external.network.as_deref(), Some("out"));
    }
}

#[test]
fn a_global_server_adds_a_vcenter() {
    let added = config("global: {user: u, password: p}\n", &[("VSPHERE_VCENTER", "vc")]);
    assert_eq!(added.vcenters[0].server, "vc");
    let same = config(YAML, &[("VSPHERE_VCENTER", "B")]);
    assert_eq!(same.vcenters.len(), 2);
}

#[test]
fn a_vcenter_of_its_own() {
    let variables = [
        ("VSPHERE_VCENTER_ONE_A", "10.0.0.1"),
        ("VCENTER_ONE_A_USERNAME", "eu"),
        ("VCENTER_ONE_A_PASSWORD", "=p="),
        ("VCENTER_ONE_A_PORT", "8443"),
        ("VCENTER_ONE_A_INSECURE", "1"),
        ("VCENTER_ONE_A_DATACENTERS", "dc"),
        ("VCENTER_ONE_A_IP_FAMILY", "ipv6,ipv4"),
        ("VCENTER_ONE_A_CAFILE", "/c.pem"),
        ("VSPHERE_VCENTER_ONE", "tenant"),
        ("VCENTER_ONE_SERVER", "vc.example.com"),
        ("VCENTER_ONE_SECRET_NAME", "s"),
        ("VCENTER_ONE_SECRET_NAMESPACE", "n"),
    ];
    let config = config(YAML, &variables);
    let [.., tenant, address] = config.vcenters.as_slice() else { panic!() };
    assert_eq!(config.vcenters.len(), 4);
    assert_eq!((tenant.id.as_str(), tenant.server.as_str(), tenant.port), ("tenant", "vc.example.com", 443));
    assert!(matches!(&tenant.credentials, CredentialSource::Secret(secret) if secret.to_string() == "n/s"));
    assert_eq!((address.id.as_str(), address.server.as_str(), address.port), ("10.0.0.1", "10.0.0.1", 8443));
    assert_eq!(login(&address.credentials), ("eu", "=p="));
    assert!(address.tls.insecure);
    assert_eq!(address.ip_families, [IpFamily::V6, IpFamily::V4]);
}

#[test]
fn a_vcenter_of_the_file_is_overridden_in_what_is_given() {
    for value in ["vc2", "b", "B"] {
        let config = config(YAML, &[("VSPHERE_VCENTER_X", value), ("VCENTER_X_USERNAME", "eu")]);
        let vc2 = &config.vcenters[1];
        assert_eq!(config.vcenters.len(), 2, "{value}");
        assert_eq!((vc2.id.as_str(), vc2.server.as_str(), vc2.port), ("vc2", "b", 1));
        assert_eq!(login(&vc2.credentials), ("eu", "p"));
    }
}

#[test]
fn nsx_by_variables() {
    let variables = [
        ("NSXT_MANAGER_HOST", "nsx"),
        ("NSXT_USERNAME", "a"),
        ("NSXT_PASSWORD", "b=c"),
        ("NSXT_ALLOW_UNVERIFIED_SSL", "true"),
        ("NSXT_CA_FILE", "/c.pem"),
    ];
    let alone = config(YAML, &variables);
    let nsxt = alone.nsxt.configured().unwrap();
    assert!(nsxt.tls.insecure);
    let NsxtAuth::Login { password, .. } = &nsxt.auth else { panic!() };
    assert_eq!(password.expose_secret(), "b=c");
    let over = config(&format!("{YAML}nsxt: {{host: x, user: y, password: z}}\n"), &variables[..1]);
    assert_eq!(over.nsxt.configured().unwrap().host, "nsx");

    let wrong = attempt(YAML, &[("NSXT_ALLOW_UNVERIFIED_SSL", "perhaps"), ("NSXT_PASSWORD", "hunter2")], &[]);
    let wrong = wrong.unwrap();
    assert_eq!(wrong.config.nsxt.problems().len(), 3, "{:?}", wrong.config.nsxt);
    let told: Vec<_> = wrong.warnings.iter().map(ToString::to_string).collect();
    for want in [
        "f: nsxt.host: is missing; ",
        "environment: NSXT_PASSWORD: needs `user` beside it in `nsxt`; ",
        "environment: NSXT_ALLOW_UNVERIFIED_SSL: \"perhaps\" is neither true nor false; ",
    ] {
        assert!(told.iter().any(|told| told.starts_with(want)), "{told:?}");
    }
    assert!(!format!("{wrong:?}").contains("hunter2"));
}

#[test]
fn mistakes_name_the_variable() {
    for (variable, value, want) in [
        ("VSPHERE_VCENTER_PORT", "tcp://x", "\"tcp://x\" is not a port; expected a number from 1 to 65535"),
        ("VSPHERE_INSECURE", "perhaps", "\"perhaps\" is neither true nor false; write one of the two"),
        ("VSPHERE_THUMBPRINT", "xyz", "holds a character that is no hexadecimal digit"),
        ("VSPHERE_NODES_INTERNAL_NETWORK_SUBNET_CIDR", "10.0.0.1", "\"10.0.0.1\" has no prefix length"),
        ("VSPHERE_SECRET_NAME", "s", "needs `secretNamespace` beside it in `global`"),
        (
            "VSPHERE_VCENTER",
            "vc:8443",
            "has a port after the colon; write the host alone, \"vc\", and the port under `VSPHERE_VCENTER_PORT`",
        ),
        (
            "VSPHERE_VCENTER_X",
            "https://vc:8443",
            "is a URL; write the host alone, \"vc\", and the port under `VCENTER_X_PORT`: 8443",
        ),
    ] {
        let error = attempt(YAML, &[(variable, value)], &[]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("environment: {variable}: {want}")), "{error}");
    }
}

#[test]
fn what_is_missing_names_the_key() {
    let error = attempt("global: {server: a}\n", &[("VSPHERE_VCENTER_X", "vc"), ("VSPHERE_USER", "u")], &[]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("f: vcenter.vc.password: is empty; write `user` and `password` here"), "{error}");
}

#[test]
fn variables_without_effect_are_noted() {
    let notes = |variables: &[(&str, &str)]| {
        let loaded = attempt(YAML, variables, &[]).unwrap();
        assert!(loaded.warnings.iter().all(|warning| warning.severity == Severity::Note));
        loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (variable, want) in [
        ("VSPHERE_PASSWD", "is not known and has no effect; did you mean VSPHERE_PASSWORD?"),
        ("NSXT_FOO_BAR_BAZ", "is not known and has no effect"),
        ("ENABLE_ALPHA_DUAL_STACK", "is not needed: several address families are always permitted"),
        ("VSPHERE_ROUNDTRIP_COUNT", "is accepted for compatibility and has no effect"),
        ("VCENTER_A_B_SECRET_NAME", "has no effect without VSPHERE_VCENTER_A_B"),
    ] {
        assert_eq!(notes(&[(variable, "hunter2")]), [format!("environment: {variable}: {want}")]);
    }
    assert!(notes(&[("VCENTER_IS_A_NICE_WORD", "x"), ("VSPHERE_USER", "")]).is_empty());
}

const DEFAULT: &str = Environment::SECRETS_DIRECTORY;

/// Which directory the credentials of the only vCenter come from.
fn directory(text: &str, variables: &[(&str, &str)], directories: &[&str]) -> (Option<String>, Vec<String>) {
    let loaded = attempt(text, variables, directories).unwrap_or_else(|error| panic!("{error}"));
    let found = match &loaded.config.vcenters[0].credentials {
        CredentialSource::Directory(path) => Some(path.display().to_string()),
        _ => None,
    };
    (found, loaded.warnings.iter().map(ToString::to_string).collect())
}

#[test]
fn a_directory_comes_before_the_global_secret() {
    let vcenter = "vcenter: {vc: {server: vc}}\n";
    let secret = format!("global: {{secretName: s, secretNamespace: n}}\n{vcenter}");
    let inline = format!("global: {{user: u, password: p}}\n{vcenter}");
    let named = format!("global: {{secretsDirectory: /file}}\n{vcenter}");
    let own = "vcenter: {vc: {server: vc, secretName: s, secretNamespace: n}}\n";
    let by_variable = [("VSPHERE_SECRETS_DIRECTORY", "/env")];

    assert_eq!(directory(&secret, &[], &[]), (None, vec![]));
    let (found, told) = directory(&secret, &[], &[DEFAULT]);
    assert_eq!(found.as_deref(), Some(DEFAULT));
    assert_eq!(
        told,
        [format!(
            "f:1: global.secretName: has no effect, because the directory {DEFAULT} exists, and a directory comes \
             before the global Secret"
        )]
    );
    let (found, told) = directory(&secret, &by_variable, &["/env", DEFAULT]);
    assert_eq!(found.as_deref(), Some("/env"));
    assert!(told[0].contains("because `VSPHERE_SECRETS_DIRECTORY` is given"), "{told:?}");

    let (found, told) = directory(&secret, &by_variable, &[]);
    assert_eq!(found, None);
    assert_eq!(
        told,
        ["environment: VSPHERE_SECRETS_DIRECTORY: has no effect, because there is no such directory"]
    );

    assert_eq!(directory(&secret, &by_variable, &[DEFAULT]).0, None, "the default is turned off");
    assert_eq!(directory(&inline, &[], &[DEFAULT]), (None, vec![]), "it is said where they are");
    assert_eq!(directory(vcenter, &[], &[DEFAULT]), (Some(DEFAULT.to_owned()), vec![]));
    assert_eq!(directory(&named, &[], &[DEFAULT]), (Some("/file".to_owned()), vec![]));
    assert_eq!(directory(&named, &by_variable, &["/env"]), (Some("/env".to_owned()), vec![]));
    assert_eq!(directory(own, &by_variable, &["/env", DEFAULT]), (None, vec![]));
    // A Secret by variables does not turn off a directory, as upstream has it.
    let variables = [("VSPHERE_SECRET_NAME", "s"), ("VSPHERE_SECRET_NAMESPACE", "n")];
    assert_eq!(directory(&named, &variables, &[]).0.as_deref(), Some("/file"));
}

#[test]
fn debug_is_silent() {
    let debug = format!("{:?}", environment(&[("VSPHERE_PASSWORD", "hunter2")], &[]));
    assert!(debug.contains("VSPHERE_PASSWORD") && !debug.contains("hunter2"), "{debug}");
}
