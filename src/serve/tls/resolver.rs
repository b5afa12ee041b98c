//! Which certificate a client gets: by the name it asks for.

use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::reload::Current;

/// The certificates there are.
#[derive(Debug)]
pub(super) struct Resolver {
    default: Current,
    named: Vec<(Current, Vec<String>)>,
}

impl Resolver {
    /// With the certificate for all names that have none of their own.
    pub(super) fn new(default: Current) -> Self {
        Self { default, named: Vec::new() }
    }

    /// Adds a certificate for some names; for those in it if there are none.
    pub(super) fn add(&mut self, current: Current, names: &[String]) {
        self.named.push((current, names.iter().map(|name| name.to_ascii_lowercase()).collect()));
    }

    fn choose(&self, asked: Option<&str>) -> &Current {
        let asked = asked.map(str::to_ascii_lowercase);
        let fits = |(current, names): &&(Current, Vec<String>)| {
            asked.as_deref().is_some_and(|asked| {
                if names.is_empty() {
                    names_of(&current.get()).iter().any(|name| covers(name, asked))
                } else {
                    names.iter().any(|name| covers(name, asked))
                }
            })
        };
        self.named.iter().find(fits).map_or(&self.default, |(current, _)| current)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.choose(hello.server_name()).get())
    }
}

/// The DNS names in a certificate.
fn names_of(certified: &CertifiedKey) -> Vec<String> {
    let leaf = certified.cert.first().and_then(|leaf| webpki::EndEntityCert::try_from(leaf).ok());
    leaf.map(|leaf| leaf.valid_dns_names().map(str::to_ascii_lowercase).collect()).unwrap_or_default()
}

/// Whether a name, or `*.` and a name, covers the one that is asked for.
fn covers(pattern: &str, asked: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => asked.split_once('.').is_some_and(|(host, rest)| !host.is_empty() && rest == parent),
        None => pattern == asked,
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity::self_made;
    use super::*;

    #[test]
    fn the_name_that_is_asked_for_decides() {
        let provider = rustls::crypto::ring::default_provider();
        let current = |name: &str| Current::new(self_made(&[name.to_owned()], &provider).unwrap());
        let mut resolver = Resolver::new(current("localhost"));
        resolver.add(current("a"), &["*.Example.org".to_owned(), "example.org".to_owned()]);
        resolver.add(current("b.example.net"), &[]);
        for (asked, expected) in [
            (None, "localhost"),
            (Some("localhost"), "localhost"),
            (Some("example.org"), "a"),
            (Some("X.example.org"), "a"),
            (Some("x.y.example.org"), "localhost"),
            (Some("b.example.net"), "b.example.net"),
            (Some("c.example.net"), "localhost"),
        ] {
            assert_eq!(names_of(&resolver.choose(asked).get()), [expected], "{asked:?}");
        }
    }
}
