//! Credentials out of data: forms, mistakes, secrecy.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

/// User, password and warnings, or the error.
type Outcome = Result<(String, String, Vec<String>), String>;

fn find(pairs: &[(&str, &str)], server: &str) -> Outcome {
    Credentials::find(&data(pairs), server, "Secret ns/s")
        .map(|found| {
            let Credentials::Login { user, password } = found.credentials else { panic!("{found:?}") };
            (user, password.expose_secret().to_owned(), found.warnings)
        })
        .map_err(|error| error.to_string())
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with an outcome")]
fn ok(user: &str, password: &str) -> Outcome {
    Ok((user.to_owned(), password.to_owned(), Vec::new()))
}

#[test]
fn both_forms_are_found() {
    let named = [("vc.example.com.username", "u\n"), ("vc.example.com.password", "p\n\n")];
    let (user, password, warnings) = find(&named, "VC.example.com").unwrap();
    assert_eq!((user.as_str(), password.as_str()), ("u", "p\n"), "one line break is cut, no more");
    assert_eq!(warnings.len(), 1);

    let both = [
        ("10.0.0.1.username", "u"),
        ("10.0.0.1.password", "p"),
        ("server_a", "2001:DB8:0::1"),
        ("username_a", "u6"),
        ("password_a", "p6"),
        ("server_b", "[2001:db8::2]\n"),
        ("username_b", "v6"),
        ("password_b", "q6"),
    ];
    assert_eq!(find(&both, "10.0.0.1"), ok("u", "p"));
    assert_eq!(find(&both, "2001:db8::1"), ok("u6", "p6"));
    assert_eq!(find(&both, "2001:db8::2"), ok("v6", "q6"));

    let exact_first =
        [("VC.username", "U"), ("VC.password", "P"), ("vc.username", "u"), ("vc.password", "p")];
    assert_eq!(find(&exact_first, "vc"), ok("u", "p"));
    let half_then_whole =
        [("vc.username", "x"), ("server_1", "vc"), ("username_1", "u"), ("password_1", "p")];
    assert_eq!(find(&half_then_whole, "vc"), ok("u", "p"));
}

#[test]
fn second_form_keeps_line_breaks() {
    let triple = [("server_1", "vc"), ("username_1", "u"), ("password_1", "p\n")];
    let (_, password, warnings) = find(&triple, "vc").unwrap();
    assert_eq!(password, "p\n");
    assert_eq!(
        warnings,
        ["Secret ns/s: the value of key `password_1` ends with a line break, which is taken as part of it"]
    );
}

#[test]
fn strange_keys_do_no_harm() {
    let strange = [
        ("vc.username", "u"),
        ("vc.password", "p"),
        ("other.vc-session-manager-url", "https://x"),
        ("vc.vc-session-manager-token", "t"),
        (".username", "x"),
        ("notes", "x"),
        ("password_7", "x"),
    ];
    let (user, _, warnings) = find(&strange, "vc").unwrap();
    assert_eq!(user, "u");
    assert_eq!(
        warnings,
        [
            "Secret ns/s: key `.username` is not known and has no effect",
            "Secret ns/s: key `notes` is not known and has no effect",
            "Secret ns/s: key `password_7` has no effect without a key `server_7`",
            "Secret ns/s: key `vc.vc-session-manager-token` has no effect without a key `vc.vc-session-manager-url`",
        ]
    );
}

#[test]
fn errors_name_secret_and_key() {
    type Pairs<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Pairs<'_>, &str, &str); 9] = [
        (&[], "vc", "there are no data; expected the keys `vc.username` and `vc.password`"),
        (&[("vc.username", "u")], "vc", "key `vc.password` is missing beside `vc.username`"),
        (&[("vc.password", "p")], "vc", "key `vc.username` is missing beside `vc.password`"),
        (&[("vc.username", "\n"), ("vc.password", "p")], "vc", "the value of key `vc.username` is empty"),
        (
            &[("other.username", "u"), ("server_1", "a"), ("username_1", "b")],
            "vc",
            "nothing for server vc (there is something for other, a); expected the keys `vc.username` and `vc.password`",
        ),
        (
            &[("username", "u"), ("password", "p")],
            "vc",
            "nothing for server vc; expected the keys `vc.username` and `vc.password`",
        ),
        (
            &[("vc.vc-session-manager-url", "sessions/x")],
            "vc",
            "the value of key `vc.vc-session-manager-url` is not a URL; expected one such as \
             https://sessions.example.com/session",
        ),
        (
            &[("vc.vc-session-manager-token", "t")],
            "vc",
            "key `vc.vc-session-manager-url` is missing beside `vc.vc-session-manager-token`",
        ),
        (
            &[("x", "u")],
            "::1",
            "nothing for server ::1; expected the keys `server_1`, `username_1` and `password_1`, the first with \
             this server as value",
        ),
    ];
    for (pairs, server, want) in cases {
        assert_eq!(find(pairs, server), Err(format!("Secret ns/s: {want}")));
    }
    let not_utf8 = BTreeMap::from([
        ("vc.username".to_owned(), b"u".to_vec()),
        ("vc.password".to_owned(), b"\xff".to_vec()),
    ]);
    let error = Credentials::find(&not_utf8, "vc", "Secret ns/s").unwrap_err();
    assert_eq!(error.to_string(), "Secret ns/s: the value of key `vc.password` is not UTF-8");
}

#[test]
fn a_session_manager_comes_before_user_and_password() {
    let found = |pairs: &[(&str, &str)]| Credentials::find(&data(pairs), "VC", "Secret ns/s").unwrap();
    let manager = |url: &str, token: Option<&str>| Credentials::SessionManager {
        url: url.to_owned().into(),
        token: token.map(|token| token.to_owned().into()),
    };
    let url = ("vc.vc-session-manager-url", "https://sessions.example.com:8443/s?k=hunter2\n");
    let alone = found(&[url]);
    assert_eq!(alone.credentials, manager("https://sessions.example.com:8443/s?k=hunter2", None));
    assert!(alone.warnings.is_empty(), "{:?}", alone.warnings);
    assert_eq!(alone.credentials.account(), "session manager sessions.example.com:8443");
    assert!(!format!("{alone:?}").contains("hunter2"));

    let with_token = found(&[url, ("vc.vc-session-manager-token", "t0k3n\n"), ("vc.password", "p")]);
    assert_eq!(
        with_token.credentials,
        manager("https://sessions.example.com:8443/s?k=hunter2", Some("t0k3n"))
    );
    assert_ne!(with_token.credentials, alone.credentials);
    assert_eq!(
        with_token.warnings,
        ["Secret ns/s: key `vc.password` has no effect, because `vc.vc-session-manager-url` is there"]
    );
    assert!(!format!("{with_token:?}").contains("t0k3n"));

    let open = found(&[("vc.vc-session-manager-url", "http://s/"), ("vc.vc-session-manager-token", "")]);
    assert_eq!(open.credentials, manager("http://s/", None));
    assert!(open.warnings[0].contains("is not encrypted"), "{:?}", open.warnings);
    for bad in ["https://u:hunter2@s/", "https://", "https:///x", "https://a b", "ftp://s", "s"] {
        let error = Credentials::find(&data(&[("vc.vc-session-manager-url", bad)]), "vc", "S").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn debug_is_silent() {
    let found =
        Credentials::find(&data(&[("vc.username", "u"), ("vc.password", "hunter2")]), "vc", "S").unwrap();
    assert!(!format!("{found:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn any_password_arrives(password in "\\PC{1,127}") {
        let found = find(&[("vc.username", "u"), ("vc.password", &password)], "vc");
        prop_assert_eq!(found, ok("u", &password));
    }

    #[test]
    fn any_data_are_survived(
        pairs in prop::collection::btree_map(".{0,12}", prop::collection::vec(any::<u8>(), 0..8), 0..6),
        server in ".{0,8}",
    ) {
        drop(Credentials::find(&pairs, &server, "S"));
    }
}
