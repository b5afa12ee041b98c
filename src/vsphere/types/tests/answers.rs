//! Answers as they come, and as they must not come.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quick_xml::Reader as XmlReader;
use quick_xml::events::Event;

use crate::vsphere::soap::{DecodeError, FaultKind, Request, SoapError, Value, decode_response};
use crate::vsphere::types::*;
use crate::vsphere::{Error, MoRef};

const RETRIEVE: &str = include_str!("samples/retrieve.xml");
const UPDATES: &str = include_str!("samples/updates.xml");
const FAULT: &str = include_str!("samples/fault.xml");
const CONTENT: &str = include_str!("samples/content.xml");
const SAMPLES: [&str; 4] = [RETRIEVE, UPDATES, FAULT, CONTENT];

/// What every method makes of a document, as text, so that outcomes can be compared.
fn outcomes(document: &str) -> [Result<String, SoapError>; 5] {
    fn outcome<R: Request<Response: std::fmt::Debug>>(document: &str) -> Result<String, SoapError> {
        decode_response::<R>(document).map(|response| format!("{response:?}"))
    }
    [
        outcome::<RetrievePropertiesEx<'_>>(document),
        outcome::<WaitForUpdatesEx<'_>>(document),
        outcome::<RetrieveServiceContent>(document),
        outcome::<Login<'_>>(document),
        outcome::<FindAllByUuid<'_>>(document),
    ]
}

/// The outcome that matters: of the method whose answer the sample is.
fn outcome(document: &str) -> Result<String, SoapError> {
    let mut outcomes = outcomes(document);
    let understood = outcomes.iter().position(|outcome| !matches!(outcome, Err(SoapError::Decode(_))));
    std::mem::replace(&mut outcomes[understood.unwrap_or(0)], Ok(String::new()))
}

/// Where each element begins and ends, and which elements it is in.
fn elements(document: &str) -> Vec<(std::ops::Range<usize>, Vec<String>)> {
    let mut reader = XmlReader::from_str(document);
    let (mut open, mut found) = (Vec::<(usize, String)>::new(), Vec::new());
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap();
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push((before, start.local_name().as_ref().to_owned())),
            Event::End(_) => {
                let path = open.iter().map(|(_, name)| name.clone()).collect();
                let (start, _) = open.pop().unwrap();
                found.push((start..usize::try_from(reader.buffer_position()).unwrap(), path));
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

#[test]
fn properties_are_read() {
    let page = decode_response::<RetrievePropertiesEx<'_>>(RETRIEVE).unwrap();
    assert_eq!(page.token.as_deref(), Some("10c20471-8f0e"));
    assert_eq!(page.objects.len(), 2);
    let vm = &page.objects[0];
    assert_eq!(vm.object, MoRef::new("VirtualMachine", "vm-62"));
    let properties: BTreeMap<&str, &Value> =
        vm.properties.iter().map(|(path, value)| (path.as_str(), value)).collect();
    assert_eq!(properties["name"].as_text(), Some("a & b \u{20ac}"));
    assert_eq!(properties["runtime.host"].as_moref(), Some(MoRef::new("HostSystem", "host-21")));
    assert_eq!(properties["guest.net"].all("GuestNicInfo").count(), 1);
    assert!(!properties.contains_key("guest.ipAddress"), "one without a value is none");
    assert_eq!(vm.missing[0].path, "config.uuid");
    assert_eq!(vm.missing[0].fault.kind(), FaultKind::NoPermission);
    assert_eq!(vm.missing[0].fault.privilege.as_deref(), Some("System.Read"));
}

#[test]
fn updates_are_read() {
    let updates = decode_response::<WaitForUpdatesEx<'_>>(UPDATES).unwrap().unwrap();
    assert_eq!((updates.version.as_str(), updates.truncated), ("12", true));
    let kinds: Vec<ChangeKind> = updates.objects.iter().map(|update| update.kind).collect();
    assert_eq!(kinds, [ChangeKind::Enter, ChangeKind::Modify, ChangeKind::Leave]);
    let values: Vec<Option<&Value>> =
        updates.objects[0].changes.iter().map(|change| change.value.as_ref()).collect();
    assert_eq!(values[0].unwrap().type_name.as_deref(), Some("string"));
    assert_eq!(values[1].unwrap().as_moref(), Some(MoRef::new("HostSystem", "host-21")));
    assert_eq!(values[2], None);
    assert_eq!(updates.objects[1].changes[0].value, None, "removed is as good as unset");
    let nothing = UPDATES.split("<returnval>").next().unwrap().to_owned()
        + "</WaitForUpdatesExResponse></soapenv:Body></soapenv:Envelope>";
    assert_eq!(
        decode_response::<WaitForUpdatesEx<'_>>(&nothing).unwrap(),
        None,
        "the poll ended without news"
    );
}

#[test]
fn faults_are_read() {
    let Err(SoapError::Fault(fault)) = decode_response::<FindAllByUuid<'_>>(FAULT) else { panic!() };
    assert_eq!(fault.kind(), FaultKind::ManagedObjectNotFound);
    assert_eq!(fault.object, Some(MoRef::new("VirtualMachine", "vm-1")));
    assert_eq!(
        fault.to_string(),
        "ManagedObjectNotFound on VirtualMachine:vm-1: The object 'vim.VirtualMachine:vm-1' has already been \
         deleted or has not been completely created"
    );
    // Without xsi:type the element's name tells, without detail the text is all there is.
    let Err(SoapError::Fault(fault)) = outcome(&FAULT.replace(" xsi:type=\"ManagedObjectNotFound\"", ""))
    else {
        panic!()
    };
    assert_eq!(fault.kind(), FaultKind::ManagedObjectNotFound);
    let (head, rest) = FAULT.split_once("<detail>").unwrap();
    let Err(SoapError::Fault(fault)) = outcome(&format!("{head}{}", rest.split_once("</detail>").unwrap().1))
    else {
        panic!()
    };
    assert_eq!((fault.kind(), fault.type_name), (FaultKind::Other, None));
}

#[test]
fn an_answer_cut_anywhere_is_an_error_and_never_half_an_answer() {
    for sample in SAMPLES {
        assert!(!matches!(outcome(sample), Err(SoapError::Decode(_))));
        for end in (0..sample.trim_end().len()).filter(|end| sample.is_char_boundary(*end)) {
            for outcome in outcomes(&sample[..end]) {
                assert!(matches!(outcome, Err(SoapError::Decode(_))), "cut at {end}: {outcome:?}");
            }
        }
    }
}

#[test]
fn only_what_cannot_be_done_without_is_required() {
    let mut required: Vec<String> = Vec::new();
    for sample in SAMPLES {
        for (range, path) in elements(sample) {
            let without = format!("{}{}", &sample[..range.start], &sample[range.end..]);
            if let Err(SoapError::Decode(_)) = outcome(&without) {
                required.push(path.join("/").replace("Envelope/Body/", ""));
            }
        }
    }
    required.sort();
    required.dedup();
    insta::assert_snapshot!(required.join("\n"));
}

#[test]
fn what_is_unknown_is_skipped_wherever_it_stands() {
    const UNKNOWN: &str = concat!(
        "<unheardOf xmlns:q=\"http://www.w3.org/2001/XMLSchema-instance\" q:type=\"y:OddSubtype\" type=\"Odd\">",
        "<deeper><val>1</val><obj/></deeper><![CDATA[<x>]]>&lt;<!-- no --></unheardOf>"
    );
    // In texts and values nothing can be added without changing them.
    let closed = ["val", "fault", "text", "ManagedObjectNotFoundFault"];
    let structures =
        ["returnval", "objects", "propSet", "missingSet", "filterSet", "objectSet", "changeSet", "about"];
    for sample in SAMPLES {
        let expected = outcome(sample);
        let mut tried = 0;
        for (range, path) in elements(sample) {
            let inside = &path[..path.len() - 1];
            let opened = format!("{}{UNKNOWN}{}", &sample[..range.start], &sample[range.start..]);
            let changed = outcome(&opened);
            if inside.last().is_some_and(|parent| structures.contains(&parent.as_str()))
                && !path.iter().any(|name| closed.contains(&name.as_str()))
            {
                assert_eq!(changed, expected, "before {}", path.join("/"));
                tried += 1;
            }
        }
        assert!(tried > 3 || sample == FAULT, "{tried}");
    }
}

#[test]
fn prefixes_mean_nothing() {
    for sample in SAMPLES {
        let expected = outcome(sample);
        let spellings = [
            sample.replace("soapenv:", "S:").replace("xmlns:soapenv", "xmlns:S"),
            sample.replace("xsi:", "_XMLSchema-instance:").replace("xmlns:xsi", "xmlns:_XMLSchema-instance"),
            sample.replace("_XMLSchema-instance", "q"),
            sample.replace("\"xsd:", "\"xs:").replace("xmlns:xsd", "xmlns:xs"),
            sample.replace("type=\"ManagedObject", "type=\"ns1:ManagedObject"),
            sample.replace("><", ">\n  <"),
            sample
                .replace("returnval>", "v:returnval>")
                .replace("xmlns=\"urn:vim25\"", "xmlns:v=\"urn:vim25\" xmlns=\"urn:vim25\""),
            sample.replace('"', "'").replace("'vim.VirtualMachine:vm-1'", "\"vim.VirtualMachine:vm-1\""),
            format!("\u{feff}{sample}"),
        ];
        for (i, spelling) in spellings.iter().enumerate() {
            let read = outcome(spelling).map_err(|error| error.to_string().replace('"', "'"));
            assert_eq!(read, expected.clone().map_err(|error| error.to_string()), "spelling {i}");
        }
    }
}

#[test]
fn nesting_is_no_danger() {
    let document =
        |inner: String| RETRIEVE.replace("<val xsi:type=\"xsd:string\">a &amp; b &#x20AC;</val>", &inner);
    let nested = |name: &str, depth: usize| {
        format!("{}x{}", format!("<{name}>").repeat(depth), format!("</{name}>").repeat(depth))
    };
    assert!(outcome(&document(nested("val", 40))).is_ok());
    for depth in [100, 10_000] {
        // As a value it is refused, as something unknown it is skipped.
        let error = outcome(&document(nested("val", depth))).unwrap_err().to_string();
        assert!(error.contains("levels of elements"), "{error}");
        assert!(outcome(&document(nested("unknown", depth))).is_ok(), "{depth}");
    }
    // Deeper than the XML reader itself can count.
    for name in ["val", "unknown"] {
        let outcome = outcome(&document(nested(name, 100_000)));
        assert!(matches!(outcome, Err(SoapError::Decode(_))), "{name}");
    }
}

#[test]
fn entities_are_not_expanded() {
    let laughs = RETRIEVE.replace(
        "<soapenv:Envelope",
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>\
         <soapenv:Envelope",
    );
    for reference in
        ["&b;", "&f;", "&nbsp;", "&#0;", "&#xD800;", "&#x110000;", "&#99999999999999999999;", "&;", "& "]
    {
        let outcome = outcome(&laughs.replace("&amp;", reference));
        assert!(matches!(outcome, Err(SoapError::Decode(_))), "{reference}: {outcome:?}");
    }
}

#[test]
fn errors_show_nothing_of_the_document() {
    for sample in SAMPLES {
        for end in (0..sample.len()).filter(|end| sample.is_char_boundary(*end)).step_by(7) {
            if let Err(SoapError::Decode(error)) = outcome(&sample[..end]) {
                let text = Error::Decode { method: "X", error }.to_string();
                for secret in ["vm-6", "10c20471", "10.0.0.1", "host-21", "7dfa34fd"] {
                    assert!(!text.contains(secret), "{text}");
                }
            }
        }
    }
}

fn decode_errors(document: &str) -> Vec<DecodeError> {
    outcomes(document)
        .into_iter()
        .filter_map(|outcome| match outcome {
            Err(SoapError::Decode(error)) => Some(error),
            _ => None,
        })
        .collect()
}

proptest! {
    #[test]
    fn garbage_is_an_error(garbage in any::<String>()) {
        prop_assert_eq!(decode_errors(&garbage).len(), 5);
    }

    #[test]
    fn what_looks_like_xml_is_an_error_too(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "<", ">", "/", "</", "/>", "<a", "<a>", "</a>", "<soapenv:Envelope>", "<Envelope>", "</Envelope>",
                "<Body>", "</Body>", "<Fault>", "</Fault>", "<LoginResponse>", "<returnval>", "</returnval>", "<?xml",
                "?>", "<!--", "-->", "<![CDATA[", "]]>", "&", "&amp;", "&#", ";", " type=", "\"x\"", " xmlns:a='b'",
                " a:type='c:d'", "=", "'", "<!DOCTYPE", "\0", "\u{feff}", "text",
            ]),
            0..40,
        )
    ) {
        // Some of these are well-formed; none may end in a panic.
        let _ = outcomes(&pieces.concat());
    }

    #[test]
    fn damage_is_an_error_or_harmless(
        sample in prop::sample::select(SAMPLES.to_vec()),
        at in any::<prop::sample::Index>(),
        length in 0_usize..60,
        patch in "\\PC{0,6}|[<>&;\"'/=: ]{1,4}",
    ) {
        let boundary = |mut at: usize| {
            while !sample.is_char_boundary(at) {
                at += 1;
            }
            at
        };
        let from = boundary(at.index(sample.len()));
        let to = boundary((from + length).min(sample.len()));
        let _ = outcomes(&format!("{}{patch}{}", &sample[..from], &sample[to..]));
    }

    #[test]
    fn moved_elements_are_no_danger(
        sample in prop::sample::select(SAMPLES.to_vec()),
        what in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
    ) {
        let found = elements(sample);
        let (range, _) = &found[what.index(found.len())];
        let (before, _) = &found[place.index(found.len())];
        let moved = format!("{}{}{}", &sample[..before.start], &sample[range.clone()], &sample[before.start..]);
        let _ = outcomes(&moved);
    }
}
