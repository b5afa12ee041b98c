use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::provider::fixtures;

const NETWORK: &str = "version: 2\nethernets:\n  id0:\n    match: {macaddress: '00:50:56:00:00:01'}\n    \
                       dhcp4: false\n    addresses:\n    - 10.0.0.5/24\n    - 2001:DB8:0::5/64\n";
const NETWORK_ADDRESSES: &str = "10.0.0.5 2001:db8::5";

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64.encode(bytes)
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn indented(text: &str) -> String {
    format!("  {}\n", text.trim_end().replace('\n', "\n  "))
}

/// Addresses listed in this metadata, which is encoded first; or the problem.
fn read(metadata: &str) -> String {
    read_raw(&base64(metadata), Some("base64"))
}

fn read_raw(metadata: &str, encoding: Option<&str>) -> String {
    let vm = Vm {
        metadata: Some(metadata.to_owned()),
        metadata_encoding: encoding.map(str::to_owned),
        ..fixtures::vm()
    };
    match listed(&vm) {
        Ok(ips) => ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn every_encoding_of_the_network() {
    let inline = format!("instance-id: node-1\nnetwork:\n{}", indented(NETWORK));
    assert_eq!(read(&inline), NETWORK_ADDRESSES);
    for encoding in ["base64", "b64"] {
        let metadata = format!("network: {}\nnetwork.encoding: {encoding}\n", base64(NETWORK));
        assert_eq!(read(&metadata), NETWORK_ADDRESSES, "{encoding}");
    }
    for encoding in ["gzip+base64", "gz+b64"] {
        let metadata = format!("network.encoding: {encoding}\nnetwork: {}\n", base64(gzip(NETWORK)));
        assert_eq!(read(&metadata), NETWORK_ADDRESSES, "{encoding}");
    }
}

#[test]
fn json_is_yaml() {
    assert_eq!(
        read(r#"{"network": {"ethernets": {"a": {"addresses": ["10.0.0.5/24"]}}}, "local-hostname": "n"}"#),
        "10.0.0.5"
    );
}

#[test]
fn base64_in_wrapped_lines_and_without_padding() {
    let unpadded = base64("network: {ethernets: {a: {addresses: [10.0.0.5]}}} ");
    let unpadded = unpadded.trim_end_matches('=');
    assert_eq!(read_raw(unpadded, Some("base64")), "10.0.0.5");
    let (first, second) = unpadded.split_at(24);
    assert_eq!(read_raw(&format!("{first}\r\n{second}\n"), Some("base64")), "10.0.0.5");
    let folded = format!(
        "network.encoding: b64\nnetwork: |\n{}",
        indented(
            &base64(NETWORK)
                .as_bytes()
                .chunks(20)
                .map(|line| String::from_utf8_lossy(line) + "\n")
                .collect::<String>()
        )
    );
    assert_eq!(read(&folded), NETWORK_ADDRESSES);
}

#[test]
fn other_encodings_of_the_metadata_do_not_count() {
    let inline = "network: {ethernets: {a: {addresses: [10.0.0.5]}}}";
    for encoding in [None, Some(""), Some("b64"), Some("BASE64"), Some("gzip+base64")] {
        assert_eq!(read_raw(&base64(inline), encoding), "", "{encoding:?}");
    }
    assert_eq!(read_raw(inline, None), "");
    assert_eq!(read_raw("---", None), "", "what cloud-init leaves behind when it redacts");
}

#[test]
fn nothing_listed() {
    for metadata in [
        "",
        "---\n",
        "# empty\n",
        "instance-id: a\n",
        "network:\n",
        "network: {version: 2}\n",
        "network.encoding: b64\n",
        "network.encoding: b64\nnetwork: ''\n",
        "network: {ethernets: }\n",
        "network: {ethernets: {a: , b: {}, c: {addresses: }, d: {addresses: []}}}\n",
        "network: {bonds: {a: {addresses: [10.0.0.5]}}}\n",
    ] {
        assert_eq!(read(metadata), "", "{metadata:?}");
    }
}

#[test]
fn what_is_no_address_is_left_out() {
    assert_eq!(
        read("network: {ethernets: {a: {addresses: [dhcp, '', /24, 10.0.0.5/, 10.0.0.6/24]}}}"),
        "10.0.0.5 10.0.0.6"
    );
    assert_eq!(
        read("network: {ethernets: {a: {addresses: ['fe80::1%eth0/64', '::ffff:10.0.0.7/120']}}}"),
        "fe80::1 10.0.0.7"
    );
}

#[test]
fn several_ethernets_in_natural_order() {
    let metadata = "network:\n  ethernets:\n    ethernet10: {addresses: [10.0.0.10]}\n    \
                    ethernet2: {addresses: [10.0.0.3, 10.0.0.2]}\n    3: {addresses: [10.0.0.1]}\n    \
                    ethernet02: {addresses: [10.0.0.22]}\n";
    assert_eq!(read(metadata), "10.0.0.1 10.0.0.22 10.0.0.3 10.0.0.2 10.0.0.10");
}

#[test]
fn natural_order_of_names() {
    let mut names = [
        "eth10",
        "eth2",
        "",
        "eth",
        "eth2.5",
        "eth02",
        "7",
        "Eth1",
        "eth2a",
        "99999999999999999999999",
        "ethé",
    ];
    names.sort_by(|a, b| natural_order(a, b));
    assert_eq!(
        names,
        [
            "",
            "7",
            "99999999999999999999999",
            "Eth1",
            "eth",
            "eth02",
            "eth2",
            "eth2.5",
            "eth2a",
            "eth10",
            "ethé"
        ]
    );
}

#[test]
fn broken_metadata_is_told_without_quoting_it() {
    let network = "network in guestinfo.metadata";
    let encoded =
        |encoding: &str, network: &str| format!("network.encoding: {encoding}\nnetwork: {network}\n");
    let bomb = base64(gzip(vec![b' '; MAX_UNPACKED + 1]));
    let cut = gzip(NETWORK);
    let cut = base64(&cut[..cut.len() / 2]);
    let cases = [
        (read_raw("%%%", Some("base64")), "guestinfo.metadata is not valid base64".to_owned()),
        (read_raw("---", Some("base64")), "guestinfo.metadata is not valid base64".to_owned()),
        (read_raw(&base64([0xff, 0xfe]), Some("base64")), "guestinfo.metadata is not UTF-8".to_owned()),
        (read("a: [secret"), "guestinfo.metadata is not the expected YAML (line 1, column 4)".to_owned()),
        (read("secret"), "guestinfo.metadata is not the expected YAML (line 1, column 1)".to_owned()),
        (read(&encoded("b64", "'%%%'")), format!("{network} is not valid base64")),
        (read(&encoded("gz+b64", &base64(NETWORK))), format!("{network} is not valid gzip")),
        (read(&encoded("gz+b64", &cut)), format!("{network} is not valid gzip")),
        (read(&encoded("gz+b64", &bomb)), format!("{network} unpacks to more than 1048576 bytes")),
        (read(&encoded("b64", &base64([0xff]))), format!("{network} is not UTF-8")),
        (
            read(&encoded("b64", &base64("ethernets: [secret]"))),
            format!("{network} is not the expected YAML (line 1, column 12)"),
        ),
        (
            read("network: {ethernets: {a: {addresses: secret}}}"),
            "guestinfo.metadata is not the expected YAML (line 1, column 38)".to_owned(),
        ),
        // Encoded, but nothing says so.
        (
            read(&format!("network: {}\n", base64(NETWORK))),
            "guestinfo.metadata is not the expected YAML (line 1, column 10)".to_owned(),
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, format!("error: {expected}"));
    }
}

#[test]
fn unpacking_ends_at_its_limit() {
    let padded = |size: usize| {
        let network = NETWORK.to_owned() + &" ".repeat(size - NETWORK.len());
        read(&format!("network.encoding: gz+b64\nnetwork: {}\n", base64(gzip(network))))
    };
    assert_eq!(padded(MAX_UNPACKED), NETWORK_ADDRESSES);
    assert!(padded(MAX_UNPACKED + 1).starts_with("error: "));
}

#[test]
fn nested_aliases_end_at_the_budget() {
    let mut metadata = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        metadata.extend([format!("a{level}: &a{level} [{aliases}]\n")]);
    }
    let error = read(&metadata);
    assert!(error.starts_with("error: guestinfo.metadata is not the expected YAML"), "{error}");
}
