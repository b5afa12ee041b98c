//! Paths that everybody may read.

/// Upstream's: the three about health, and exactly these.
const DEFAULT: &[&str] = &["/healthz", "/readyz", "/livez"];

/// Patterns of paths; one with `*` at its end means everything that begins so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    exact: Vec<String>,
    prefixes: Vec<String>,
}

/// A pattern with `*` elsewhere than at its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}: only a `*` at the end of a path is understood, as in /healthz/*")]
pub struct PatternError(String);

impl Default for AllowList {
    fn default() -> Self {
        Self { exact: DEFAULT.iter().map(|path| path[1..].to_owned()).collect(), prefixes: Vec::new() }
    }
}

impl AllowList {
    /// Reads patterns; a slash in front may be missing.
    pub fn new<P: AsRef<str>>(patterns: impl IntoIterator<Item = P>) -> Result<Self, PatternError> {
        let mut list = Self { exact: Vec::new(), prefixes: Vec::new() };
        for pattern in patterns {
            let bare = pattern.as_ref().trim_start_matches('/');
            match bare.strip_suffix('*') {
                Some(prefix) if !prefix.contains('*') => list.prefixes.push(prefix.to_owned()),
                None if !bare.contains('*') => list.exact.push(bare.to_owned()),
                _ => return Err(PatternError(pattern.as_ref().to_owned())),
            }
        }
        Ok(list)
    }

    /// Whether everybody may read this path.
    pub fn allows(&self, path: &str) -> bool {
        let bare = path.trim_start_matches('/');
        self.exact.iter().any(|exact| exact == bare)
            || self.prefixes.iter().any(|prefix| bare.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_kubernetes() {
        for (patterns, path, expected) in [
            (&["/healthz"][..], "/healthz", true),
            (&["healthz"], "/healthz", true),
            (&["/healthz"], "/healthz/ping", false),
            (&["/healthz"], "/healthzz", false),
            (&["/healthz/*"], "/healthz/ping", true),
            (&["/healthz/*"], "/healthz", false),
            (&["/met*"], "/metrics", true),
            (&["*"], "/anything", true),
            (&["/"], "/", true),
            (&["/"], "/metrics", false),
            (&[], "/healthz", false),
        ] {
            assert_eq!(AllowList::new(patterns).unwrap().allows(path), expected, "{patterns:?} {path}");
        }
        assert!(AllowList::default().allows("/livez") && !AllowList::default().allows("/livez/ping"));
        for wrong in ["/a*b", "/**", "*/a"] {
            assert!(AllowList::new([wrong]).unwrap_err().to_string().contains(wrong));
        }
    }
}
