//! The static addresses that `guestinfo.metadata` gives a machine, for cloud-init to configure.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ip;
use crate::vsphere::inventory::Vm;

/// What a decompressed network configuration may hold; a real one has a few KiB.
const MAX_UNPACKED: usize = 1024 * 1024;

/// As lenient as what cloud-init reads with, so that what configures the guest counts here too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why the metadata of a machine cannot be read.
///
/// None of the texts quotes the metadata: it may hold secrets, and these texts become Events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{0} is not valid base64")]
    Base64(&'static str),
    #[error("{0} is not valid gzip")]
    Gzip(&'static str),
    #[error("{0} unpacks to more than {MAX_UNPACKED} bytes")]
    TooLarge(&'static str),
    #[error("{0} is not UTF-8")]
    Utf8(&'static str),
    #[error("{what} is not the expected YAML{}", at(.line_and_column.as_ref()))]
    Yaml { what: &'static str, line_and_column: Option<(u64, u64)> },
}

fn at(line_and_column: Option<&(u64, u64)>) -> String {
    line_and_column.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default()
}

/// The static addresses that the metadata of this machine lists, in order.
///
/// Only metadata whose encoding is exactly `base64` counts, and of its `network` only
/// `ethernets.<name>.addresses`. Several ethernets follow in the natural order of their names
/// (`ethernet2` before `ethernet10`), not in that of the document: the order of a YAML mapping
/// means nothing, and a tool that writes it anew must not change a Node's address.
pub(super) fn listed(vm: &Vm) -> Result<Vec<IpAddr>, Unreadable> {
    let Some(metadata) = vm.metadata.as_deref() else { return Ok(Vec::new()) };
    if vm.metadata_encoding.as_deref() != Some("base64") {
        return Ok(Vec::new());
    }
    let metadata = utf8("guestinfo.metadata", base64("guestinfo.metadata", metadata)?)?;
    let mut ethernets: Vec<(String, Option<Ethernet>)> =
        network(&metadata)?.and_then(|network| network.ethernets).unwrap_or_default().into_iter().collect();
    ethernets.sort_by(|(a, _), (b, _)| natural_order(a, b));
    let addresses = ethernets.into_iter().filter_map(|(_, ethernet)| ethernet?.addresses).flatten();
    Ok(addresses.filter_map(|address| ip::parse(address.split('/').next()?)).collect())
}

/// How `network` is written; the key has a dot in its name.
#[derive(Default, Deserialize)]
struct Encoding {
    #[serde(rename = "network.encoding")]
    encoding: Option<String>,
}

#[derive(Default, Deserialize)]
struct Inline {
    network: Option<Network>,
}

#[derive(Default, Deserialize)]
struct Encoded {
    network: Option<String>,
}

#[derive(Default, Deserialize)]
struct Network {
    ethernets: Option<BTreeMap<String, Option<Ethernet>>>,
}

#[derive(Deserialize)]
struct Ethernet {
    addresses: Option<Vec<String>>,
}

fn network(metadata: &str) -> Result<Option<Network>, Unreadable> {
    // Read twice, because the one key says what type the other one has.
    let Encoding { encoding } = yaml("guestinfo.metadata", metadata)?;
    let what = "network in guestinfo.metadata";
    let packed = match encoding.as_deref() {
        Some("base64" | "b64") => false,
        Some("gzip+base64" | "gz+b64") => true,
        _ => return Ok(yaml::<Inline>("guestinfo.metadata", metadata)?.network),
    };
    let Some(network) = yaml::<Encoded>("guestinfo.metadata", metadata)?.network else { return Ok(None) };
    let decoded = base64(what, &network)?;
    let decoded = if packed { gunzip(what, &decoded)? } else { decoded };
    Ok(Some(yaml(what, &utf8(what, decoded)?)?))
}

fn base64(what: &'static str, text: &str) -> Result<Vec<u8>, Unreadable> {
    // Encoders wrap lines, and YAML folds them into spaces.
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(compact).map_err(|_| Unreadable::Base64(what))
}

fn gunzip(what: &'static str, packed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut unpacked = Vec::new();
    let limit = MAX_UNPACKED as u64 + 1;
    MultiGzDecoder::new(packed).take(limit).read_to_end(&mut unpacked).map_err(|_| Unreadable::Gzip(what))?;
    if unpacked.len() > MAX_UNPACKED { Err(Unreadable::TooLarge(what)) } else { Ok(unpacked) }
}

fn utf8(what: &'static str, bytes: Vec<u8>) -> Result<String, Unreadable> {
    String::from_utf8(bytes).map_err(|_| Unreadable::Utf8(what))
}

fn yaml<T: DeserializeOwned + Default>(what: &'static str, text: &str) -> Result<T, Unreadable> {
    // Far more than any network configuration needs, and little enough for a hostile guest's.
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_events: 100_000,
            max_nodes: 50_000,
            max_recorded_anchor_events: 50_000,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 50_000 },
    };
    serde_saphyr::from_str_with_options::<Option<T>>(text, options).map(Option::unwrap_or_default).map_err(
        |error| Unreadable::Yaml {
            what,
            line_and_column: error.location().map(|at| (at.line(), at.column())),
        },
    )
}

/// Compares digits by the number that they write, and everything else by its bytes.
fn natural_order(a: &str, b: &str) -> Ordering {
    // Names that differ in leading zeros only are still two names.
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// Digits without leading zeros, after their count: so they compare as numbers of any size.
    Number(usize, &'a str),
    Text(&'a str),
}

fn parts(name: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        rest = behind;
        parts.push(if digits {
            let number = part.trim_start_matches('0');
            Part::Number(number.len(), number)
        } else {
            Part::Text(part)
        });
    }
    parts
}

#[cfg(test)]
mod tests;
