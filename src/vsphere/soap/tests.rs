//! What is written can be read, whatever it is.

use proptest::prelude::*;
use secrecy::SecretString;

use super::{DecodeError, Reader, Writer, decode_response, encode_request, is_legal};
use crate::vsphere::MoRef;
use crate::vsphere::types::{FindAllByDnsName, Login};

/// The texts of all elements without children.
fn texts(document: &str) -> Result<Vec<(String, String)>, DecodeError> {
    fn collect(reader: &mut Reader<'_>, seen: &mut Vec<(String, String)>) -> Result<(), DecodeError> {
        reader.children(|reader, tag| {
            if matches!(tag.name.as_str(), "Envelope" | "Body" | "Login" | "FindAllByDnsName") {
                collect(reader, seen)
            } else {
                seen.push((tag.name.clone(), reader.text()?));
                Ok(())
            }
        })
    }
    let mut seen = Vec::new();
    collect(&mut Reader::new(document), &mut seen)?;
    Ok(seen)
}

fn login(user: &str, password: &str) -> String {
    let session_manager = &MoRef::new("SessionManager", "SessionManager");
    encode_request(&Login { session_manager, user, password: &SecretString::from(password) })
}

fn legal(text: &str) -> String {
    text.chars().map(|c| if is_legal(c) { c } else { '\u{fffd}' }).collect()
}

#[test]
fn xml_can_carry_all_characters_but_these() {
    for c in ['\0', '\u{1}', '\u{8}', '\u{b}', '\u{c}', '\u{e}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        assert!(!is_legal(c), "{c:?}");
    }
    for c in [
        '\t',
        '\n',
        '\r',
        ' ',
        'a',
        '\u{7f}',
        '\u{85}',
        '\u{d7ff}',
        '\u{e000}',
        '\u{fffd}',
        '\u{10000}',
        '\u{10ffff}',
    ] {
        assert!(is_legal(c), "{c:?}");
    }
}

#[test]
fn line_ends_arrive_as_they_are() {
    let document = login("u", "a\r\nb\rc\n\u{85}\u{2028}d");
    assert_eq!(texts(&document).unwrap()[2].1, "a\r\nb\rc\n\u{85}\u{2028}d", "{document}");
}

proptest! {
    #[test]
    fn any_text_arrives_as_it_is(user in any::<String>(), password in any::<String>()) {
        let document = login(&user, &password);
        prop_assert!(document.chars().all(is_legal));
        let texts = texts(&document).unwrap();
        prop_assert_eq!(&texts[0], &("_this".to_owned(), "SessionManager".to_owned()));
        prop_assert_eq!(&texts[1], &("userName".to_owned(), legal(&user)));
        prop_assert_eq!(&texts[2], &("password".to_owned(), legal(&password)));
    }

    #[test]
    fn references_arrive_as_they_are(kind in "[^\u{0}-\u{1f}\u{85}\u{2028}:\u{fffe}\u{ffff}]*", id in any::<String>()) {
        let id = legal(id.trim());
        let reference = MoRef::new(kind.as_str(), id.as_str());
        let mut w = Writer::default();
        w.raw("<S:Envelope><S:Body><FindAllByDnsNameResponse>");
        w.moref("returnval", &reference);
        w.raw("</FindAllByDnsNameResponse></S:Body></S:Envelope>");
        prop_assert_eq!(decode_response::<FindAllByDnsName<'_>>(&w.finish()).unwrap(), vec![reference]);
    }
}
