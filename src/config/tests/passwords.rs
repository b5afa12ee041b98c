//! Passwords arrive as they are and are never told.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::super::{self as config, CredentialSource, Environment, Loaded, NsxtAuth, Options};
use super::load;

/// The password that a file holds.
fn password(text: &str) -> String {
    let loaded = load(text, "vsphere.conf", Options { strict: true })
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    match &loaded.config.vcenters[0].credentials {
        CredentialSource::Inline { password, .. } => password.expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// What NSX is logged in to with.
fn nsx_password(text: &str) -> String {
    let loaded = load(text, "vsphere.conf", Options { strict: true })
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    match &loaded.config.nsxt.configured().unwrap().auth {
        NsxtAuth::Login { password, .. } => password.expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn environment(name: &str, value: &str) -> Environment {
    Environment::new([(name.to_owned(), value.to_owned())], |_| false)
}

fn yaml(value: &str) -> String {
    format!("vcenter:\n  vc1:\n    server: vc\n    user: u\n    password: {value}\n    port: 443\n")
}

fn ini(value: &str) -> String {
    format!("[VirtualCenter \"vc\"]\nuser = u\npassword = {value}\nport = 443\n")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_password_arrives(text in prop_oneof!["[ -~]{1,40}", "\\PC{1,127}", r#"[\\"'#;$%{}:\- üa]{1,12}"#]) {
        prop_assert_eq!(&password(&yaml(&format!("\"{}\"", escaped(&text)))), &text);
        prop_assert_eq!(&password(&yaml(&format!("'{}'", text.replace('\'', "''")))), &text);
        // The indentation of a block is that of its first line.
        if !text.starts_with(' ') {
            prop_assert_eq!(&password(&yaml(&format!("|-\n      {text}"))), &text);
        }
        prop_assert_eq!(&password(&ini(&format!("\"{}\"", escaped(&text)))), &text);
    }

    #[test]
    fn any_password_of_nsx_and_of_the_environment_arrives(text in prop_oneof!["[ -~]{1,40}", "\\PC{1,127}"]) {
        let nsx = format!("nsxt: {{host: n, user: u, password: '{}'}}\n", text.replace('\'', "''"));
        prop_assert_eq!(&nsx_password(&format!("{}{nsx}", yaml("p"))), &text);
        let nsx = format!("[NSXT]\nhost = n\nuser = u\npassword = \"{}\"\n", escaped(&text));
        prop_assert_eq!(&nsx_password(&format!("{}{nsx}", ini("p"))), &text);

        let file = "global: {user: u, password: p}\nvcenter: {vc: {server: vc}}\n";
        let environment = environment("VSPHERE_PASSWORD", &text);
        let loaded = config::load(file, "f", Options { strict: true }, &environment).unwrap();
        let CredentialSource::Inline { password, .. } = &loaded.config.vcenters[0].credentials else { panic!() };
        prop_assert_eq!(password.expose_secret(), &text);
    }

    #[test]
    fn any_environment_is_survived(
        variables in prop::collection::btree_map(
            prop_oneof![
                "(VSPHERE|VCENTER|NSXT)_[A-Z_]{0,20}",
                "(VSPHERE_)?VCENTER_[A-Z_]{0,3}(_(SERVER|PORT|IP_FAMILY|INSECURE|SECRET_NAME))?",
            ],
            ".{0,12}",
            0..6,
        ),
        text in prop_oneof![Just(yaml("p")), Just(ini("p")), "(?s).{0,40}"],
    ) {
        let environment = Environment::new(variables, |_| true);
        drop(config::load(&text, "f", Options::default(), &environment));
    }

    #[test]
    fn any_text_is_survived(text in "(?s).{0,200}") {
        for header in ["[NSXT]\n", "[LoadBalancer]\ntags = ", "[LoadBalancerClass \"", "[Route]\nrouter-path = "] {
            drop(load(&format!("{}{header}{text}", ini("p")), "f", Options::default()));
        }
        for section in ["nsxt", "loadBalancer", "loadBalancerClass", "route"] {
            drop(load(&format!("{}{section}:\n  x: {text}", yaml("p")), "f", Options::default()));
        }
        drop(load(&text, "f", Options::default()));
        drop(load(&format!("[{text}"), "f", Options::default()));
        drop(load(&format!("[VirtualCenter \"vc\"]\nuser = {text}"), "f", Options::default()));
        drop(load(&format!("vcenter:\n  vc: {text}"), "f", Options::default()));
    }

    #[test]
    fn any_tokens_are_survived(tokens in prop::collection::vec(prop::sample::select(vec![
        "global", "vcenter", ":", " ", "\n", "  ", "{", "}", "[", "]", "-", "\"", "'", "&a", "*a", "<<", "|", ">", "!x",
        "#", ";", "\\", "=", "[Global]", "[VirtualCenter \"x\"]", "user", "password", "server", "port", "0", "\t", "\r",
        "ipFamily", "ip-family", "nsxt", "loadBalancer", "tags", "[LoadBalancerClass \"x\"]", "host", "size", "?", ",", "---", "...", "~", "\u{feff}", "\0",
    ]), 0..40)) {
        drop(load(&tokens.concat(), "f", Options::default()));
    }
}

/// Everything that can be seen of an outcome.
fn told(outcome: Result<Loaded, config::ConfigError>) -> String {
    match outcome {
        Err(error) => format!("{error} {error:?}"),
        Ok(loaded) => {
            let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
            format!("{warnings:?} {loaded:?} {:?}", loaded.settings())
        }
    }
}

#[test]
fn no_message_tells_a_password_of_the_environment() {
    for name in ["VSPHERE_PASSWORD", "VSPHERE_PASSWRD", "VCENTER_X_PASSWORD", "NSXT_PASSWORD", "NSXT_PASSWD"]
    {
        for text in [yaml("p"), ini("p"), yaml("!x y")] {
            let environment = environment(name, "hunter2hunter2");
            for strict in [false, true] {
                let told = told(config::load(&text, "f", Options { strict }, &environment));
                assert!(
                    !told.contains("hunter2") && !format!("{environment:?}").contains("hunter2"),
                    "{told}"
                );
            }
        }
    }
}

/// Every kind of slip, right beside the password, above and below it.
#[test]
fn no_message_tells_a_password() {
    const SECRET: &str = "hunter2hunter2";
    let slips = [
        "",
        "\t",
        "\tx: y",
        "x",
        "x y",
        ":",
        ": :",
        "- x",
        "\"",
        "'",
        "\"x",
        "'x",
        "{",
        "[",
        "}",
        "]",
        "*x",
        "&x &y",
        "!x!y z",
        "%",
        "@",
        "`",
        "|x",
        ">",
        "? x",
        "<<: x",
        "foo: bar",
        "user: v",
        "password: x",
        "port: x",
        "server: http://u:hunter2hunter2@x",
        "secretName: x",
        "ca-file: x",
        "ipFamily: x",
        "thumbprint: x",
        "foo = bar",
        "foo = \\",
        "foo = \"",
        "[",
        "[]",
        "[x",
        "[x y]",
        "[x \"",
        "[VirtualCenter]",
        "port = x",
        "insecure-flag = x",
        "server = x:y",
        "foo_bar = x",
        "; ",
        "# ",
        "\0",
        "ip-family",
        "---",
        "--- x",
        "...",
        "%YAML 1.1",
    ];
    let values = [
        SECRET,
        "hunter2hunter2\\",
        "\"hunter2hunter2",
        "'hunter2hunter2",
        "\"hunter2hunter2\\q\"",
        "\"hunter2hunter2\"x",
        "'hunter2hunter2' x",
        "\"\"hunter2hunter2",
        "*hunter2hunter2",
        "&hunter2hunter2",
        "!hunter2hunter2",
        "!hunter2hunter2 x",
        "%hunter2hunter2",
        "@hunter2hunter2",
        "`hunter2hunter2",
        "{hunter2hunter2}",
        "{hunter2hunter2",
        "[hunter2hunter2]",
        "[hunter2hunter2",
        "{{hunter2hunter2}}",
        "{{hunter2hunter2}}x",
        "|hunter2hunter2",
        "> hunter2hunter2",
        "x, hunter2hunter2",
        "x: hunter2hunter2",
        "hunter2hunter2: x",
        "hunter2hunter2:",
        "#hunter2hunter2",
        "x#hunter2hunter2",
        "x;hunter2hunter2",
        "x\\hunter2hunter2",
        "x\nhunter2hunter2",
        "x\n  hunter2hunter2",
        "x\n    hunter2hunter2",
        "\"x\nhunter2hunter2\"",
        "\"x\n    hunter2hunter2",
        "- hunter2hunter2",
        "? hunter2hunter2",
        "\thunter2hunter2",
        "hunter2hunter2\0",
        "!!binary hunter2hunter2",
        "|\n      hunter2hunter2",
        "hunter2hunter2\n",
        "",
    ];
    let mut said = 0;
    for slip in slips {
        for value in values {
            let flow = format!("vcenter: {{vc: {{server: vc, user: u, password: {value}}}}}\n{slip}");
            for text in [
                format!(
                    "vcenter:\n  vc:\n    server: vc\n    user: u\n    {slip}\n    password: {value}\n    {slip}\n"
                ),
                format!("global:\n  password: {value}\n{slip}\nvcenter:\n  vc: {{server: vc}}\n"),
                flow,
                format!("[VirtualCenter \"vc\"]\nuser = u\n{slip}\npassword = {value}\n{slip}\n"),
                format!("{}nsxt:\n    user: u\n    {slip}\n    password: {value}\n    {slip}\n", yaml("p")),
                format!("{}nsxt:\n    vmcAccessToken: {value}\n    {slip}\n", yaml("p")),
                format!("{}[NSXT]\nuser = u\n{slip}\npassword = {value}\n{slip}\n", ini("p")),
                format!("{}[NSXT]\n{slip}\nvmc-access-token = {value}\n", ini("p")),
            ] {
                for strict in [false, true] {
                    let told = told(load(&text, "f", Options { strict }));
                    said += usize::from(told.contains("f:"));
                    assert!(!told.contains("hunter2"), "{text}\n{told}");
                }
            }
        }
    }
    assert!(said > 1000, "the slips are none: {said}");
}
