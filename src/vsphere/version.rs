//! Which version of the API to speak.

use super::soap::{DecodeError, Reader};

/// The newest version whose types this client has been checked against.
const NEWEST_KNOWN: ApiVersion = ApiVersion([9, 0, 0, 0]);

/// A dotted version, as in `8.0.3.0`; missing parts count as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ApiVersion([u32; 4]);

impl ApiVersion {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; 4];
        let mut given = text.trim().split('.');
        for (slot, part) in parts.iter_mut().zip(given.by_ref()) {
            *slot = part.parse().ok()?;
        }
        given.next().is_none().then_some(Self(parts))
    }
}

/// Whether this is a version that this client knows.
pub(super) fn is_known(version: &str) -> bool {
    ApiVersion::parse(version).is_some_and(|version| version <= NEWEST_KNOWN)
}

/// Picks the version for the `SOAPAction` header out of `/sdk/vimServiceVersions.xml`.
///
/// The newest one that both sides know: an older one hides properties, a newer one would bring
/// types that this client has never seen.
pub(super) fn negotiate(document: &str) -> Result<String, DecodeError> {
    let mut offered: Vec<String> = Vec::new();
    Reader::new(document).children(|reader, _| {
        reader.children(|reader, tag| {
            if tag.name != "namespace" {
                return Ok(());
            }
            let mut ours = false;
            let mut versions = Vec::new();
            reader.children(|reader, tag| {
                match tag.name.as_str() {
                    "name" => ours = reader.text()?.trim() == "urn:vim25",
                    "version" => versions.push(reader.text()?.trim().to_owned()),
                    "priorVersions" => reader.children(|reader, _| {
                        versions.push(reader.text()?.trim().to_owned());
                        Ok(())
                    })?,
                    _ => {}
                }
                Ok(())
            })?;
            if ours {
                offered.append(&mut versions);
            }
            Ok(())
        })
    })?;
    offered
        .into_iter()
        .filter_map(|text| ApiVersion::parse(&text).map(|version| (version, text)))
        .filter(|(version, _)| *version <= NEWEST_KNOWN)
        .max_by_key(|(version, _)| *version)
        .map(|(_, text)| text)
        .ok_or_else(|| DecodeError::new("no version of urn:vim25 that this client knows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(versions: &[&str]) -> String {
        let (newest, prior) = versions.split_first().unwrap();
        let prior = prior.join("</version><version>");
        format!(
            "<?xml version=\"1.0\"?><namespaces version=\"1.0\"><namespace><name>urn:vim25</name>\
             <version>{newest}</version><priorVersions><version>{prior}</version></priorVersions></namespace></namespaces>"
        )
    }

    #[test]
    fn the_newest_version_that_both_know_is_spoken() {
        for (offered, expected) in [
            (&["7.0.3.2", "7.0.3.1", "6.7.3"][..], "7.0.3.2"),
            (&["8.0.3.0", "8.0.2.0"], "8.0.3.0"),
            (&["9.0.0.0", "8.0.3.0"], "9.0.0.0"),
            (&["9.1.0.0", "9.0.0.0", "8.0.3.0"], "9.0.0.0"),
            (&["6.5"], "6.5"),
        ] {
            assert_eq!(negotiate(&document(offered)).unwrap(), expected);
        }
    }

    #[test]
    fn only_what_is_newer_than_we_know_must_be_negotiated() {
        for known in ["6.5", "7.0.3.2", "8.0.3.0", "9.0.0.0"] {
            assert!(is_known(known), "{known}");
        }
        for unknown in ["9.0.0.1", "9.1", "12.0.0.0", "", "dev"] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_server_without_a_known_version_is_an_error() {
        assert!(negotiate(&document(&["12.0.0.0"])).is_err());
        assert!(negotiate("<html>").is_err());
        assert!(negotiate("").is_err());
    }
}
