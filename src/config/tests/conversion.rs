//! INI files as YAML.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::{Config, Dialect, Options, to_yaml};
use super::load;

fn converted(ini: &str) -> String {
    to_yaml(ini, "f", Options::default()).unwrap_or_else(|error| panic!("{error}\n{ini}")).yaml
}

fn config(text: &str) -> Config {
    load(text, "f", Options::default()).unwrap_or_else(|error| panic!("{error}\n{text}")).config
}

#[test]
fn a_file_with_everything() {
    let ini = r#"; My cluster
;; it works

[Global]
; the account
user = "CORP\\admin"
password = "p'w\"d" ; changed in May
port = 8443
insecure-flag
soap-roundtrip-count = 3
foo = bar
[VirtualCenter "vc.example.com"]
datacenters = a, /b/c
ip-family = ipv6,ipv4
[VirtualCenter "two"]
server = 2001:db8::1
ca-file = /a.pem:/b.pem

# zones
[Labels]
zone = k8s-zone
region = k8s-region
[Nodes]
internal-network-subnet-cidr = "10.0.0.0/8, fd00::/8"
[NSXT]
host = nsx
user = a
password = b
[LoadBalancer]
size = SMALL
tier1-gateway-path = /infra/tier-1s/t1
ip-pool-id = 007
tcp-app-profile-name = yes
udp-app-profile-name = default udp
tags = "{\"owner\": \"on\"}"
[LoadBalancerClass "x y"]
[Route]
router-path = /infra/tier-1s/t1
; the end
"#;
    let want = r#"# My cluster
#; it works
global:
  # the account
  user: 'CORP\admin'
  # changed in May
  password: 'p''w"d'
  port: 8443
  insecureFlag: true
vcenter:
  vc.example.com:
    server: vc.example.com
    datacenters:
      - a
      - /b/c
    ipFamily:
      - ipv6
      - ipv4
  two:
    server: '2001:db8::1'
    caFile: '/a.pem:/b.pem'
# zones
labels:
  zone: k8s-zone
  region: k8s-region
nodes:
  internalNetworkSubnetCidr: '10.0.0.0/8,fd00::/8'
nsxt:
  host: nsx
  user: a
  password: b
loadBalancer:
  size: SMALL
  tier1GatewayPath: /infra/tier-1s/t1
  ipPoolId: '007'
  tcpAppProfileName: 'yes'
  udpAppProfileName: 'default udp'
  tags:
    owner: 'on'
loadBalancerClass:
  'x y': {}
route:
  routerPath: /infra/tier-1s/t1
# the end
"#;
    let found = to_yaml(ini, "f", Options::default()).unwrap();
    assert_eq!(found.yaml, want);
    let told: Vec<_> = found.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("soap-roundtrip-count: is accepted") && told[1].contains("foo: is not a key"));
    let strict = load(&found.yaml, "f", Options { strict: true }).unwrap();
    assert!(strict.warnings.is_empty());
    assert_eq!(strict.config, config(ini));
}

#[test]
fn yaml_stays_as_it_is() {
    let yaml = "# c\nvcenter: {vc: {server: vc, user: u, password: p}} # d\n";
    assert_eq!(converted(&format!("\u{feff}{yaml}")), yaml);
}

#[test]
fn what_cannot_be_read_is_not_converted() {
    let error = to_yaml("[Global]\nuser = \"hunter2\n", "f", Options::default()).err().unwrap();
    assert!(error.to_string().starts_with("f:2: "), "{error}");
    let warned = "[VirtualCenter \"vc\"]\nuser = u\npassword = p\nfoo = 1\n";
    assert!(to_yaml(warned, "f", Options { strict: true }).is_err());
}

#[test]
fn a_password_may_look_like_a_comment() {
    let ini = "[VirtualCenter \"vc\"]\nuser = u\npassword = x\\\n# y\n";
    // The line that begins with # is a comment in INI, so the value ends before it.
    assert_eq!(config(&converted(ini)), config(ini));
}

/// A value in quotes.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

/// Any text that says something, and no carriage return, which is lost in INI.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,20}",
        "\\PC{1,20}",
        "[\\\\\"'#;:,{}\\n\\t a-c]{1,8}",
        prop::sample::select(vec![
            "yes", "null", "~", "0123", "1e5", "- a", "? b", "!c", "&d", "*e", "%", "@"
        ])
        .prop_map(str::to_owned),
    ]
    .prop_filter("blank", |text| !text.trim().is_empty() && !text.contains(['\r', '\0']))
}

/// Lines `key = value`, each key perhaps, of values that are right.
fn lines(keys: Vec<(&'static str, BoxedStrategy<String>)>) -> impl Strategy<Value = String> {
    let line = |(key, value): (&'static str, BoxedStrategy<String>)| {
        let comment = prop::option::of("[ -~]{0,10}");
        prop::option::of((value, comment)).prop_map(move |line| match line {
            None => String::new(),
            Some((value, None)) => format!("{key} = {}\n", quoted(&value)),
            Some((value, Some(comment))) => format!(";{comment}\n{key} = {} #{comment}\n", quoted(&value)),
        })
    };
    keys.into_iter().map(line).collect::<Vec<_>>().prop_map(|lines| lines.concat())
}

fn one_of(texts: &[&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned).boxed()
}

fn settings() -> Vec<(&'static str, BoxedStrategy<String>)> {
    vec![
        ("user", text().boxed()),
        ("password", text().boxed()),
        ("port", one_of(&["443", "0", " 8443 "])),
        ("insecure-flag", one_of(&["true", "no", "1", "Off"])),
        ("datacenters", prop::collection::vec(text(), 0..3).prop_map(|items| items.join(",")).boxed()),
        ("ca-file", text().boxed()),
        ("thumbprint", one_of(&["00112233445566778899aabbccddeeff00112233"])),
        ("ip-family", one_of(&["ipv4", "IPv6 , ipv4", ""])),
    ]
}

fn ini() -> impl Strategy<Value = String> {
    let nodes = vec![
        ("internal-network-subnet-cidr", one_of(&["10.0.0.0/8", "10.0.0.0/8, fd00::/8", ""])),
        ("external-vm-network-name", text().boxed()),
        ("exclude-external-network-subnet-cidr", one_of(&["192.0.2.0/24"])),
    ];
    let classes = vec![("ip-pool-name", text().boxed()), ("tcp-app-profile-path", text().boxed())];
    let tags = prop::collection::btree_map(text(), text(), 0..3)
        .prop_map(|tags| serde_json::to_string(&tags).unwrap())
        .boxed();
    let balancer = vec![("snat-disabled", one_of(&["true", "f", "0"])), ("tags", tags)];
    (
        lines(settings()),
        prop::collection::btree_map("[a-z]{1,6}", lines(settings()), 1..3),
        lines(vec![("region", text().boxed()), ("zone", text().boxed())]),
        lines(nodes),
        (text(), text(), prop::bool::ANY),
        prop::option::of((lines(balancer), prop::collection::btree_map(text(), lines(classes), 0..3))),
    )
        .prop_map(|(global, vcenters, labels, nodes, (user, password, route), balancer)| {
            // A user and a password there must be.
            let mut ini = format!("[Global]\nuser = u\npassword = p\n{global}");
            for (id, vcenter) in vcenters {
                write!(ini, "[VirtualCenter {}]\n{vcenter}", quoted(&id)).unwrap();
            }
            write!(ini, "[Labels]\n{labels}[Nodes]\n{nodes}").unwrap();
            let (user, password) = (quoted(&user), quoted(&password));
            write!(ini, "[NSXT]\nhost = nsx\nuser = {user}\npassword = {password}\n").unwrap();
            if route {
                ini += "[Route]\nrouter-path = /t\n";
            }
            if let Some((balancer, classes)) = balancer {
                ini += "[LoadBalancer]\nsize = DLB\nlb-service-id = 1\nip-pool-id = 2\ntcp-app-profile-name = 3\n\
                        udp-app-profile-name = 4\n";
                ini += &balancer;
                for (name, class) in classes {
                    // No line break may stand in a header.
                    let name: String = name.chars().filter(|c| !"\n\t\\\"".contains(*c)).collect();
                    if !name.is_empty() {
                        write!(ini, "[LoadBalancerClass {}]\n{class}", quoted(&name)).unwrap();
                    }
                }
            }
            ini
        })
}

/// Lines move, so the places of problems do.
fn without_places(mut config: Config) -> Config {
    use super::super::Feature::Disabled;
    if let Disabled(problems) = &mut config.load_balancer {
        problems.clear();
    }
    config
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_result_means_the_same(ini in ini()) {
        let yaml = converted(&ini);
        prop_assert_eq!(Dialect::of(&yaml), Some(Dialect::Yaml));
        prop_assert_eq!(without_places(config(&yaml)), without_places(config(&ini)), "{}\n{}", ini, yaml);
    }
}
