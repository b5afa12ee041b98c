//! `--tls-cipher-suites`, in the names that Go has for them, and `--tls-curve-preferences`.

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{ALL_CIPHER_SUITES, ALL_KX_GROUPS};
use tracing::warn;

use super::IdentityError;

/// Suites that Go knows and that are not spoken here: without forward secrecy, or with CBC, RC4 or
/// 3DES. Whoever lists them gets the others of the list.
const OUTDATED: &[&str] = &["_CBC_", "_RC4_", "_3DES_", "TLS_RSA_WITH_"];

/// The suites of these names and those of TLS 1.3; all if there are no names.
pub(super) fn choose(names: &[String]) -> Result<Vec<SupportedCipherSuite>, IdentityError> {
    if names.is_empty() {
        return Ok(ALL_CIPHER_SUITES.to_vec());
    }
    let mut wanted = Vec::new();
    for name in names {
        if let Some(suite) = ALL_CIPHER_SUITES.iter().find(|suite| is_called(suite, name)) {
            wanted.push(suite.suite());
        } else if OUTDATED.iter().any(|part| name.contains(part)) {
            warn!(suite = name, "--tls-cipher-suites: this is not spoken, because it is not safe");
        } else {
            let known: Vec<String> = ALL_CIPHER_SUITES.iter().map(iana).collect();
            return Err(IdentityError::UnknownCipher { name: name.clone(), known: known.join(", ") });
        }
    }
    let keep = |suite: &&SupportedCipherSuite| suite.tls13().is_some() || wanted.contains(&suite.suite());
    Ok(ALL_CIPHER_SUITES.iter().filter(keep).copied().collect())
}

/// The key exchanges with these numbers; all if there are none.
pub(super) fn curves(numbers: &[u16]) -> Result<Vec<&'static dyn SupportedKxGroup>, IdentityError> {
    let all = || ALL_KX_GROUPS.iter().copied();
    if numbers.is_empty() {
        return Ok(all().collect());
    }
    let chosen: Vec<_> = all().filter(|group| numbers.contains(&u16::from(group.name()))).collect();
    if chosen.is_empty() {
        let known: Vec<String> =
            all().map(|group| format!("{} ({:?})", u16::from(group.name()), group.name())).collect();
        return Err(IdentityError::NoCurve { known: known.join(", ") });
    }
    Ok(chosen)
}

/// The suite's official name.
fn iana(suite: &SupportedCipherSuite) -> String {
    // Ours begin with the version: TLS13_AES_128_GCM_SHA256.
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn is_called(suite: &SupportedCipherSuite, name: &str) -> bool {
    let official = iana(suite);
    // Go has two names for the ones with ChaCha20, with and without the hash.
    official == name || official.strip_suffix("_SHA256") == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> Result<Vec<String>, String> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut chosen: Vec<String> = choose(&names)
            .map_err(|error| error.to_string())?
            .iter()
            .filter(|suite| suite.tls13().is_none())
            .map(iana)
            .collect();
        chosen.sort();
        Ok(chosen)
    }

    #[test]
    fn suites_are_chosen_by_gos_names() {
        assert_eq!(chosen(&[]).unwrap().len(), 6);
        let names = [
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
            "TLS_AES_128_GCM_SHA256",
        ];
        let expected =
            ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"];
        assert_eq!(chosen(&names).unwrap(), expected);
        assert_eq!(choose(&[names[0].to_owned()]).unwrap().len(), 4, "TLS 1.3 stays as it is");
        assert_eq!(curves(&[]).unwrap().len(), 3);
        assert_eq!(curves(&[29, 4588]).unwrap().len(), 1, "X25519, and one that is not spoken");
        assert!(curves(&[4588]).unwrap_err().to_string().contains("29 (X25519)"));
        let error = chosen(&["TLS_ECDHE_RSA"]).unwrap_err();
        assert!(error.contains("\"TLS_ECDHE_RSA\"") && error.contains("TLS_AES_256_GCM_SHA384"), "{error}");
    }
}
