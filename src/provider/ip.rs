//! IP addresses as guests spell them.

use std::net::{IpAddr, Ipv6Addr};

/// Reads an address in its canonical form; absent when it is none.
///
/// An IPv4-mapped IPv6 address is the IPv4 address that it stands for. A zone (`fe80::1%eth0`) is
/// dropped: it names an interface of the guest and means nothing outside.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    let ip = match text.split_once('%') {
        Some((address, _zone)) => IpAddr::V6(address.parse::<Ipv6Addr>().ok()?),
        None => text.parse().ok()?,
    };
    Some(ip.to_canonical())
}

/// Why nobody but the guest itself can use this address, if so.
pub(super) fn local_only(ip: IpAddr) -> Option<&'static str> {
    let (link_local, link_local_multicast) = match ip {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets().starts_with(&[224, 0, 0])),
        // ffXY: X holds flags, Y the scope; scope 2 is the link.
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if ip.is_unspecified() {
        Some("unspecified")
    } else if ip.is_loopback() {
        Some("loopback")
    } else if link_local {
        Some("link-local")
    } else if link_local_multicast {
        Some("link-local multicast")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let cases = [
            ("10.0.0.5", Some("10.0.0.5")),
            ("2001:DB8:0::5", Some("2001:db8::5")),
            ("::ffff:10.0.0.5", Some("10.0.0.5")),
            ("::ffff:a00:5", Some("10.0.0.5")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("2001:db8::5%2", Some("2001:db8::5")),
            ("::ffff:10.0.0.5%eth0", Some("10.0.0.5")),
            ("10.0.0.5%eth0", None),
            ("%eth0", None),
            ("10.0.0.05", None),
            ("10.0.0.5/24", None),
            (" 10.0.0.5", None),
            ("unset", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).map(|ip| ip.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_for_the_guest_alone() {
        let cases = [
            ("0.0.0.0", Some("unspecified")),
            ("::", Some("unspecified")),
            ("127.0.0.1", Some("loopback")),
            ("127.255.0.1", Some("loopback")),
            ("::1", Some("loopback")),
            ("::ffff:127.0.0.1", Some("loopback")),
            ("169.254.0.1", Some("link-local")),
            ("fe80::1", Some("link-local")),
            ("febf::1%eth0", Some("link-local")),
            ("::ffff:169.254.1.1", Some("link-local")),
            ("224.0.0.251", Some("link-local multicast")),
            ("ff02::fb", Some("link-local multicast")),
            ("ff12::1", Some("link-local multicast")),
            ("224.0.1.1", None),
            ("ff05::2", None),
            ("fec0::1", None),
            ("fd00::1", None),
            ("10.0.0.1", None),
            ("2001:db8::1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).and_then(local_only), expected, "{text}");
        }
    }
}
