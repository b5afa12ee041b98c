//! The server's certificate and key: made, or read from files.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// A made certificate is valid for so many years: as long as any process lives.
const YEARS: i16 = 10;

/// Why there is no certificate to serve with. No text contains anything of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The two files do not belong together.
    #[error("{} is not the key of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A cipher suite has a name that does not exist.
    #[error("--tls-cipher-suites: there is no cipher suite {name:?}; known are {known}")]
    UnknownCipher {
        /// The name.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// None of the key exchanges that are wanted is spoken.
    #[error("--tls-curve-preferences: none of these is spoken; known are {known}")]
    NoCurve {
        /// Those that exist.
        known: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Setup(String),
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What was in the files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    pub(super) fn new(certificate: PathBuf, key: PathBuf) -> Self {
        Self { certificate, key }
    }

    pub(super) fn read(&self) -> Result<Content, IdentityError> {
        let read = |path: &Path| fs::read(path).map_err(|error| file(path, &error));
        Ok(Content { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    /// Makes the pair if neither file is there.
    pub(super) fn make_unless_there(&self, names: &[String]) -> Result<(), IdentityError> {
        if self.certificate.exists() || self.key.exists() {
            return Ok(());
        }
        if let Some(directory) = self.certificate.parent() {
            fs::create_dir_all(directory).map_err(|error| file(directory, &error))?;
        }
        let made = Made::new(names)?;
        for (path, mode, content) in
            [(&self.key, 0o600, made.key.serialize_pem()), (&self.certificate, 0o644, made.certificate.pem())]
        {
            let opened = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
            opened
                .and_then(|mut opened| opened.write_all(content.as_bytes()))
                .map_err(|error| file(path, &error))?;
        }
        Ok(())
    }
}

impl Content {
    /// The pair, if it is one.
    pub(super) fn certified(
        &self,
        files: &Files,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, IdentityError> {
        let wrong = |path: &PathBuf, problem: &str| IdentityError::File {
            path: path.clone(),
            problem: problem.to_owned(),
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<_, _>>().map_err(|_| {
                wrong(
                    &files.certificate,
                    "expected certificates in PEM form; this is damaged or half written",
                )
            })?;
        if chain.is_empty() {
            return Err(wrong(
                &files.certificate,
                "it contains no certificate (expected -----BEGIN CERTIFICATE-----)",
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| {
            wrong(&files.key, "it contains no private key in PEM form, or it is damaged or half written")
        })?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                IdentityError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() }
            }
            rustls::Error::InvalidCertificate(_) => {
                wrong(&files.certificate, "the first certificate in it is damaged")
            }
            _ => wrong(&files.key, "this kind of key cannot be used (expected RSA, ECDSA or Ed25519)"),
        })
    }
}

/// A certificate that nobody but itself has signed.
struct Made {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Made {
    fn new(names: &[String]) -> Result<Self, IdentityError> {
        let setup = |error: rcgen::Error| IdentityError::Setup(error.to_string());
        let key = KeyPair::generate().map_err(setup)?;
        let mut params = CertificateParams::new(names).map_err(setup)?;
        params.distinguished_name.push(DnType::CommonName, "vsphere-cloud");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let year = jiff::Zoned::now().year();
        params.not_before = rcgen::date_time_ymd((year - 1).into(), 1, 1);
        params.not_after = rcgen::date_time_ymd((year + YEARS).into(), 1, 1);
        let certificate = params.self_signed(&key).map_err(setup)?;
        Ok(Self { certificate, key })
    }
}

/// A pair made now, in memory only.
pub(super) fn self_made(names: &[String], provider: &CryptoProvider) -> Result<CertifiedKey, IdentityError> {
    let Made { certificate, key } = Made::new(names)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    CertifiedKey::from_der(vec![certificate.der().clone()], key, provider)
        .map_err(|error| IdentityError::Setup(error.to_string()))
}

fn file(path: &Path, error: &io::Error) -> IdentityError {
    IdentityError::File { path: path.to_owned(), problem: error.to_string() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rustls::crypto::ring::default_provider;

    /// Writes a new pair into a directory.
    pub(in crate::serve::tls) fn write_pair(directory: &Path) -> Files {
        let files = Files::new(directory.join("tls.crt"), directory.join("tls.key"));
        let _ = (fs::remove_file(&files.certificate), fs::remove_file(&files.key));
        files.make_unless_there(&["localhost".to_owned()]).unwrap();
        files
    }

    fn problem(files: &Files) -> String {
        let read = files.read().and_then(|content| content.certified(files, &default_provider()));
        read.map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_pair_is_made_once_and_its_key_is_for_nobody_else() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let files = write_pair(&directory.path().join("below"));
        let first = files.read().unwrap();
        files.make_unless_there(&["other".to_owned()]).unwrap();
        assert!(first == files.read().unwrap());
        assert!(first.certified(&files, &default_provider()).is_ok());
        assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_wrong_with_files_is_told_without_their_content() {
        let directory = tempfile::tempdir().unwrap();
        let files = write_pair(directory.path());
        let good = files.read().unwrap();

        let other = write_pair(&directory.path().join("other"));
        fs::copy(&other.key, &files.key).unwrap();
        assert!(
            problem(&files).contains("tls.key is not the key of the certificate in"),
            "{}",
            problem(&files)
        );

        let half = &good.key[..good.key.len() / 2];
        fs::write(&files.key, half).unwrap();
        let told = problem(&files);
        assert!(told.contains("tls.key: it contains no private key"), "{told}");
        assert!(!told.contains(std::str::from_utf8(&half[40..60]).unwrap()), "{told}");

        fs::write(&files.certificate, &good.certificate[..good.certificate.len() / 2]).unwrap();
        assert!(problem(&files).contains("tls.crt: "), "{}", problem(&files));
        fs::write(&files.certificate, "").unwrap();
        assert!(problem(&files).contains("it contains no certificate"), "{}", problem(&files));
        fs::remove_file(&files.certificate).unwrap();
        assert!(problem(&files).contains("No such file"), "{}", problem(&files));
    }
}
