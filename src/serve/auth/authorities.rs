//! Whose signature counts on a client's certificate; followed while serving.
//!
//! The cluster tells it in the ConfigMap `extension-apiserver-authentication`, which the API server
//! itself writes and every component may be permitted to read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tracing::{debug, info, warn};

use super::proxy::HeaderNames;
use super::subject::{self, Subject};
use super::{AuthOptions, Request};
use crate::serve::auth::user::User;

/// Where the cluster tells it.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";

/// How often it is read; authorities change once in years, with an overlap of weeks.
const PERIOD: Duration = Duration::from_mins(1);
/// How often it is tried after a failure.
const RETRY: Duration = Duration::from_secs(10);
/// How long a read may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Whom a certificate shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// This user.
    User(User),
    /// Nobody that is known.
    Nobody,
}

/// Whose signatures count now.
#[derive(Clone, Debug, Default)]
pub(super) struct Trusted {
    users: Option<Arc<dyn ClientCertVerifier>>,
    proxies: Option<Proxies>,
}

#[derive(Clone, Debug)]
struct Proxies {
    verifier: Arc<dyn ClientCertVerifier>,
    /// Any if empty.
    names: Vec<String>,
    headers: HeaderNames,
}

impl Trusted {
    /// Whom the certificate and the headers of a request show.
    pub(super) fn judge(&self, request: &Request<'_>, now: UnixTime) -> Shown {
        let Some((leaf, intermediates)) = request.certificates.split_first() else { return Shown::Nobody };
        let signed =
            |by: &Arc<dyn ClientCertVerifier>| by.verify_client_cert(leaf, intermediates, now).is_ok();
        let Some(Subject { common_name, organisations }) = subject_of(leaf) else { return Shown::Nobody };
        if let Some(proxies) = &self.proxies
            && signed(&proxies.verifier)
            && (proxies.names.is_empty() || proxies.names.contains(&common_name))
            && let Some(user) = proxies.headers.user(request.headers)
        {
            return Shown::User(user);
        }
        if common_name.is_empty() || !self.users.as_ref().is_some_and(signed) {
            return Shown::Nobody;
        }
        Shown::User(User { name: common_name, groups: organisations, ..User::default() }.authenticated())
    }

    /// What the ConfigMap says.
    fn read(data: &BTreeMap<String, String>) -> Result<Self, String> {
        let names = |key: &str| -> Result<Vec<String>, String> {
            let Some(text) = data.get(key) else { return Ok(Vec::new()) };
            serde_json::from_str(text).map_err(|_| format!("{key}: expected a JSON array of texts"))
        };
        let verifier = |key: &str| {
            let pem = data.get(key).filter(|pem| !pem.trim().is_empty());
            pem.map(|pem| verifier(pem.as_bytes()).map_err(|error| format!("{key}: {error}"))).transpose()
        };
        let proxies = verifier("requestheader-client-ca-file")?.map(|verifier| {
            Ok::<_, String>(Proxies {
                verifier,
                names: names("requestheader-allowed-names")?,
                headers: HeaderNames {
                    username: names("requestheader-username-headers")?,
                    uid: names("requestheader-uid-headers")?,
                    group: names("requestheader-group-headers")?,
                    extra_prefix: names("requestheader-extra-headers-prefix")?,
                },
            })
        });
        Ok(Self { users: verifier("client-ca-file")?, proxies: proxies.transpose()? })
    }
}

fn subject_of(leaf: &CertificateDer<'_>) -> Option<Subject> {
    subject::read(webpki::EndEntityCert::try_from(leaf).ok()?.subject())
}

fn verifier(pem: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "expected certificates in PEM form".to_owned())?;
        roots.add(certificate).map_err(|error| format!("not usable as a CA: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    built.map_err(|error| error.to_string())
}

/// Whose signatures count, as it changes. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Authorities(Arc<RwLock<Arc<Trusted>>>);

impl Authorities {
    pub(super) fn now(&self) -> Arc<Trusted> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Follows files and the cluster for as long as another clone exists.
    pub(super) async fn follow(self, options: AuthOptions) {
        let api: Api<ConfigMap> = Api::namespaced(options.authentication.clone(), NAMESPACE);
        let in_files = options.client_ca_file.is_some() && options.proxy_ca_file.is_some();
        let mut found = Trusted::default();
        let mut told = None;
        loop {
            let mut problem = None;
            if !options.skip_lookup && !in_files {
                match look_up(&api).await {
                    Ok(cluster) => found = cluster,
                    // What was found last stays while the cluster does not answer.
                    Err(error) => problem = Some(error),
                }
            }
            match with_files(&options, found.clone()) {
                Ok(trusted) => self.set(trusted),
                Err(error) => problem = Some(error),
            }
            let pause = if problem.is_some() { RETRY } else { PERIOD };
            if told != problem {
                tell(problem.as_deref(), options.tolerate_lookup_failure);
                told = problem;
            }
            tokio::time::sleep(pause).await;
            if Arc::strong_count(&self.0) == 1 {
                return;
            }
        }
    }

    fn set(&self, trusted: Trusted) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trusted);
    }
}

/// Says what is wrong, or that it is no longer.
fn tell(problem: Option<&str>, tolerated: bool) {
    const EFFECT: &str = "client certificates are accepted only if their authority was known before";
    match problem {
        None => info!("the authorities of client certificates are known again"),
        Some(problem) if tolerated => debug!(problem, "{EFFECT}"),
        Some(problem) => warn!(problem, "{EFFECT}"),
    }
}

async fn look_up(api: &Api<ConfigMap>) -> Result<Trusted, String> {
    let origin = format!("ConfigMap {NAMESPACE}/{NAME}");
    match tokio::time::timeout(DEADLINE, api.get(NAME)).await {
        Ok(Ok(map)) => {
            Trusted::read(&map.data.unwrap_or_default()).map_err(|problem| format!("{origin}: {problem}"))
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(format!(
            "this manager lacks the right to get {origin}; bind its service account to the Role \
             extension-apiserver-authentication-reader in {NAMESPACE}"
        )),
        Ok(Err(error)) => Err(format!("{origin}: {error}")),
        Err(_) => Err(format!("{origin}: no answer in {} s", DEADLINE.as_secs())),
    }
}

/// Files that are given count instead of what the cluster says.
fn with_files(options: &AuthOptions, mut trusted: Trusted) -> Result<Trusted, String> {
    let read = |path: &Path, flag: &str| {
        let pem = std::fs::read(path).map_err(|error| format!("{flag} {}: {error}", path.display()))?;
        verifier(&pem).map_err(|error| format!("{flag} {}: {error}", path.display()))
    };
    if let Some(path) = &options.client_ca_file {
        trusted.users = Some(read(path, "--client-ca-file")?);
    }
    if let Some(path) = &options.proxy_ca_file {
        trusted.proxies = Some(Proxies {
            verifier: read(path, "--requestheader-client-ca-file")?,
            names: options.proxy_names.clone(),
            headers: options.proxy_headers.clone(),
        });
    }
    Ok(trusted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::HeaderMap;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    };

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
        }

        fn certify(&self, name: &str, organisation: &str) -> Vec<CertificateDer<'static>> {
            let mut params = CertificateParams::default();
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params.distinguished_name.push(DnType::OrganizationName, organisation);
            vec![params.signed_by(&KeyPair::generate().unwrap(), &self.0).unwrap().der().clone()]
        }
    }

    fn data(users: &Authority, proxies: &Authority) -> BTreeMap<String, String> {
        [
            ("client-ca-file", users.0.pem()),
            ("requestheader-client-ca-file", proxies.0.pem()),
            ("requestheader-allowed-names", r#"["front-proxy-client"]"#.to_owned()),
            ("requestheader-username-headers", r#"["X-Remote-User"]"#.to_owned()),
            ("requestheader-group-headers", r#"["X-Remote-Group"]"#.to_owned()),
            ("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    #[test]
    fn a_certificate_shows_a_user_or_a_proxy_by_who_signed_it() {
        let (users, proxies, strangers) = (Authority::new(), Authority::new(), Authority::new());
        let trusted = Trusted::read(&data(&users, &proxies)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-remote-user", "jane".parse().unwrap());
        headers.insert("x-remote-group", "ops".parse().unwrap());
        let (none, mut shown) = (HeaderMap::new(), Vec::new());
        for (certificates, headers) in [
            (users.certify("admin", "system:masters"), &none),
            // Headers count from a proxy only.
            (users.certify("admin", "system:masters"), &headers),
            (proxies.certify("front-proxy-client", "x"), &headers),
            (proxies.certify("front-proxy-client", "x"), &none),
            (proxies.certify("other", "x"), &headers),
            (users.certify("front-proxy-client", "x"), &headers),
            (strangers.certify("admin", "system:masters"), &headers),
            (users.certify("", "system:masters"), &none),
            (Vec::new(), &headers),
        ] {
            let request = Request { verb: "get", path: "/", headers, certificates: &certificates };
            shown.push(match trusted.judge(&request, UnixTime::now()) {
                Shown::User(user) => format!("{} {}", user.name, user.groups[0]),
                Shown::Nobody => String::new(),
            });
        }
        let expected = [
            "admin system:masters",
            "admin system:masters",
            "jane ops",
            "",
            "",
            "front-proxy-client x",
            "",
            "",
            "",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_the_cluster_says_is_read_or_refused_by_its_key() {
        assert!(Trusted::read(&BTreeMap::new()).unwrap().users.is_none());
        let (users, proxies) = (Authority::new(), Authority::new());
        for (key, value) in [
            ("client-ca-file", "-----BEGIN CERTIFICATE-----\nx"),
            ("requestheader-client-ca-file", "no certificate"),
            ("requestheader-allowed-names", "front-proxy-client"),
        ] {
            let mut data = data(&users, &proxies);
            data.insert(key.to_owned(), value.to_owned());
            let problem = Trusted::read(&data).unwrap_err();
            assert!(problem.starts_with(key), "{problem}");
        }
    }
}
