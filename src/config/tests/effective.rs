//! What a file means: inheritance, defaults, and the same in both dialects.

use std::fmt::Write;

use secrecy::ExposeSecret;

use super::super::{Config, CredentialSource, IpFamily, Loaded, Options, Thumbprint, Vcenter};
use super::load;

fn loaded(text: &str) -> Loaded {
    load(text, "vsphere.conf", Options::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Without warnings.
fn config(text: &str) -> Config {
    let loaded = loaded(text);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.config
}

fn vcenters(text: &str) -> Vec<Vcenter> {
    config(text).vcenters
}

fn only(text: &str) -> Vcenter {
    let mut vcenters = vcenters(text);
    assert_eq!(vcenters.len(), 1);
    vcenters.remove(0)
}

fn inline(vcenter: &Vcenter) -> (&str, &str) {
    match &vcenter.credentials {
        CredentialSource::Inline { user, password } => (user, password.expose_secret()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn smallest_files() {
    let yaml = only("vcenter:\n  vc1:\n    server: vc.example.com\n    user: u\n    password: p\n");
    assert_eq!((yaml.id.as_str(), yaml.server.as_str(), yaml.port), ("vc1", "vc.example.com", 443));
    assert_eq!(inline(&yaml), ("u", "p"));
    assert_eq!(yaml.ip_families, [IpFamily::V4]);
    assert!(yaml.datacenters.is_empty());
    assert!(!yaml.tls.insecure && yaml.tls.ca_files.is_empty() && yaml.tls.thumbprint.is_none());

    let ini = only("[VirtualCenter \"vc.example.com\"]\nuser = u\npassword = p\n");
    assert_eq!((ini.id.as_str(), ini.server.as_str()), ("vc.example.com", "vc.example.com"));

    let global = only("[Global]\nserver = vc\nuser = u\npassword = p\nport = 8443\n");
    assert_eq!((global.id.as_str(), global.server.as_str(), global.port), ("vc", "vc", 8443));
    let global = only("global: {server: vc, user: u, password: p}");
    assert_eq!((global.id.as_str(), global.server.as_str()), ("vc", "vc"));
}

#[test]
fn byte_order_mark_and_windows_line_ends() {
    only("\u{feff}vcenter:\r\n  vc1:\r\n    server: vc\r\n    user: u\r\n    password: p\r\n");
    let ini = only("\u{feff}[VirtualCenter \"vc\"]\r\nuser = u\r\npassword = \"p\"\r\n");
    assert_eq!(inline(&ini), ("u", "p"));
}

#[test]
fn global_values_are_defaults() {
    let text = "
global:
  user: gu
  password: gp
  port: 1443
  insecureFlag: yes
  datacenters: [dc1, /f/dc2]
  caFile: /a.pem:/b.pem
  thumbprint: 00112233445566778899aabbccddeeff00112233
  ipFamily: [ipv6]
vcenter:
  plain: {server: a}
  own:
    server: b
    user: u
    port: \"2443\"
    insecureFlag: false
    datacenters: dc3
    caFile: /c.pem
    thumbprint: 11:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33
    ipFamily: IPv6, ipv4 , ipv6
";
    let vcenters = vcenters(text);
    let [plain, own] = vcenters.as_slice() else { panic!() };
    assert_eq!(inline(plain), ("gu", "gp"));
    assert_eq!(plain.port, 1443);
    assert!(plain.tls.insecure);
    assert_eq!(plain.datacenters, ["dc1", "/f/dc2"]);
    assert_eq!(plain.tls.ca_files.len(), 2);
    assert!(matches!(plain.tls.thumbprint, Some(Thumbprint::Sha1(bytes)) if bytes[0] == 0));
    assert_eq!(plain.ip_families, [IpFamily::V6]);

    assert_eq!(inline(own), ("u", "gp"));
    assert_eq!(own.port, 2443);
    assert!(!own.tls.insecure, "a vCenter can turn it off");
    assert_eq!(own.datacenters, ["dc3"]);
    assert_eq!(own.tls.ca_files.len(), 1);
    assert!(matches!(own.tls.thumbprint, Some(Thumbprint::Sha1(bytes)) if bytes[0] == 0x11));
    assert_eq!(own.ip_families, [IpFamily::V6, IpFamily::V4]);
}

#[test]
fn credentials_come_from_the_nearest_secret() {
    let secret = |text: &str| match only(text).credentials {
        CredentialSource::Secret(secret) => secret.to_string(),
        other => panic!("{other:?}"),
    };
    let global = "global: {secretName: g, secretNamespace: gns}\n";
    assert_eq!(secret(&format!("{global}vcenter: {{vc: {{server: vc}}}}")), "gns/g");
    let own = "vcenter: {vc: {server: vc, secretName: s, secretNamespace: ns}}";
    assert_eq!(secret(own), "ns/s");
    assert_eq!(secret(&format!("{global}{own}")), "ns/s");
    assert_eq!(secret(&format!("global: {{user: u, password: p}}\n{own}")), "ns/s");
    let ini = "[Global]\nsecret-name = \"g\"\nsecret-namespace = gns\n[VirtualCenter \"vc\"]\n";
    assert_eq!(secret(ini), "gns/g");

    let directory = "global: {secretsDirectory: /etc/cloud/secrets}\nvcenter: {vc: {server: vc}}";
    assert!(
        matches!(only(directory).credentials, CredentialSource::Directory(path) if path.ends_with("secrets"))
    );
    assert_eq!(secret(&format!("global: {{secretsDirectory: /d}}\n{own}")), "ns/s");
}

#[test]
fn global_server_adds_no_second_entry() {
    let global = "global: {server: vc, user: u, password: p}\n";
    assert_eq!(only(&format!("{global}vcenter: {{vc1: {{server: VC}}}}")).id, "vc1");
    assert_eq!(only(&format!("{global}vcenter: {{vc: {{server: other}}}}")).server, "other");
    let two = vcenters(&format!("{global}vcenter: {{vc1: {{server: other}}}}"));
    assert_eq!(two.iter().map(|vcenter| vcenter.id.as_str()).collect::<Vec<_>>(), ["vc1", "vc"]);
}

#[test]
fn the_same_server_on_two_ports_is_two() {
    let text = "global: {user: u, password: p}\nvcenter: {a: {server: vc}, b: {server: vc, port: 8443}}";
    assert_eq!(vcenters(text).len(), 2);
}

#[test]
fn ini_sections_add_up_and_the_last_value_wins() {
    let text = "[virtualcenter \"vc\"]\nuser = u\nPort = 1\n[VIRTUALCENTER \"vc\"]\nport = 0x\nPORT = 2\npassword = p\ninsecure-flag\n";
    let vcenter = only(text);
    assert_eq!(vcenter.port, 2);
    assert!(vcenter.tls.insecure);
}

#[test]
fn yaml_anchors_and_merge_keys() {
    let text = "
global: &common
  user: u
  password: p
vcenter:
  a: &a
    <<: *common
    server: a
    port: 1
  b:
    <<: [*a, *common]
    server: b
    user: v
";
    let vcenters = vcenters(text);
    assert_eq!(vcenters.iter().map(|vcenter| vcenter.port).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(inline(&vcenters[1]), ("v", "p"));
}

#[test]
fn empty_values_are_no_values() {
    let yaml = only(
        "global: {user: u, password: p, port: 0, caFile: '', datacenters: [], ipFamily: ['', ~], thumbprint: ~}\nlabels:\nnodes: {}\nvcenter: {vc: {server: vc, user: '', insecureFlag: , secretName: '', secretNamespace: ''}}",
    );
    assert_eq!(inline(&yaml), ("u", "p"));
    let ini = only(
        "[Global]\nuser = u\npassword = p\nport = \"0\"\nca-file =\ndatacenters = \" , \"\nthumbprint = \"\"\n[VirtualCenter \"vc\"]\nuser = \"\"\n",
    );
    assert_eq!(inline(&ini), ("u", "p"));
}

#[test]
fn labels_and_nodes() {
    let config = config(
        "global: {user: u, password: p, server: vc}\nlabels: {region: k8s-region, zone: k8s-zone}\nnodes:\n  internalNetworkSubnetCidr: ' 10.0.0.0/8 , 2001:db8::/32 '\n  externalNetworkSubnetCidr: [192.0.2.7/24]\n  internalVmNetworkName: VM Network\n  excludeExternalNetworkSubnetCidr: 192.0.2.9/32\n",
    );
    assert_eq!(config.labels.region.as_deref(), Some("k8s-region"));
    assert_eq!(config.labels.zone.as_deref(), Some("k8s-zone"));
    let internal: Vec<_> = config.nodes.internal.subnets.iter().map(ToString::to_string).collect();
    assert_eq!(internal, ["10.0.0.0/8", "2001:db8::/32"]);
    assert_eq!(config.nodes.external.subnets[0].to_string(), "192.0.2.0/24");
    assert_eq!(config.nodes.internal.network.as_deref(), Some("VM Network"));
    assert_eq!(config.nodes.external.exclude.len(), 1);
    assert!(config.nodes.internal.exclude.is_empty() && config.nodes.external.network.is_none());
}

#[test]
fn unquoted_yaml_scalars_keep_their_text() {
    for password in ["0123", "1e5", "yes", "0x10", "1_000", "2001-12-14", "1.50", "12:30:45", "a#b", "$x%y"] {
        let vcenter = only(&format!("vcenter: {{vc: {{server: vc, user: 007, password: {password}}}}}"));
        assert_eq!(inline(&vcenter), ("007", password));
    }
}

#[test]
fn strict_turns_warnings_into_errors_but_not_notes() {
    let note = "global: {user: u, password: p, server: vc, apiBinding: x}\n";
    let strict = Options { strict: true };
    assert_eq!(load(note, "f", strict).unwrap().warnings.len(), 1);
    let warning = format!("{note}foo: {{}}\n");
    assert_eq!(loaded(&warning).warnings.len(), 2);
    let error = load(&warning, "f", strict).unwrap_err();
    assert_eq!(error.problems().len(), 1);
    assert!(error.to_string().starts_with("f:2: foo: is not a section"), "{error}");
}

#[test]
fn hostile_yaml_is_refused_or_cheap() {
    use std::time::{Duration, Instant};

    let mut aliases = "a0: &a0 [x]\n".to_owned();
    for level in 1..40 {
        let items = vec![format!("*a{}", level - 1); 10].join(",");
        writeln!(aliases, "a{level}: &a{level} [{items}]").unwrap();
    }
    let mut merges = "a0: &a0 {".to_owned();
    (0..1000).for_each(|key| write!(merges, "k{key}: 1, ").unwrap());
    merges += "}\n";
    for level in 1..200 {
        writeln!(merges, "a{level}: {{<<: [{}]}}", vec!["*a0"; 1000].join(",")).unwrap();
    }
    let itself = "global: &a\n  user: *a\n".to_owned();
    let deep = format!("global: {}", "[".repeat(100_000));
    let deep_block = format!("global:\n {}x", "- ".repeat(100_000));
    for text in [aliases, merges, itself, deep, deep_block] {
        let start = Instant::now();
        assert!(load(&text, "f", Options { strict: true }).is_err());
        assert!(start.elapsed() < Duration::from_secs(10), "{}", &text[..40]);
    }
}
