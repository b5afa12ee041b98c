//! Front proxies: servers that have authenticated the user already, and name them in headers.

use hyper::HeaderMap;

use super::user::User;

/// The headers in which a front proxy names the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// The user's name; the first one that is there counts (`--requestheader-username-headers`).
    pub username: Vec<String>,
    /// The user's uid, likewise (`--requestheader-uid-headers`).
    pub uid: Vec<String>,
    /// The user's groups; all of them count (`--requestheader-group-headers`).
    pub group: Vec<String>,
    /// How headers begin that say more (`--requestheader-extra-headers-prefix`).
    pub extra_prefix: Vec<String>,
}

impl Default for HeaderNames {
    fn default() -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            username: one("x-remote-user"),
            uid: Vec::new(),
            group: one("x-remote-group"),
            extra_prefix: one("x-remote-extra-"),
        }
    }
}

impl HeaderNames {
    /// The user that the headers name; `None` without a name.
    pub(super) fn user(&self, headers: &HeaderMap) -> Option<User> {
        let values = |name: &String| -> Vec<String> {
            let all = headers.get_all(name.to_ascii_lowercase());
            all.iter()
                .filter_map(|value| value.to_str().ok())
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let first = |names: &[String]| names.iter().find_map(|name| values(name).into_iter().next());
        let mut user = User { name: first(&self.username)?, ..User::default() };
        user.uid = first(&self.uid).unwrap_or_default();
        user.groups = self.group.iter().flat_map(values).collect();
        for prefix in &self.extra_prefix {
            let prefix = prefix.to_ascii_lowercase();
            for name in headers.keys() {
                if let Some(key) = name.as_str().strip_prefix(&prefix)
                    && !key.is_empty()
                {
                    user.extra.insert(unescape(key), values(&name.as_str().to_owned()));
                }
            }
        }
        Some(user.authenticated())
    }
}

/// Keys are percent-encoded, because header names cannot have all characters.
fn unescape(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| byte == b'%').and_then(|code| std::str::from_utf8(code).ok());
        if let Some(decoded) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(decoded);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    // What is no text stays as it came.
    String::from_utf8(bytes).unwrap_or_else(|_| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_read_from_the_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(HeaderNames::default().user(&headers), None);
        for (name, value) in [
            ("x-remote-user", "jane"),
            ("x-remote-group", "dev"),
            ("x-remote-group", "ops"),
            ("x-remote-extra-example.org%2fscope", "a"),
            ("x-remote-extra-example.org%2fscope", "b"),
            ("x-other", "c"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let user = HeaderNames::default().user(&headers).unwrap();
        assert_eq!(user.name, "jane");
        assert_eq!(user.groups, ["dev", "ops", "system:authenticated"]);
        assert_eq!(user.extra["example.org/scope"], ["a", "b"]);
        assert_eq!(user.extra.len(), 1);
        let other = HeaderNames { username: vec!["X-Other".to_owned()], ..HeaderNames::default() };
        assert_eq!(other.user(&headers).unwrap().name, "c");
    }

    #[test]
    fn keys_are_decoded_as_far_as_they_can_be() {
        for (key, expected) in
            [("a%2Fb", "a/b"), ("a%2", "a%2"), ("%zz", "%zz"), ("%c3%a4", "ä"), ("%ff", "%ff")]
        {
            assert_eq!(unescape(key), expected);
        }
    }
}
