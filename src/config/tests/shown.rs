//! Every value in effect knows where it comes from.

use super::super::{Environment, Options, SettingValue, load};

const TEXT: &str = "global:
  password: hunter2
  insecureFlag: true
  ipFamily: [ipv6]
vcenter:
  one:
    server: a
    user: u
    port: 8443
  two:
    server: b
    secretName: s
    secretNamespace: n
labels: {region: r, zone: z}
nsxt: {host: nsx, secretName: x, secretNamespace: y}
loadBalancer: {size: SMALL, lbServiceId: s, ipPoolName: p, tcpAppProfileName: t, udpAppProfileName: u}
loadBalancerClass:
  default: {ipPoolName: d}
  other: {tcpAppProfileName: o}
";

/// `section.key = value (origin)`; no secret is shown.
fn shown(environment: &Environment) -> Vec<String> {
    let loaded = load(TEXT, "f", Options::default(), environment).unwrap();
    let settings = loaded.settings();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let line = |setting: &super::super::Setting| {
        let value = match &setting.value {
            SettingValue::Text(text) => text.clone(),
            SettingValue::Secret(_) => "***".to_owned(),
            SettingValue::Number(number) => number.to_string(),
            SettingValue::Bool(yes) => yes.to_string(),
            SettingValue::List(items) => items.join(" "),
            SettingValue::Map(map) => format!("{map:?}"),
            SettingValue::Later => "?".to_owned(),
        };
        format!("{}.{} = {value} ({})", setting.section.join("."), setting.key, setting.origin)
    };
    settings.iter().map(line).collect()
}

#[test]
fn origins_of_a_file() {
    let want = [
        "vcenter.one.server = a (f:7)",
        "vcenter.one.port = 8443 (f:9)",
        "vcenter.one.user = u (f:8)",
        "vcenter.one.password = *** (f:2)",
        "vcenter.one.insecureFlag = true (f:3)",
        "vcenter.one.datacenters =  (default)",
        "vcenter.one.ipFamily = ipv6 (f:4)",
        "vcenter.two.server = b (f:11)",
        "vcenter.two.port = 443 (default)",
        "vcenter.two.secretName = s (f:12)",
        "vcenter.two.secretNamespace = n (f:13)",
        "vcenter.two.user = ? (Secret n/s)",
        "vcenter.two.password = ? (Secret n/s)",
        "vcenter.two.insecureFlag = true (f:3)",
        "vcenter.two.datacenters =  (default)",
        "vcenter.two.ipFamily = ipv6 (f:4)",
        "labels.region = r (f:14)",
        "labels.zone = z (f:14)",
        "nsxt.host = nsx:443 (f:15)",
        "nsxt.secretName = x (f:15)",
        "nsxt.secretNamespace = y (f:15)",
        "nsxt.user = ? (Secret y/x)",
        "nsxt.password = ? (Secret y/x)",
        "nsxt.remoteAuth = false (default)",
        "nsxt.insecureFlag = false (default)",
        "loadBalancer.size = SMALL (f:16)",
        "loadBalancer.lbServiceId = s (f:16)",
        "loadBalancer.snatDisabled = false (default)",
        "loadBalancer.ipPoolName = d (f:18)",
        "loadBalancer.tcpAppProfileName = t (f:16)",
        "loadBalancer.udpAppProfileName = u (f:16)",
        "loadBalancerClass.other.ipPoolName = d (f:18)",
        "loadBalancerClass.other.tcpAppProfileName = o (f:19)",
        "loadBalancerClass.other.udpAppProfileName = u (f:16)",
    ];
    assert_eq!(shown(&Environment::default()), want);
}

#[test]
fn origins_in_the_environment() {
    let variables = [
        ("VSPHERE_PASSWORD", "hunter2"),
        ("VSPHERE_VCENTER_PORT", "1"),
        ("VSPHERE_VCENTER_X", "three"),
        ("VCENTER_X_USERNAME", "w"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let shown = shown(&Environment::new(variables, |_| false));
    for line in [
        "vcenter.one.port = 8443 (f:9)",
        "vcenter.one.password = *** (environment variable VSPHERE_PASSWORD)",
        "vcenter.two.port = 1 (environment variable VSPHERE_VCENTER_PORT)",
        "vcenter.three.server = three (environment variable VSPHERE_VCENTER_X)",
        "vcenter.three.user = w (environment variable VCENTER_X_USERNAME)",
        "vcenter.three.insecureFlag = true (f:3)",
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line}: {shown:#?}");
    }
}

#[test]
fn a_directory_is_named_where_it_is_given() {
    let environment = Environment::new([], |_| true);
    let text = "vcenter: {vc: {server: vc}}";
    let settings = load(text, "f", Options::default(), &environment).unwrap().settings();
    let origin = |key| settings.iter().find(|setting| setting.key == key).unwrap().origin.to_string();
    assert_eq!(origin("password"), "directory /etc/cloud/secrets");
    assert!(settings.iter().all(|setting| setting.key != "secretsDirectory"), "nobody has named it");

    let variables = [("VSPHERE_SECRETS_DIRECTORY".to_owned(), "/d".to_owned())];
    let environment = Environment::new(variables, |_| true);
    let settings = load(text, "f", Options::default(), &environment).unwrap().settings();
    assert_eq!(settings[0].key, "secretsDirectory");
    assert_eq!(settings[0].origin.to_string(), "environment variable VSPHERE_SECRETS_DIRECTORY");
}
