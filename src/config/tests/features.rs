//! NSX, load balancers and routes: what they mean, and that mistakes switch off only them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use secrecy::ExposeSecret;

use super::super::{
    Config, Feature, LoadBalancer, LoadBalancerSize, Loaded, Nsxt, NsxtAuth, Options, Reference, Severity,
};
use super::load;

const VCENTER_YAML: &str = "vcenter: {vc: {server: vc, user: u, password: p}}\n";
const VCENTER_INI: &str = "[VirtualCenter \"vc\"]\nuser = u\npassword = p\n";
const NSXT_YAML: &str = "nsxt: {host: nsx, user: a, password: b}\n";

fn loaded(text: &str) -> Loaded {
    load(text, "f", Options::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Without warnings, in both dialects the same.
fn both(yaml: &str, ini: &str) -> Config {
    let [yaml, ini] = [format!("{VCENTER_YAML}{yaml}"), format!("{VCENTER_INI}{ini}")].map(|text| {
        let loaded = load(&text, "f", Options { strict: true }).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        loaded.config
    });
    assert_eq!(
        Config { vcenters: Vec::new(), ..yaml.clone() },
        Config { vcenters: Vec::new(), ..ini },
        "the dialects differ"
    );
    yaml
}

fn nsxt(yaml: &str, ini: &str) -> Nsxt {
    both(&format!("nsxt: {yaml}\n"), &format!("[NSXT]\n{ini}")).nsxt.configured().unwrap().clone()
}

#[test]
fn nobody_needs_them() {
    let config = both("", "");
    assert_eq!(
        (config.nsxt, config.load_balancer, config.route),
        (Feature::Absent, Feature::Absent, Feature::Absent)
    );
    let empty =
        both("nsxt:\nloadBalancer: {}\nloadBalancerClass:\nroute: {routerPath: ''}\n", "[NSXT]\n[Route]\n");
    assert_eq!(empty.nsxt, Feature::Absent);
}

#[test]
fn every_way_to_authenticate() {
    let login = nsxt(
        "{host: 'nsx:8443', user: a, password: b, insecureFlag: true, remoteAuth: true, caFile: /c.pem}",
        "host = nsx:8443\nuser = a\npassword = b\ninsecure-flag\nremote-auth = 1\nca-file = /c.pem\n",
    );
    assert_eq!((login.host.as_str(), login.port), ("nsx", 8443));
    assert!(login.remote_auth && login.tls.insecure && login.tls.ca_files.len() == 1);
    let NsxtAuth::Login { user, password } = login.auth else { panic!() };
    assert_eq!((user.as_str(), password.expose_secret()), ("a", "b"));

    let secret = nsxt(
        "{host: nsx, secretName: s, secretNamespace: n}",
        "host = nsx\nsecret-name = s\nsecret-namespace = n\n",
    );
    assert_eq!(secret.port, 443);
    assert!(matches!(secret.auth, NsxtAuth::Secret(secret) if secret.to_string() == "n/s"));

    let vmc = nsxt(
        "{host: nsx, vmcAccessToken: t, vmcAuthHost: a.example.com/authorize}",
        "host = nsx\nvmc-access-token = t\nvmc-auth-host = a.example.com/authorize\n",
    );
    let NsxtAuth::Vmc { auth_host, token } = vmc.auth else { panic!() };
    assert_eq!((auth_host.as_str(), token.expose_secret()), ("a.example.com/authorize", "t"));

    let certificate = nsxt(
        "{host: nsx, clientAuthCertFile: /c, clientAuthKeyFile: /k}",
        "host = nsx\nclient-auth-cert-file = /c\nclient-auth-key-file = /k\n",
    );
    assert!(matches!(certificate.auth, NsxtAuth::ClientCertificate { .. }));
}

fn load_balancer(yaml: &str, ini: &str) -> LoadBalancer {
    let ini = format!("[NSXT]\nhost = nsx\nuser = a\npassword = b\n{ini}");
    both(&format!("{NSXT_YAML}{yaml}"), &ini).load_balancer.configured().unwrap().clone()
}

#[test]
fn load_balancers_and_their_classes() {
    let name = |text: &str| Reference::Name(text.to_owned());
    let id = |text: &str| Reference::Id(text.to_owned());
    let found = load_balancer(
        "loadBalancer:
  size: MEDIUM
  lbServiceId: s
  tier1GatewayPath: /infra/tier-1s/t1
  snatDisabled: true
  tags: {a: b, c: 1}
  ipPoolName: pool
  tcpAppProfileName: tcp
  udpAppProfilePath: /udp
loadBalancerClass:
  public: {ipPoolId: p, tcpAppProfilePath: /tcp}
  plain: {}
",
        "[LoadBalancer]
size = medium
lb-service-id = s
tier1-gateway-path = /infra/tier-1s/t1
snat-disabled = yes
tags = \"{\\\"a\\\": \\\"b\\\", \\\"c\\\": \\\"1\\\"}\"
ip-pool-name = pool
tcp-app-profile-name = tcp
udp-app-profile-path = /udp
[LoadBalancerClass \"public\"]
ip-pool-id = p
tcp-app-profile-path = /tcp
[LoadBalancerClass \"plain\"]
",
    );
    assert_eq!(found.size, LoadBalancerSize::Medium);
    assert_eq!(found.service_id.as_deref(), Some("s"));
    assert_eq!(found.tier1_gateway_path.as_deref(), Some("/infra/tier-1s/t1"));
    assert!(found.snat_disabled);
    assert_eq!(found.tags, BTreeMap::from([("a".into(), "b".into()), ("c".into(), "1".into())]));
    assert_eq!(found.default_class.ip_pool, name("pool"));
    assert_eq!(found.classes["plain"], found.default_class);
    let public = &found.classes["public"];
    assert_eq!(
        (&public.ip_pool, &public.tcp_profile, &public.udp_profile),
        (&id("p"), &id("/tcp"), &id("/udp"))
    );

    // A default class alone is enough.
    let found = load_balancer(
        "loadBalancer: {size: SMALL, tier1GatewayPath: /t}\nloadBalancerClass:\n  default: {ipPoolName: p, \
         tcpAppProfileName: t, udpAppProfileName: u}\n",
        "[LoadBalancer]\nsize = SMALL\ntier1-gateway-path = /t\n[LoadBalancerClass \"default\"]\nip-pool-name = p\n\
         tcp-app-profile-name = t\nudp-app-profile-name = u\n",
    );
    assert_eq!(found.default_class.udp_profile, name("u"));
    assert!(found.classes.is_empty());
}

#[test]
fn a_slash_at_the_end_of_a_router_is_no_name() {
    let config = both(
        &format!("{NSXT_YAML}route: {{routerPath: /infra/tier-1s/t1/}}\n"),
        "[NSXT]\nhost = nsx\nuser = a\npassword = b\n[Route]\nrouter-path = /infra/tier-1s/t1/\n",
    );
    assert_eq!(config.route.configured().unwrap().router_id(), "t1");
}

/// Below a vCenter that is right, on its first line: what is said, without the name of the file.
const MISTAKES: &[(&str, &str)] = &[
    (
        "nsxt: {user: a, password: b}",
        "2: nsxt.host: is missing; write the host name or IP address of NSX Manager",
    ),
    (
        "nsxt: {host: nsx}",
        "2: nsxt: there are no credentials for NSX; write `user` and `password`, `secretName` and \
         `secretNamespace`, `clientAuthCertFile` and `clientAuthKeyFile`, or `vmcAccessToken` and `vmcAuthHost`",
    ),
    ("nsxt: {host: nsx, user: a}", "2: nsxt.user: needs `password` beside it in `nsxt`"),
    (
        "nsxt: {host: nsx, secretNamespace: a}",
        "2: nsxt.secretNamespace: needs `secretName` beside it in `nsxt`",
    ),
    (
        "nsxt: {host: nsx, vmcAccessToken: hunter2}",
        "2: nsxt.vmcAccessToken: needs `vmcAuthHost` beside it in `nsxt`",
    ),
    (
        "nsxt: {host: nsx, clientAuthKeyFile: /k}",
        "2: nsxt.clientAuthKeyFile: needs `clientAuthCertFile` beside it in `nsxt`",
    ),
    (
        "nsxt: {host: 'https://u:hunter2@nsx', user: a, password: b}",
        "2: nsxt.host: is not a host name or IP address; write it alone or with a port, as in nsx.example.com or \
         nsx.example.com:8443",
    ),
    (
        "nsxt: {host: nsx, user: a, password: [hunter2]}",
        "2: nsxt.password: expected one value, found a list; put a value that begins with { or [ in single quotes",
    ),
    (
        "nsxt: {host: nsx, user: a, password: b, insecureFlag: maybe}",
        "2: nsxt.insecureFlag: \"maybe\" is neither true nor false; write one of the two",
    ),
    ("nsxt: [1]", "2: nsxt: expected `key: value` lines below it, found a list"),
    (
        "nsxt: {host: nsx, vmcAccessToken: hunter2, vmcAuthHost: 'https://a'}",
        "2: nsxt.vmcAuthHost: expected a host name with or without a path, and no https:// before it",
    ),
];

const LOAD_BALANCER_MISTAKES: &[(&str, &str)] = &[
    (
        "loadBalancer: {size: HUGE, lbServiceId: s, ipPoolName: p, tcpAppProfileName: t, udpAppProfileName: u}",
        "3: loadBalancer.size: \"HUGE\" is not a size; expected one of SMALL, MEDIUM, LARGE, XLARGE, DLB",
    ),
    (
        "loadBalancer: {lbServiceId: s, ipPoolName: p, tcpAppProfileName: t, udpAppProfileName: u}",
        "3: loadBalancer.size: is missing; write one of SMALL, MEDIUM, LARGE, XLARGE, DLB",
    ),
    (
        "loadBalancer: {size: DLB, ipPoolName: p, tcpAppProfileName: t, udpAppProfileName: u}",
        "3: loadBalancer.tier1GatewayPath: is missing; write it, or `lbServiceId`",
    ),
    (
        "loadBalancer: {size: DLB, lbServiceId: s, tcpAppProfileName: t, udpAppProfileName: u}",
        "3: loadBalancer.ipPoolName: is missing; write it, or `ipPoolId`",
    ),
    (
        "loadBalancer: {size: DLB, lbServiceId: s, ipPoolName: p, ipPoolId: i, tcpAppProfileName: t, \
         udpAppProfileName: u}",
        "3: loadBalancer.ipPoolName: cannot stand beside `ipPoolId`; keep one of the two",
    ),
    (
        "loadBalancer: {size: DLB, lbServiceId: s, ipPoolName: p}",
        "3: loadBalancer.tcpAppProfileName: is missing; write it, or `tcpAppProfilePath`\n\
         3: loadBalancer.udpAppProfileName: is missing; write it, or `udpAppProfilePath`",
    ),
    (
        "loadBalancer: {size: DLB, lbServiceId: s, ipPoolName: p, tcpAppProfileName: t, udpAppProfileName: u, \
         tags: x}",
        "3: loadBalancer.tags: expected names with values, as in {a: b}, found a single value",
    ),
    (
        "loadBalancerClass: [a]",
        "3: loadBalancerClass: expected classes by name, as in `loadBalancerClass: {public: {ipPoolName: public}}`",
    ),
];

/// What disables a feature, each on its line, and that it is told as a warning, or as an error.
fn told(text: &str, feature: impl Fn(&Config) -> Vec<super::super::Problem>, consequence: &str) -> String {
    let loaded = loaded(text);
    assert_eq!(loaded.config.vcenters.len(), 1);
    let problems = feature(&loaded.config);
    let strict = load(text, "f", Options { strict: true }).unwrap_err();
    assert!(!format!("{loaded:?} {strict}").contains("hunter2"));
    let mut lines = String::new();
    for problem in &problems {
        let warning = format!("{problem}; {consequence}");
        assert!(
            loaded
                .warnings
                .iter()
                .any(|told| told.severity == Severity::Warning && told.to_string() == warning),
            "{:?}",
            loaded.warnings
        );
        assert!(strict.problems().contains(problem), "{strict}");
        writeln!(lines, "{}", problem.to_string().trim_start_matches("f:")).unwrap();
    }
    lines.trim_end().to_owned()
}

#[test]
fn mistakes_switch_off_only_what_they_are_about() {
    let mut wrong = String::new();
    let mut compare = |text: &str, got: String, want: &str| {
        if got != want {
            writeln!(wrong, "--- {text}\n  got:  {got}\n  want: {want}").unwrap();
        }
    };
    for (text, want) in MISTAKES {
        let whole = format!("{VCENTER_YAML}{text}\n");
        let got =
            told(&whole, |config| config.nsxt.problems().to_vec(), "NSX is not used until this is corrected");
        compare(text, got, want);
    }
    for (text, want) in LOAD_BALANCER_MISTAKES {
        let whole = format!("{VCENTER_YAML}{NSXT_YAML}{text}\n");
        let consequence = "there are no load balancers until this is corrected";
        compare(text, told(&whole, |config| config.load_balancer.problems().to_vec(), consequence), want);
        assert!(loaded(&whole).config.nsxt.configured().is_some());
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_nsx_does_needs_nsx() {
    let consequence = "there are no routes until this is corrected";
    let route = |config: &Config| config.route.problems().to_vec();
    let text = format!("{VCENTER_YAML}route: {{routerPath: /t}}\n");
    assert_eq!(
        told(&text, route, consequence),
        "2: route: needs `nsxt` with the host of NSX Manager and credentials for it"
    );
    let text = format!("{VCENTER_YAML}nsxt: {{host: nsx}}\nroute: {{routerPath: /t}}\n");
    assert_eq!(told(&text, route, consequence), "3: route: needs `nsxt`, which cannot be used");
    let text = format!("{VCENTER_YAML}loadBalancerClass: {{a: {{}}}}\n");
    let load_balancer = loaded(&text).config.load_balancer;
    assert_eq!(load_balancer.problems().len(), 6, "{load_balancer:#?}");
}

/// The same in INI, below a vCenter of three lines; beginnings only.
const INI_MISTAKES: &[(&str, &str)] = &[
    ("[NSXT]\nhost\n", "5: [NSXT] host: there is no value; write host = ..."),
    ("[NSXT]\nuser = a\npassword = b\n", "4: [NSXT] host: is missing; write the host name or IP address"),
    (
        "[NSXT]\nhost = nsx\n",
        "4: [NSXT]: there are no credentials for NSX; write `user` and `password`, `secret-name` and",
    ),
    ("[NSXT]\nhost = nsx\nuser = a\n", "6: [NSXT] user: needs `password` beside it in `[NSXT]`"),
    (
        "[NSXT]\nhost = nsx\nvmc-auth-host = a\n",
        "6: [NSXT] vmc-auth-host: needs `vmc-access-token` beside it in `[NSXT]`",
    ),
    (
        "[NSXT]\nhost = https://nsx/\nuser = a\npassword = b\n",
        "5: [NSXT] host: is not a host name or IP address",
    ),
    (
        "[NSXT]\nhost = nsx\nuser = a\npassword = b\nremote-auth = 2\n",
        "8: [NSXT] remote-auth: \"2\" is neither true nor false; write one of the two",
    ),
    (
        "[LoadBalancerClass]\n",
        "4: [LoadBalancerClass]: the class has no name; write [LoadBalancerClass \"name\"]",
    ),
    (
        "[LoadBalancer]\nsize = SMALL\ntags = a=b\n",
        "6: [LoadBalancer] tags: expected a JSON object of texts, as in \"{\\\"scope\\\": \\\"tag\\\"}\"",
    ),
    (
        "[LoadBalancer]\nsize = SMALL\ntags = \"{\\\"a\\\": 1}\"\n",
        "6: [LoadBalancer] tags: expected a JSON object of texts",
    ),
    (
        "[LoadBalancer]\nsize = tiny\n",
        "5: [LoadBalancer] size: \"tiny\" is not a size; expected one of SMALL,",
    ),
    ("[LoadBalancer]\nip-pool-id = p\n", "4: [LoadBalancer] size: is missing; write one of SMALL, MEDIUM,"),
    (
        "[LoadBalancer]\nip-pool-id = p\n",
        "4: [LoadBalancer] tier1-gateway-path: is missing; write it, or `lb-service-id`",
    ),
    (
        "[LoadBalancerClass \"a\"]\nip-pool-id = p\nip-pool-name = q\n",
        "6: [LoadBalancerClass \"a\"] ip-pool-name: cannot stand beside `ip-pool-id`; keep one of the two",
    ),
    ("[LoadBalancerClass \"a\"]\n", "4: [LoadBalancer] tcp-app-profile-name: is missing; write it, or"),
    (
        "[Route]\nrouter-path = /\n",
        "5: [Route] router-path: \"/\" is not the policy path of a router; expected one",
    ),
    ("[Route]\nrouter-path = /t\n", "4: [Route]: needs `[NSXT]` with the host of NSX Manager"),
    ("[Route \"x\"]\n", "4: [Route \"x\"]: a name has no place here"),
];

#[test]
fn ini_mistakes() {
    for (text, want) in INI_MISTAKES {
        let loaded = loaded(&format!("{VCENTER_INI}{text}"));
        let told: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|line| line.starts_with(&format!("f:{want}"))), "{want}: {told:#?}");
        assert!(loaded.config.vcenters.len() == 1 && loaded.config.route.configured().is_none());
    }
}

#[test]
fn what_has_no_effect_is_told() {
    for (text, want) in [
        (
            "nsxt: {host: nsx, user: a, password: hunter2, secretName: s, secretNamespace: n}",
            "f:2: nsxt.user: has no effect, because `nsxt.secretName` is given; remove one",
        ),
        ("nsxt: {foo: bar}", "f:2: nsxt.foo: is not a key and has no effect; `nsxt` knows host, user,"),
        (
            "loadBalancer: {tags: {a: b}}",
            "f:2: loadBalancer.tags: has no effect without one of `size`, `lbServiceId`, `tier1GatewayPath`,",
        ),
        ("labels: {routerPath: x}", "f:2: labels.routerPath: has no effect here; it belongs in `route`"),
    ] {
        let loaded = loaded(&format!("{VCENTER_YAML}{text}\n"));
        let told: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|line| line.starts_with(want)), "{told:#?}");
        assert!(!told.concat().contains("hunter2"));
    }
}

#[test]
fn configurations_are_compared_by_what_they_mean() {
    let text = |password: &str, token: &str| {
        format!(
            "vcenter: {{vc: {{server: vc, user: u, password: {password}}}}}\nnsxt: {{host: nsx, vmcAuthHost: a, \
             vmcAccessToken: {token}}}\n"
        )
    };
    let config = |password, token| loaded(&text(password, token)).config;
    assert_eq!(config("a", "t"), loaded(&format!("# moved\n{}", text("'a'", "\"t\""))).config);
    assert_ne!(config("a", "t"), config("b", "t"));
    assert_ne!(config("a", "t").nsxt, config("a", "u").nsxt);
}
