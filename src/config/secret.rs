//! The credentials of a vCenter out of the data of a Kubernetes Secret.
//!
//! Three forms of keys can stand side by side:
//!
//! * `<server>.username` and `<server>.password`,
//! * `server_<x>`, `username_<x>` and `password_<x>` with any `<x>`, for servers whose address has
//!   characters that the key of a Secret must not have (IPv6),
//! * `<server>.vc-session-manager-url`, with or without `<server>.vc-session-manager-token`: a
//!   service that hands out shares of its own session. It comes before user and password.
//!
//! The files of a secrets directory are named the same way, so all of this is true for them too.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretString};

use super::model::same_secret;
use super::values;

/// What a vCenter is logged in to with. Equal if all values are.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A user's name and password.
    Login {
        /// The user's name.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A service that gives tickets to share its session with vCenter.
    SessionManager {
        /// Where it is asked, with `https://` or `http://`. Part of it may be a secret.
        url: SecretString,
        /// What it knows us by; without it, the token of the pod's service account.
        token: Option<SecretString>,
    },
}

impl Credentials {
    /// Whose session it will be, for messages: the user, or the host of the session manager.
    pub fn account(&self) -> String {
        match self {
            Self::Login { user, .. } => user.clone(),
            Self::SessionManager { url, .. } => format!("session manager {}", host(url.expose_secret())),
        }
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Login { user: a, password: p }, Self::Login { user: b, password: q }) => {
                a == b && same_secret(p, q)
            }
            (Self::SessionManager { url: a, token: p }, Self::SessionManager { url: b, token: q }) => {
                let tokens = match (p, q) {
                    (None, None) => true,
                    (Some(p), Some(q)) => same_secret(p, q),
                    _ => false,
                };
                tokens && same_secret(a, b)
            }
            _ => false,
        }
    }
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
        let mut line_break = |key: &str, value: &str| {
            if value.ends_with('\n') {
                warnings.push(format!(
                    "{origin}: the value of key `{key}` ends with a line break, which is taken as part of it"
                ));
            }
        };
        let credentials = if let Some(url) = chosen.url {
            let url = text(&chosen.key(URL), url)?;
            check_url(&url).map_err(|why| fail(format!("the value of key `{}` {why}", chosen.key(URL))))?;
            let token = chosen.token.map(|token| text(&chosen.key(TOKEN), token)).transpose()?;
            for (key, value) in [(&chosen.user_key, chosen.user), (&chosen.password_key, chosen.password)] {
                if value.is_some() {
                    let by = chosen.key(URL);
                    warnings.push(format!("{origin}: key `{key}` has no effect, because `{by}` is there"));
                }
            }
            if url.starts_with("http://") {
                let key = chosen.key(URL);
                let why = "is not encrypted: whoever is on the way can read token and ticket; use https://";
                warnings.push(format!("{origin}: the value of key `{key}` {why}"));
            }
            let token = token.filter(|token| !token.is_empty()).map(SecretString::from);
            Self::SessionManager { url: SecretString::from(url), token }
        } else {
            let user = text(&chosen.user_key, chosen.user.unwrap_or_default())?;
            let password = text(&chosen.password_key, chosen.password.unwrap_or_default())?;
            line_break(&chosen.user_key, &user);
            line_break(&chosen.password_key, &password);
            if chosen.token.is_some() {
                let (token, url) = (chosen.key(TOKEN), chosen.key(URL));
                warnings.push(format!("{origin}: key `{token}` has no effect without a key `{url}`"));
            }
            Self::Login { user, password: SecretString::from(password) }
        };
        Ok(Found { credentials, warnings })
    }
}

/// The keys by what they mean.
struct Keys<'a> {
    data: &'a BTreeMap<String, Vec<u8>>,
    /// `<server>` of the first and third form.
    servers: BTreeSet<&'a str>,
    /// `<x>` of the second form.
    triples: BTreeSet<&'a str>,
    strange: Vec<(&'a str, String)>,
}

const USER: &str = ".username";
const PASSWORD: &str = ".password";
const URL: &str = ".vc-session-manager-url";
const TOKEN: &str = ".vc-session-manager-token";

impl<'a> Keys<'a> {
    fn sort(data: &'a BTreeMap<String, Vec<u8>>) -> Self {
        let mut keys = Self { data, servers: BTreeSet::new(), triples: BTreeSet::new(), strange: Vec::new() };
        for key in data.keys() {
            let named = |suffix: &str| key.strip_suffix(suffix).filter(|server| !server.is_empty());
            let marked = |prefix: &str| key.strip_prefix(prefix).filter(|mark| !mark.is_empty());
            if let Some(server) = [USER, PASSWORD, URL, TOKEN].into_iter().find_map(named) {
                keys.servers.insert(server);
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
        Candidate {
            user: get(&user_key),
            password: get(&password_key),
            url: get(&format!("{server}{URL}")),
            token: get(&format!("{server}{TOKEN}")),
            server: server.to_owned(),
            user_key,
            password_key,
        }
    }

    fn marked(&self, mark: &str) -> Candidate<'a> {
        let get = |key: &str| self.data.get(key).map(Vec::as_slice);
        let (user_key, password_key) = (format!("username_{mark}"), format!("password_{mark}"));
        Candidate {
            user: get(&user_key),
            password: get(&password_key),
            url: None,
            token: None,
            server: String::new(),
            user_key,
            password_key,
        }
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
    /// As the keys of the first and third form spell it.
    server: String,
    user_key: String,
    password_key: String,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    url: Option<&'a [u8]>,
    token: Option<&'a [u8]>,
}

impl Candidate<'_> {
    /// A key with this suffix.
    fn key(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.server)
    }

    /// What is missing for them to be credentials.
    fn missing(&self) -> Option<String> {
        match (self.url, self.token, self.user.or(self.password)) {
            (Some([]), ..) => return Some(format!("the value of key `{}` is empty", self.key(URL))),
            (Some(_), ..) => return None,
            (None, Some(_), None) => {
                return Some(format!("key `{}` is missing beside `{}`", self.key(URL), self.key(TOKEN)));
            }
            (None, ..) => {}
        }
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

/// The rest of a sentence about a URL that cannot be asked; the URL itself may be a secret.
fn check_url(url: &str) -> Result<(), &'static str> {
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err("is not a URL; expected one such as https://sessions.example.com/session");
    }
    let host = host(url);
    if host.is_empty() || host.contains('@') || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("has no host name alone after the //, or a blank; expected one such as \
                    https://sessions.example.com/session");
    }
    Ok(())
}

/// The host of a URL, with its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}
