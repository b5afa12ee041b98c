//! TLS: the server's certificate, what is spoken, and what clients may prove.

mod ciphers;
mod client;
mod identity;
mod reload;
mod resolver;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::version::{TLS12, TLS13};

pub use identity::IdentityError;

use client::AnyClient;
use identity::Files;
use reload::Current;
use resolver::Resolver;

/// How often certificate files are read. Kubelet swaps mounted Secrets by a symlink, which file
/// notifications do not follow; the files are some kilobytes.
const RELOAD_PERIOD: Duration = Duration::from_secs(3);

/// The pair's name below `--cert-dir`, as upstream names it.
const PAIR_NAME: &str = "cloud-controller-manager";

/// Where the server's certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CertificateSource {
    /// Made now, kept in memory, signed by nobody.
    #[default]
    SelfMade,
    /// Files in PEM form (`--tls-cert-file`, `--tls-private-key-file`); read again when they change.
    Files {
        /// The certificate, and those of its authorities but the root.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// `cloud-controller-manager.crt` and `.key` in this directory (`--cert-dir`), made and written
    /// if they are not there.
    Directory(PathBuf),
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2, below which nothing is spoken at all.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Another certificate for some names (`--tls-sni-cert-key`); followed like the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCertificate {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
    /// For which names, with `*.` in front for all directly below; those in the certificate if empty.
    pub names: Vec<String>,
}

/// How TLS is spoken.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// Where the certificate comes from.
    pub certificate: CertificateSource,
    /// Certificates for clients that ask for a certain name.
    pub named: Vec<NamedCertificate>,
    /// `--tls-min-version`
    pub min_version: MinVersion,
    /// `--tls-cipher-suites`, by their IANA names; all if empty. TLS 1.3 always has its own.
    pub cipher_suites: Vec<String>,
    /// `--tls-curve-preferences`, by their IANA numbers; all if empty.
    pub curves: Vec<u16>,
    /// HTTP/2 is offered (not `--disable-http2-serving`).
    pub http2: bool,
    /// How often the files are read.
    pub reload_period: Duration,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            certificate: CertificateSource::default(),
            min_version: MinVersion::default(),
            named: Vec::new(),
            cipher_suites: Vec::new(),
            curves: Vec::new(),
            http2: true,
            reload_period: RELOAD_PERIOD,
        }
    }
}

/// Sets up TLS for a server at this address; certificate files are followed from now on.
///
/// Must be called within a runtime.
pub(super) fn server_config(options: &TlsOptions, address: IpAddr) -> Result<ServerConfig, IdentityError> {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: ciphers::choose(&options.cipher_suites)?,
        kx_groups: ciphers::curves(&options.curves)?,
        ..ring::default_provider()
    });
    let versions = match options.min_version {
        MinVersion::Tls12 => &[&TLS13, &TLS12][..],
        MinVersion::Tls13 => &[&TLS13],
    };
    let files = match &options.certificate {
        CertificateSource::SelfMade => None,
        CertificateSource::Files { certificate, key } => Some(Files::new(certificate.clone(), key.clone())),
        CertificateSource::Directory(directory) => {
            let path = |ending| directory.join(format!("{PAIR_NAME}.{ending}"));
            let files = Files::new(path("crt"), path("key"));
            files.make_unless_there(&names(address))?;
            Some(files)
        }
    };
    let current = match files {
        None => Current::new(identity::self_made(&names(address), &provider)?),
        Some(files) => Current::follow(files, &provider, options.reload_period)?,
    };
    let mut resolver = Resolver::new(current);
    for NamedCertificate { certificate, key, names } in &options.named {
        let files = Files::new(certificate.clone(), key.clone());
        resolver.add(Current::follow(files, &provider, options.reload_period)?, names);
    }
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| IdentityError::Setup(error.to_string()))?
        .with_client_cert_verifier(Arc::new(AnyClient::new(provider)))
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = if options.http2 { vec![b"h2".to_vec()] } else { Vec::new() };
    config.alpn_protocols.push(b"http/1.1".to_vec());
    // Sessions are short and clients few: nothing is kept for their return.
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Under which names a certificate of our own is valid.
fn names(address: IpAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !address.is_unspecified() {
        names.push(address.to_string());
    }
    if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        names.push(host.trim().to_owned());
    }
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}
