//! The server on a real socket.

use std::path::Path;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::*;
use crate::metrics::Metrics;
use crate::serve::health::Health;
use crate::serve::tls::{CertificateSource, MinVersion};

const SOON: Duration = Duration::from_secs(10);

/// Options for a server that everybody can reach and nobody may read but for health.
fn options() -> Options {
    let nowhere = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    let mut auth = AuthOptions::new(kube::Client::try_from(nowhere).unwrap());
    auth.skip_lookup = true;
    Options { address: Ipv4Addr::LOCALHOST.into(), port: 0, ..Options::new(auth) }
}

fn start(options: Options) -> Server {
    Server::start(options, Pages::new(Health::default(), Metrics::default(), || json!({}))).unwrap()
}

/// A certificate below this directory, and a client that trusts nobody else.
fn files(directory: &Path) -> CertificateSource {
    let path = |ending: &str| directory.join(format!("cloud-controller-manager.{ending}"));
    for ending in ["crt", "key"] {
        let _ = std::fs::remove_file(path(ending));
    }
    CertificateSource::Directory(directory.to_owned())
}

fn trusting(directory: &Path, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> ClientConfig {
    use rustls::pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(directory.join("cloud-controller-manager.crt")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

type Stream = tokio_rustls::client::TlsStream<TcpStream>;

async fn connect(server: &Server, config: ClientConfig) -> std::io::Result<Stream> {
    let stream = TcpStream::connect(server.address()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    tokio::time::timeout(SOON, TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
}

/// One request on a connection of its own; the whole answer as it came.
async fn get(server: &Server, config: ClientConfig, path: &str) -> std::io::Result<String> {
    let mut stream = connect(server, config).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap()?;
    Ok(answer)
}

#[tokio::test]
async fn it_speaks_tls_of_both_versions_unless_told_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.tls.certificate = files(directory.path());
    let server = start(options.clone());
    for version in [&TLS12, &TLS13] {
        let config = trusting(directory.path(), &[version], &["http/1.1"]);
        let answer = get(&server, config, "/healthz").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok"), "{answer}");
    }
    options.tls.min_version = MinVersion::Tls13;
    let strict = start(options);
    let config = |version| trusting(directory.path(), &[version], &[]);
    assert!(get(&strict, config(&TLS12), "/healthz").await.is_err());
    assert!(get(&strict, config(&TLS13), "/healthz").await.is_ok());
}

#[tokio::test]
async fn whoever_shows_nothing_gets_health_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.tls.certificate = files(directory.path());
    let server = start(options);
    for (path, status) in
        [("/livez", 200), ("/readyz", 200), ("/metrics", 503), ("/", 503), ("/livez/ping", 503)]
    {
        let answer = get(&server, trusting(directory.path(), &[&TLS13], &[]), path).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert_eq!(status == 503, answer.contains("\"kind\": \"Status\""), "{path}: {answer}");
    }
}

#[tokio::test]
async fn http2_is_offered_unless_it_is_disabled() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.tls.certificate = files(directory.path());
    let server = start(options.clone());
    let config = || trusting(directory.path(), &[&TLS13], &["h2", "http/1.1"]);
    let stream = connect(&server, config()).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut requests, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..2 {
        let request = hyper::Request::get("https://localhost/healthz").body(Empty::<Bytes>::new()).unwrap();
        let answer = requests.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    }
    server.stop().await;
    tokio::time::timeout(SOON, connection).await.expect("the server says that it goes").unwrap().unwrap();

    options.tls.http2 = false;
    let server = start(options);
    let stream = connect(&server, config()).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn clients_that_do_nothing_keep_nobody_out() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.tls.certificate = files(directory.path());
    let server = start(options);
    let mut idle = Vec::new();
    for _ in 0..150 {
        idle.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let config = trusting(directory.path(), &[&TLS13], &[]);
    assert!(get(&server, config, "/healthz").await.unwrap().ends_with("ok"));
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart_and_half_of_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.tls.certificate = files(directory.path());
    options.tls.reload_period = Duration::from_millis(20);
    let server = start(options.clone());
    let old = trusting(directory.path(), &[&TLS13], &[]);

    let next = tempfile::tempdir().unwrap();
    let mut other = options.clone();
    other.tls.certificate = files(next.path());
    drop(start(other));
    let new = trusting(next.path(), &[&TLS13], &[]);
    let put = |ending: &str| {
        let name = format!("cloud-controller-manager.{ending}");
        std::fs::copy(next.path().join(&name), directory.path().join(&name)).unwrap();
    };
    put("crt");
    tokio::time::sleep(options.tls.reload_period * 5).await;
    assert!(get(&server, old.clone(), "/healthz").await.is_ok(), "the key is still the old one");
    put("key");
    let served = async {
        while get(&server, new.clone(), "/healthz").await.is_err() {
            tokio::time::sleep(options.tls.reload_period).await;
        }
    };
    tokio::time::timeout(SOON, served).await.unwrap();
    assert!(get(&server, old, "/healthz").await.is_err());
}

#[tokio::test]
async fn it_starts_with_nothing_half() {
    let mut options = options();
    let server = start(options.clone());
    options.port = server.address().port();
    let pages = || Pages::new(Health::default(), Metrics::default(), || json!({}));
    let error = Server::start(options.clone(), pages()).unwrap_err().to_string();
    assert!(error.contains("--secure-port"), "{error}");
    server.stop().await;
    drop(Server::start(options.clone(), pages()).expect("the port is free again"));

    options.tls.certificate =
        CertificateSource::Files { certificate: "/nowhere/tls.crt".into(), key: "/nowhere/tls.key".into() };
    let error = Server::start(options, pages()).unwrap_err().to_string();
    assert!(error.contains("/nowhere/tls.crt"), "{error}");
}

#[tokio::test]
async fn a_certificate_of_our_own_is_valid_for_the_ways_to_this_host() {
    use rustls::client::danger::ServerCertVerifier;
    let server = start(options());
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(Arc::clone(&provider))))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let leaf = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let mut roots = RootCertStore::empty();
    roots.add(leaf.clone()).unwrap();
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    for (name, expected) in [("localhost", true), ("127.0.0.1", true), ("::1", true), ("example.org", false)]
    {
        let name = ServerName::try_from(name).unwrap();
        let now = rustls::pki_types::UnixTime::now();
        let verified = verifier.verify_server_cert(&leaf, &[], &name, &[], now);
        assert_eq!(verified.is_ok(), expected, "{name:?} {verified:?}");
    }
}

/// Looks at certificates without judging them.
#[derive(Debug)]
struct Anyone(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
