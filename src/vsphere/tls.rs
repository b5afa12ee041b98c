//! How a vCenter's certificate is checked: CA, thumbprint, or not at all.

use std::fmt::Write as _;
use std::sync::Arc;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::Error;
use crate::config::{Thumbprint, Tls};

/// Builds the TLS configuration for one vCenter; reads the CA files.
pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig, Error> {
    client_config_with(Arc::new(Pinned::new(tls)?))
}

/// The TLS configuration of a client that has certificates checked by this.
pub(super) fn client_config_with(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Tls(e.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The TLS configuration for a service beside a vCenter: the system's CAs and those of the vCenter
/// count, but neither its thumbprint nor that it need not be checked.
pub(super) fn client_config_beside(vcenter: &Tls) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    add_system(&mut roots);
    add_files(vcenter, &mut roots)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Tls(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn roots(tls: &Tls) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    if tls.ca_files.is_empty() {
        add_system(&mut roots);
    }
    add_files(tls, &mut roots)?;
    Ok(roots)
}

fn add_system(roots: &mut RootCertStore) {
    // What cannot be read among the system's certificates is not ours to judge.
    for certificate in rustls_native_certs::load_native_certs().certs {
        let _ = roots.add(certificate);
    }
}

fn add_files(tls: &Tls, roots: &mut RootCertStore) -> Result<(), Error> {
    for path in &tls.ca_files {
        let bad = |what: String| Error::Tls(format!("caFile {}: {what}", path.display()));
        let certificates: Vec<CertificateDer<'_>> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|e| bad(format!("expected certificates in PEM form: {e}")))?;
        if certificates.is_empty() {
            return Err(bad("it contains no certificate (expected -----BEGIN CERTIFICATE-----)".to_owned()));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|e| bad(format!("not usable as a CA: {e}")))?;
        }
    }
    Ok(())
}

/// Chain and name first; only when they fail, the digest of the leaf. No match fails closed.
#[derive(Debug)]
pub(super) struct Pinned {
    provider: Arc<CryptoProvider>,
    chain: Option<Arc<WebPkiServerVerifier>>,
    pin: Option<Thumbprint>,
    /// Anything is accepted.
    insecure: bool,
}

impl Pinned {
    /// Reads the CA files.
    pub(super) fn new(tls: &Tls) -> Result<Self, Error> {
        let trusting_nobody = Self::trusting_nobody(tls);
        if tls.insecure {
            return Ok(Self { pin: None, insecure: true, ..trusting_nobody });
        }
        let roots = roots(tls)?;
        // With a pin and no CA at all the chain can never verify; the pin alone decides then.
        if roots.is_empty() && tls.thumbprint.is_none() {
            return Err(Error::Tls(
                "there is no CA certificate to trust: neither caFile, nor thumbprint, nor system certificates"
                    .to_owned(),
            ));
        }
        if roots.is_empty() {
            return Ok(trusting_nobody);
        }
        let provider = trusting_nobody.provider.clone();
        let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let chain = Some(built.map_err(|e| Error::Tls(e.to_string()))?);
        Ok(Self { chain, ..trusting_nobody })
    }

    /// With no CA at all: the thumbprint alone decides, if there is one.
    pub(super) fn trusting_nobody(tls: &Tls) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self { provider, chain: None, pin: tls.thumbprint, insecure: false }
    }

    /// Whether chain and name are right.
    pub(super) fn verify_chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.chain {
            Some(chain) => chain.verify_server_cert(leaf, intermediates, name, ocsp, now),
            None => Err(rustls::Error::General("no CA to verify with".to_owned())),
        }
    }

    /// The digest that is configured.
    pub(super) fn pin(&self) -> Option<&Thumbprint> {
        self.pin.as_ref()
    }

    pub(super) fn matches(pin: &Thumbprint, leaf: &CertificateDer<'_>) -> bool {
        match pin {
            Thumbprint::Sha1(expected) => {
                digest(&SHA1_FOR_LEGACY_USE_ONLY, leaf).as_ref() == expected.as_slice()
            }
            Thumbprint::Sha256(expected) => digest(&SHA256, leaf).as_ref() == expected.as_slice(),
        }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        match (self.verify_chain(leaf, intermediates, name, ocsp, now), &self.pin) {
            (Ok(verified), _) => Ok(verified),
            (Err(_), Some(pin)) if Self::matches(pin, leaf) => Ok(ServerCertVerified::assertion()),
            (Err(reason), pin) => Err(rustls::Error::General(refusal(&reason, pin.is_some(), leaf))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Marks our own text inside the error chain of the HTTP library.
pub(super) const REFUSED: &str = "the certificate is refused";

/// Why a chain is not accepted.
pub(super) fn reason_text(reason: &rustls::Error) -> String {
    match reason {
        rustls::Error::InvalidCertificate(e) => e.to_string(),
        rustls::Error::General(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Says what was seen and what to put into the configuration after checking it.
fn refusal(reason: &rustls::Error, pinned: bool, leaf: &CertificateDer<'_>) -> String {
    let mut fingerprint = String::new();
    for (i, byte) in digest(&SHA256, leaf).as_ref().iter().enumerate() {
        let separator = if i == 0 { "" } else { ":" };
        let _ = write!(fingerprint, "{separator}{byte:02X}");
    }
    let reason = reason_text(reason);
    let pin = if pinned { "it does not match the configured thumbprint either; " } else { "" };
    format!(
        "{REFUSED}: {reason}; {pin}its SHA-256 thumbprint is {fingerprint} - either set caFile to the CA \
         that signed it, or, after comparing it with the server's, set thumbprint to this value"
    )
}
