//! The certificate that a vCenter shows, and how it would be judged: for looking before trusting.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::Error;
use super::tls::{self, Pinned};
use super::transport::Transport;
use crate::config::{Thumbprint, Vcenter};

/// What any vCenter that is alive answers at once.
const DEADLINE: Duration = Duration::from_secs(5);

/// After the end of every certificate: the year 5138, in seconds since 1970.
const END_OF_TIME: u64 = 100_000_000_000;

/// A certificate as a vCenter showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Its SHA-256 thumbprint.
    pub sha256: Thumbprint,
    /// Its SHA-1 thumbprint.
    pub sha1: Thumbprint,
    /// Until when it is valid, in seconds since 1970; absent if it cannot be told.
    pub not_after: Option<u64>,
    /// Why CA, name or validity are not right, if they are not: as if `insecureFlag` were not set.
    pub chain: Result<(), String>,
    /// Whether it has the configured thumbprint, if there is one.
    pub pinned: Option<bool>,
}

/// Connects and looks at the certificate, whether it is trusted or not; nothing secret is sent.
///
/// # Errors
/// No connection, or TLS cannot be agreed for another reason than the certificate.
pub async fn presented(vcenter: &Vcenter) -> Result<Presented, Error> {
    let checked = crate::config::Tls { insecure: false, ..vcenter.tls.clone() };
    let (judge, untrusting) = match Pinned::new(&checked) {
        Ok(judge) => (judge, None),
        Err(error) => (Pinned::trusting_nobody(&checked), Some(error.to_string())),
    };
    let recorder = Arc::new(Recorder { judge, untrusting, seen: Mutex::default() });
    let transport = Transport::checking(vcenter, tls::client_config_with(recorder.clone())?)?;
    let answer = transport.get("vimServiceVersions", "/sdk/vimServiceVersions.xml", DEADLINE).await;
    let seen = recorder.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (seen, answer) {
        (Some(seen), _) => Ok(seen),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(Error::Tls(format!("{}: no certificate was shown", transport.endpoint()))),
    }
}

/// Accepts everything and remembers what it was.
#[derive(Debug)]
struct Recorder {
    judge: Pinned,
    /// Why no CA can be trusted.
    untrusting: Option<String>,
    seen: Mutex<Option<Presented>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = match &self.untrusting {
            Some(why) => Err(why.clone()),
            None => self
                .judge
                .verify_chain(leaf, intermediates, name, ocsp, now)
                .map(drop)
                .map_err(|reason| tls::reason_text(&reason)),
        };
        let pinned = self.judge.pin().map(|pin| Pinned::matches(pin, leaf));
        let seen =
            Presented { sha256: sha256(leaf), sha1: sha1(leaf), not_after: not_after(leaf), chain, pinned };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

fn sha256(leaf: &CertificateDer<'_>) -> Thumbprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, leaf).as_ref());
    Thumbprint::Sha256(bytes)
}

fn sha1(leaf: &CertificateDer<'_>) -> Thumbprint {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, leaf).as_ref());
    Thumbprint::Sha1(bytes)
}

/// The library tells the end of a certificate only when that is why it refuses it; validity is what it
/// looks at first, before any issuer.
fn not_after(leaf: &CertificateDer<'_>) -> Option<u64> {
    let certificate = webpki::EndEntityCert::try_from(leaf).ok()?;
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let refused = certificate.verify_for_usage(
        algorithms.all,
        &[],
        &[],
        UnixTime::since_unix_epoch(Duration::from_secs(END_OF_TIME)),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    );
    match refused.err()? {
        webpki::Error::CertExpired { not_after, .. } => Some(not_after.as_secs()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_found() {
        let mut params = rcgen::CertificateParams::new(vec!["vc.example.com".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let end: jiff::Timestamp = "2031-02-03T00:00:00Z".parse().unwrap();
        assert_eq!(not_after(certificate.der()), u64::try_from(end.as_second()).ok());
        assert_eq!(not_after(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
