//! User and password of a vCenter out of the data of a Kubernetes Secret.
//!
//! Two forms of keys can stand side by side:
//!
//! * `<server>.username` and `<server>.password`,
//! * `server_<x>`, `username_<x>` and `password_<x>` with any `<x>`, for servers whose address has
//!   characters that the key of a Secret must not have (IPv6).
//!
//! The files of a secrets directory are named the same way, so all of this is true for them too.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

use super::values;

/// What a vCenter is logged in to with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

/// Credentials, and what is strange about the data they come from.
#[derive(Clone, Debug)]
pub struct Found {
    /// For the server asked for.
    pub credentials: Credentials,
    /// Sentences that name the origin and the key.
    pub warnings: Vec<String>,
}

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {reason}")]
pub struct CredentialsError {
    origin: String,
    reason: String,
}

impl Credentials {
    /// Finds the credentials of a server.
    ///
    /// `origin` is what messages call the data, e.g. `Secret kube-system/vsphere`; `server` is
    /// the server as the configuration names it, its case does not count. What the data says of
    /// other servers, and keys that mean nothing, never stand in the way.
    pub fn find(
        data: &BTreeMap<String, Vec<u8>>,
        server: &str,
        origin: &str,
    ) -> Result<Found, CredentialsError> {
        let keys = Keys::sort(data);
        let fail = |reason: String| CredentialsError { origin: origin.to_owned(), reason };
        let mut warnings: Vec<String> =
            keys.strange.iter().map(|(key, why)| format!("{origin}: key `{key}` {why}")).collect();
        let candidates = keys.candidates(server);
        let whole = candidates.iter().find(|candidate| candidate.missing().is_none());
        let Some(chosen) = whole.or(candidates.first()) else {
            return Err(fail(keys.nothing_for(server)));
        };
        if let Some(reason) = chosen.missing() {
            return Err(fail(reason));
        }
        let text = |key: &str, value: &[u8]| {
            String::from_utf8(value.to_vec())
                .map_err(|_| fail(format!("the value of key `{key}` is not UTF-8")))
        };
        let user = text(&chosen.user_key, chosen.user.unwrap_or_default())?;
        let password = text(&chosen.password_key, chosen.password.unwrap_or_default())?;
        for (key, value) in [(&chosen.user_key, &user), (&chosen.password_key, &password)] {
            if value.ends_with('\n') {
                warnings.push(format!(
                    "{origin}: the value of key `{key}` ends with a line break, which is taken as part of it"
                ));
            }
        }
        Ok(Found { credentials: Credentials { user, password: SecretString::from(password) }, warnings })
    }
}

/// The keys by what they mean.
struct Keys<'a> {
    data: &'a BTreeMap<String, Vec<u8>>,
    /// `<server>` of the first form.
    servers: BTreeSet<&'a str>,
    /// Servers with a session manager, which is not supported yet.
    sessions: BTreeSet<&'a str>,
    /// `<x>` of the second form.
    triples: BTreeSet<&'a str>,
    strange: Vec<(&'a str, String)>,
}

const USER: &str = ".username";
const PASSWORD: &str = ".password";
const SESSION: [&str; 2] = [".vc-session-manager-url", ".vc-session-manager-token"];

impl<'a> Keys<'a> {
    fn sort(data: &'a BTreeMap<String, Vec<u8>>) -> Self {
        let mut keys = Self {
            data,
            servers: BTreeSet::new(),
            sessions: BTreeSet::new(),
            triples: BTreeSet::new(),
            strange: Vec::new(),
        };
        for key in data.keys() {
            let named = |suffix: &str| key.strip_suffix(suffix).filter(|server| !server.is_empty());
            let marked = |prefix: &str| key.strip_prefix(prefix).filter(|mark| !mark.is_empty());
            if let Some(server) = named(USER).or_else(|| named(PASSWORD)) {
                keys.servers.insert(server);
            } else if let Some(server) = SESSION.into_iter().find_map(named) {
                keys.sessions.insert(server);
            } else if let Some(mark) = marked("server_") {
                keys.triples.insert(mark);
            } else if let Some(mark) = marked("username_").or_else(|| marked("password_")) {
                let server = format!("server_{mark}");
                if !data.contains_key(&server) {
                    keys.strange.push((key, format!("has no effect without a key `{server}`")));
                }
            } else {
                keys.strange.push((key, "is not known and has no effect".to_owned()));
            }
        }
        keys
    }

    /// What there is for a server, the best fitting first.
    fn candidates(&self, server: &str) -> Vec<Candidate<'a>> {
        let exact = self.servers.iter().filter(|name| **name == server);
        let alike =
            self.servers.iter().filter(|name| **name != server && values::same_server(bare(name), server));
        let named = exact.chain(alike).map(|name| self.named(name));
        let marked = self.triples.iter().filter(|mark| {
            let value = self.data.get(&format!("server_{mark}"));
            value
                .and_then(|value| std::str::from_utf8(value).ok())
                .is_some_and(|value| values::same_server(bare(value.trim()), server))
        });
        named.chain(marked.map(|mark| self.marked(mark))).collect()
    }

    fn named(&self, server: &str) -> Candidate<'a> {
        let get = |key: &str| self.data.get(key).map(|value| value.strip_suffix(b"\n").unwrap_or(value));
        let (user_key, password_key) = (format!("{server}{USER}"), format!("{server}{PASSWORD}"));
        Candidate { user: get(&user_key), password: get(&password_key), user_key, password_key }
    }

    fn marked(&self, mark: &str) -> Candidate<'a> {
        let get = |key: &str| self.data.get(key).map(Vec::as_slice);
        let (user_key, password_key) = (format!("username_{mark}"), format!("password_{mark}"));
        Candidate { user: get(&user_key), password: get(&password_key), user_key, password_key }
    }

    fn nothing_for(&self, server: &str) -> String {
        let example = if server.contains(':') {
            "expected the keys `server_1`, `username_1` and `password_1`, the first with this server as value"
                .to_owned()
        } else {
            format!("expected the keys `{server}{USER}` and `{server}{PASSWORD}`")
        };
        if self.data.is_empty() {
            return format!("there are no data; {example}");
        }
        if self.sessions.iter().any(|name| values::same_server(name, server)) {
            return format!(
                "for server {server} there is only a session manager, which is not supported; {example}"
            );
        }
        let mut others: Vec<String> = self.servers.iter().map(|name| (*name).to_owned()).collect();
        others.extend(self.triples.iter().filter_map(|mark| {
            let value = self.data.get(&format!("server_{mark}"))?;
            std::str::from_utf8(value).ok().map(|value| value.trim().to_owned())
        }));
        let others = if others.is_empty() {
            String::new()
        } else {
            format!(" (there is something for {})", others.join(", "))
        };
        format!("nothing for server {server}{others}; {example}")
    }
}

/// IPv6 addresses may be in brackets.
fn bare(server: &str) -> &str {
    server.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(server)
}

/// What may be the credentials.
struct Candidate<'a> {
    user_key: String,
    password_key: String,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
}

impl Candidate<'_> {
    /// What is missing for them to be credentials.
    fn missing(&self) -> Option<String> {
        let halves = [
            (&self.user_key, self.user, &self.password_key),
            (&self.password_key, self.password, &self.user_key),
        ];
        halves.into_iter().find_map(|(key, value, other)| match value {
            None => Some(format!("key `{key}` is missing beside `{other}`")),
            Some([]) => Some(format!("the value of key `{key}` is empty")),
            Some(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
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
                let Credentials { user, password } = found.credentials;
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
            [
                "Secret ns/s: the value of key `password_1` ends with a line break, which is taken as part of it"
            ]
        );
    }

    #[test]
    fn strange_keys_do_no_harm() {
        let strange = [
            ("vc.username", "u"),
            ("vc.password", "p"),
            ("vc.vc-session-manager-url", "https://x"),
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
            ]
        );
    }

    #[test]
    fn errors_name_secret_and_key() {
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Pairs<'_>, &str, &str); 8] = [
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
                &[("vc.vc-session-manager-url", "u")],
                "vc",
                "for server vc there is only a session manager, which is not supported; expected the keys \
                 `vc.username` and `vc.password`",
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
}
