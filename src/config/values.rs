//! Single values: from the text in the file to what it means.
//!
//! An error is the rest of a sentence that begins with the key.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use super::model::{IpFamily, LoadBalancerSize, Thumbprint};

/// A yes or a no: the words of YAML 1.1 and of gcfg together, in any case.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Ok(true),
        "false" | "no" | "off" | "n" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false; write one of the two")),
    }
}

/// A TCP port. 0 is how templates write "not set".
pub(super) fn port(text: &str) -> Result<Option<u16>, String> {
    let digits = text.trim();
    let expected = || format!("{text:?} is not a port; expected a number from 1 to 65535");
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(expected());
    }
    // To Go's YAML reader this is octal, to everybody else it is not.
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(format!("{text:?} is not a port; write the number without leading zeros"));
    }
    match digits.parse() {
        Ok(0) => Ok(None),
        Ok(port) => Ok(Some(port)),
        Err(_) => Err(expected()),
    }
}

/// Host name or address; an IPv6 address loses its brackets.
///
/// `port_key` is how the dialect spells the key for the port. What does not look like a server is
/// shown only in part: URLs may hold a password.
pub(super) fn server(text: &str, port_key: &str) -> Result<String, String> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Ok(bare.to_owned());
    }
    if let Some((_, rest)) = text.split_once("://") {
        return Err(format!("is a URL; write {}", host_of(rest, port_key)));
    }
    if text.contains(['/', '@']) {
        return Err(format!("is not a host name or address alone; write {}", host_of(text, port_key)));
    }
    if let Some((host, port)) = split_port(text) {
        return Err(format!(
            "has a port after the colon; write the host alone, {host:?}, and the port under `{port_key}`: {port}"
        ));
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    if text.is_empty() || !text.chars().all(allowed) {
        return Err(format!("{text:?} is neither a host name nor an IP address"));
    }
    Ok(text.to_owned())
}

/// What to write instead of a URL (without its scheme).
fn host_of(rest: &str, port_key: &str) -> String {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match split_port(host) {
        _ if host.is_empty() => "the host name alone".to_owned(),
        Some((host, port)) if port != "443" => {
            format!("the host alone, {host:?}, and the port under `{port_key}`: {port}")
        }
        Some((host, _)) => format!("the host alone, {host:?}"),
        None => format!("the host alone, {host:?}"),
    }
}

fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let simple = !host.contains(':') || host.parse::<Ipv6Addr>().is_ok();
    (simple && !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit())).then_some((host, port))
}

/// Whether two servers are the same one, as far as their names tell.
pub(super) fn same_server(a: &str, b: &str) -> bool {
    match (a.parse::<IpAddr>(), b.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a.eq_ignore_ascii_case(b),
    }
}

/// SHA-1 or SHA-256 in hexadecimal digits, colons between bytes or not.
pub(super) fn thumbprint(text: &str) -> Result<Thumbprint, String> {
    let expected = "expected the SHA-1 (40 hexadecimal digits) or SHA-256 (64) of the certificate, with or without \
                    colons";
    let digits: Vec<char> = text.trim().chars().filter(|c| *c != ':').collect();
    let mut bytes = Vec::with_capacity(32);
    for pair in digits.chunks(2) {
        let byte = pair.iter().try_fold(0_u32, |byte, digit| Some(byte * 16 + digit.to_digit(16)?));
        match byte.and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => bytes.push(byte),
            None => return Err(format!("holds a character that is no hexadecimal digit; {expected}")),
        }
    }
    let even = digits.len().is_multiple_of(2);
    match (<[u8; 20]>::try_from(bytes.as_slice()), <[u8; 32]>::try_from(bytes.as_slice())) {
        (Ok(sha1), _) if even => Ok(Thumbprint::Sha1(sha1)),
        (_, Ok(sha256)) if even => Ok(Thumbprint::Sha256(sha256)),
        _ => Err(format!("has {} hexadecimal digits; {expected}", digits.len())),
    }
}

/// A subnet; host bits are cleared, as Go does.
pub(super) fn subnet(text: &str) -> Result<IpNet, String> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(net.trunc());
    }
    Err(match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => format!("{text:?} has no prefix length; for this one address write {ip}/32"),
        Ok(IpAddr::V6(ip)) => format!("{text:?} has no prefix length; for this one address write {ip}/128"),
        Err(_) => format!("{text:?} is not a subnet; expected one such as 10.0.0.0/8 or 2001:db8::/32"),
    })
}

/// An address family.
pub(super) fn family(text: &str) -> Result<IpFamily, String> {
    match text.to_ascii_lowercase().as_str() {
        "ipv4" => Ok(IpFamily::V4),
        "ipv6" => Ok(IpFamily::V6),
        _ => Err(format!(
            "{text:?} is not an address family; expected ipv4, ipv6, or both with a comma between them"
        )),
    }
}

/// Host name or address, with a port or without; 443 if there is none. Nothing of it is shown: URLs
/// may hold a password.
pub(super) fn host_and_port(text: &str) -> Result<(String, u16), String> {
    const HTTPS: u16 = 443;
    let expected = || {
        "is not a host name or IP address; write it alone or with a port, as in nsx.example.com or \
         nsx.example.com:8443"
            .to_owned()
    };
    let text = text.trim();
    if let Ok(host) = server(text, "") {
        return Ok((host, HTTPS));
    }
    let (host, digits) = split_port(text).ok_or_else(expected)?;
    let host = server(host, "").map_err(|_| expected())?;
    let port = port(digits).map_err(|message| format!("has a port after the colon, and {message}"))?;
    Ok((host, port.unwrap_or(HTTPS)))
}

/// Host and path. Nothing of it is shown: URLs may hold a password.
pub(super) fn without_scheme(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains("://") || text.contains(['@', ' ']) || text.starts_with('/') {
        return Err("expected a host name with or without a path, and no https:// before it".to_owned());
    }
    Ok(text.to_owned())
}

/// The policy path of a router, without a slash at its end.
pub(super) fn router_path(text: &str) -> Result<String, String> {
    let path = text.trim().trim_end_matches('/');
    if path.is_empty() || path.contains(char::is_whitespace) {
        return Err(format!(
            "{text:?} is not the policy path of a router; expected one such as /infra/tier-1s/t1"
        ));
    }
    Ok(path.to_owned())
}

/// Size of a load balancer service, in any case.
pub(super) fn load_balancer_size(text: &str) -> Result<LoadBalancerSize, String> {
    let found =
        LoadBalancerSize::ALL.into_iter().find(|size| size.as_str().eq_ignore_ascii_case(text.trim()));
    found.ok_or_else(|| {
        let sizes = LoadBalancerSize::ALL.map(LoadBalancerSize::as_str).join(", ");
        format!("{text:?} is not a size; expected one of {sizes}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans() {
        for yes in ["true", "True", "TRUE", "yes", "Yes", "on", "ON", "y", "Y", "1", " true "] {
            assert_eq!(boolean(yes), Ok(true), "{yes}");
        }
        for no in ["false", "False", "no", "NO", "off", "n", "N", "0"] {
            assert_eq!(boolean(no), Ok(false), "{no}");
        }
        for bad in ["", "2", "maybe", "tru"] {
            assert!(boolean(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ports() {
        assert_eq!(port("443"), Ok(Some(443)));
        assert_eq!(port(" 65535 "), Ok(Some(65535)));
        assert_eq!(port("0"), Ok(None));
        for bad in ["65536", "-1", "443.0", "0x1bb", "4_43", "https", "0443", "99999999999999999999", "+443"]
        {
            assert!(port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn servers() {
        for (text, want) in [
            ("vc.example.com", "vc.example.com"),
            (" vc_1 ", "vc_1"),
            ("10.0.0.1", "10.0.0.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("bücher.example", "bücher.example"),
        ] {
            assert_eq!(server(text, "port").as_deref(), Ok(want), "{text}");
        }
        for (text, part) in [
            ("https://vc/sdk", "is a URL; write the host alone, \"vc\""),
            ("https://vc:443/sdk", "is a URL; write the host alone, \"vc\""),
            ("https://vc:8443/sdk", "\"vc\", and the port under `port`: 8443"),
            ("https://[2001:db8::1]:8443/sdk", "\"2001:db8::1\", and the port under `port`: 8443"),
            ("https://", "the host name alone"),
            ("https://u:hunter2@vc/sdk", "write the host alone, \"vc\""),
            ("u:hunter2@vc", "write the host alone, \"vc\""),
            ("vc/sdk", "write the host alone, \"vc\""),
            ("vc:443", "has a port after the colon; write the host alone, \"vc\""),
            ("[2001:db8::1]:443", "write the host alone, \"2001:db8::1\""),
            ("vc 1", "neither a host name"),
            ("vc:abc", "neither a host name"),
            ("2001:db8::1::2", "neither a host name"),
            ("", "neither a host name"),
        ] {
            let error = server(text, "port").unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
        assert!(same_server("VC", "vc"));
        assert!(same_server("2001:db8::1", "2001:DB8:0::1"));
        assert!(!same_server("10.0.0.1", "10.0.0.2"));
    }

    #[test]
    fn thumbprints() {
        let sha1 = "00:11:22:33:44:55:66:77:88:99:AA:bb:CC:DD:EE:FF:01:02:03:04";
        let Ok(Thumbprint::Sha1(bytes)) = thumbprint(sha1) else { panic!("no SHA-1") };
        assert_eq!((bytes[0], bytes[10], bytes[19]), (0, 0xaa, 4));
        assert_eq!(thumbprint(&sha1.replace(':', "")), Ok(Thumbprint::Sha1(bytes)));
        assert_eq!(thumbprint(&"Ab".repeat(32)), Ok(Thumbprint::Sha256([0xab; 32])));
        for bad in [&sha1[..58], "zz", "abc", &"0".repeat(39), &"0".repeat(41), &"0".repeat(63), "é"] {
            assert!(thumbprint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn subnets() {
        assert_eq!(subnet("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(subnet("2001:db8::1/32").unwrap().to_string(), "2001:db8::/32");
        assert!(subnet("10.0.0.1").unwrap_err().contains("10.0.0.1/32"));
        assert!(subnet("::1").unwrap_err().contains("::1/128"));
        assert!(subnet("10.0.0.0/33").unwrap_err().contains("\"10.0.0.0/33\" is not a subnet"));
    }

    #[test]
    fn families() {
        assert_eq!(family("IPv4"), Ok(IpFamily::V4));
        assert_eq!(family("ipv6"), Ok(IpFamily::V6));
        assert!(family("v4").is_err());
    }

    #[test]
    fn hosts_of_nsx() {
        for (text, host, port) in [
            ("nsx.example.com", "nsx.example.com", 443),
            (" nsx:8443 ", "nsx", 8443),
            ("nsx:0", "nsx", 443),
            ("10.0.0.1:443", "10.0.0.1", 443),
            ("2001:db8::1", "2001:db8::1", 443),
            ("[2001:db8::1]:8443", "2001:db8::1", 8443),
        ] {
            assert_eq!(host_and_port(text), Ok((host.to_owned(), port)), "{text}");
        }
        for text in ["https://nsx", "u:hunter2@nsx", "nsx/api", "nsx:x", "", "nsx manager", "nsx:99999"] {
            let error = host_and_port(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn routers_and_sizes() {
        assert_eq!(router_path("/infra/tier-1s/t1//"), Ok("/infra/tier-1s/t1".to_owned()));
        assert!(["/", " ", "//", "/a b"].iter().all(|text| router_path(text).is_err()));
        assert_eq!(load_balancer_size("small "), Ok(LoadBalancerSize::Small));
        assert!(load_balancer_size("HUGE").unwrap_err().contains("SMALL, MEDIUM, LARGE, XLARGE, DLB"));
        assert!(without_scheme("https://a").is_err());
        assert_eq!(without_scheme("a/b/c"), Ok("a/b/c".to_owned()));
    }
}
