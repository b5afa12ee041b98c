//! The subject of a certificate: as much of DER as it takes to find names and organisations.

/// Object identifiers, DER-encoded: 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];

/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTF8String, PrintableString, T61String, IA5String: all read as UTF-8, which covers what is issued
/// for users of Kubernetes.
const STRINGS: &[u8] = &[0x0c, 0x13, 0x14, 0x16];

/// What Kubernetes reads from a subject.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// The user's name: the last common name, as Go has it.
    pub(super) common_name: String,
    /// The user's groups.
    pub(super) organisations: Vec<String>,
}

/// Reads the content of a `Name`, without its own tag; `None` if it is no DER.
pub(super) fn read(mut name: &[u8]) -> Option<Subject> {
    let mut subject = Subject::default();
    while !name.is_empty() {
        let mut set = take(&mut name, SET)?;
        while !set.is_empty() {
            let mut attribute = take(&mut set, SEQUENCE)?;
            let kind = take(&mut attribute, OBJECT_IDENTIFIER)?;
            let (tag, value) = take_any(&mut attribute)?;
            let text = || STRINGS.contains(&tag).then(|| std::str::from_utf8(value).ok()).flatten();
            match kind {
                COMMON_NAME => text()?.clone_into(&mut subject.common_name),
                ORGANISATION => subject.organisations.push(text()?.to_owned()),
                _ => {}
            }
        }
    }
    Some(subject)
}

/// Takes one element with this tag off the front.
fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (found, content) = take_any(input)?;
    (found == tag).then_some(content)
}

/// Takes one element off the front: its tag and its content.
fn take_any<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        // Its low bits say how many bytes the length has; names are short.
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 2 {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(count)?;
        rest = after;
        bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some((tag, content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn subject_of(attributes: &[(DnType, &str)]) -> Option<Subject> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in attributes {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        read(webpki::EndEntityCert::try_from(certificate.der()).unwrap().subject())
    }

    #[test]
    fn names_and_organisations_are_found() {
        let long = "x".repeat(300);
        for (attributes, common_name, organisations) in [
            (vec![], "", vec![]),
            (vec![(DnType::CommonName, "admin")], "admin", vec![]),
            (
                vec![
                    (DnType::CountryName, "DE"),
                    (DnType::OrganizationName, "system:masters"),
                    (DnType::CommonName, "ä"),
                ],
                "ä",
                vec!["system:masters"],
            ),
            (vec![(DnType::OrganizationName, long.as_str())], "", vec![long.as_str()]),
        ] {
            let expected = Subject {
                common_name: common_name.to_owned(),
                organisations: organisations.iter().map(ToString::to_string).collect(),
            };
            assert_eq!(subject_of(&attributes), Some(expected), "{attributes:?}");
        }
    }

    #[test]
    fn several_organisations_are_several_groups_and_garbage_is_nobody() {
        let one = |kind: &[u8], text: &str| {
            let wrap =
                |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
            let attribute = [wrap(OBJECT_IDENTIFIER, kind), wrap(0x0c, text.as_bytes())].concat();
            wrap(SET, &wrap(SEQUENCE, &attribute))
        };
        let name = [one(ORGANISATION, "a"), one(ORGANISATION, "b"), one(COMMON_NAME, "n")].concat();
        assert_eq!(read(&name).unwrap().organisations, ["a", "b"]);
        for end in 1..name.len() {
            let cut = read(&name[..end]);
            assert!(cut.is_none() || end % one(ORGANISATION, "a").len() == 0, "cut at {end}");
        }
        assert_eq!(read(&[SET, 0x84, 0, 0, 0, 1, 0]), None);
        assert_eq!(read(&[SET, 0xff]), None);
    }
}
