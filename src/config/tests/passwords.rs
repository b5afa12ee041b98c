//! Passwords arrive as they are and are never told.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::super::{CredentialSource, Options};
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
    fn any_text_is_survived(text in "(?s).{0,200}") {
        drop(load(&text, "f", Options::default()));
        drop(load(&format!("[{text}"), "f", Options::default()));
        drop(load(&format!("[VirtualCenter \"vc\"]\nuser = {text}"), "f", Options::default()));
        drop(load(&format!("vcenter:\n  vc: {text}"), "f", Options::default()));
    }

    #[test]
    fn any_tokens_are_survived(tokens in prop::collection::vec(prop::sample::select(vec![
        "global", "vcenter", ":", " ", "\n", "  ", "{", "}", "[", "]", "-", "\"", "'", "&a", "*a", "<<", "|", ">", "!x",
        "#", ";", "\\", "=", "[Global]", "[VirtualCenter \"x\"]", "user", "password", "server", "port", "0", "\t", "\r",
        "ipFamily", "ip-family", "?", ",", "---", "...", "~", "\u{feff}", "\0",
    ]), 0..40)) {
        drop(load(&tokens.concat(), "f", Options::default()));
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
            ] {
                for strict in [false, true] {
                    let told = match load(&text, "f", Options { strict }) {
                        Err(error) => format!("{error} {error:?}"),
                        Ok(loaded) => {
                            let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
                            format!("{warnings:?} {loaded:?}")
                        }
                    };
                    said += usize::from(told.contains("f:"));
                    assert!(!told.contains("hunter2"), "{text}\n{told}");
                }
            }
        }
    }
    assert!(said > 1000, "the slips are none: {said}");
}
