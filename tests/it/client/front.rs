//! A server of our own: with any certificate, in front of the simulator or on its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use xtask::testbed::Vcsim;

/// A certificate authority and its file.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key.
pub(super) struct Identity {
    pub(super) certificate: Certificate,
    key: KeyPair,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let issuer =
            CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(super) fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    pub(super) fn issue(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        Identity { certificate, key }
    }
}

impl Identity {
    /// As old vCenters and appliances have them: self-signed, and marked as an authority.
    pub(super) fn self_signed_authority() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = authority_params("127.0.0.1").self_signed(&key).unwrap();
        Self { certificate, key }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The request line and the headers.
    pub(super) head: String,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The SOAP method, or the request line.
    pub(super) fn method(&self) -> &str {
        let after = self.body.split("<soapenv:Body><").nth(1);
        after
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_else(|| self.head.lines().next().unwrap_or_default())
    }
}

/// An answer instead of the simulator's.
pub(super) type Intercept = fn(&Seen) -> Option<(u16, String)>;

/// The server; it ends when it is dropped.
pub(super) struct Front {
    pub(super) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Front {
    /// Passes on to the simulator what is not intercepted.
    pub(super) async fn of(
        vcsim: &Vcsim,
        identity: &Identity,
        intercept: impl Fn(&Seen) -> Option<(u16, String)> + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(vcsim.url().to_owned()), identity, rustls::DEFAULT_VERSIONS, intercept).await
    }

    pub(super) async fn start(
        behind: Option<String>,
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
        intercept: impl Fn(&Seen) -> Option<(u16, String)> + Send + Sync + 'static,
    ) -> Self {
        xtask::init();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
        let config = ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let intercept = Arc::new(intercept);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, log, behind) = (acceptor.clone(), log.clone(), behind.clone());
                let intercept = intercept.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &log, behind.as_deref(), &*intercept).await;
                    }
                });
            }
        });
        Self { port, seen, task }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    log: &Mutex<Vec<Seen>>,
    behind: Option<&str>,
    intercept: &(impl Fn(&Seen) -> Option<(u16, String)> + Sync),
) {
    let mut stream = BufReader::new(stream);
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(stream.read_line(&mut head).await, Ok(1..)) {
                return;
            }
        }
        let mut request = Seen { head: head.replace("\r\n", "\n"), body: String::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        request.body = String::from_utf8(body).unwrap();
        log.lock().unwrap().push(request.clone());
        let (status, headers, body) = match (intercept(&request), behind) {
            (Some((status, body)), _) => (status, String::new(), body),
            (None, Some(url)) => forward(&client, url, &request).await,
            (None, None) => (404, String::new(), String::new()),
        };
        let answer = format!("HTTP/1.1 {status} -\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

async fn forward(client: &reqwest::Client, url: &str, request: &Seen) -> (u16, String, String) {
    let mut words = request.head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let mut onward =
        client.request(method.parse().unwrap(), format!("{url}{path}")).body(request.body.clone());
    for name in ["cookie", "soapaction", "content-type", "user-agent"] {
        if let Some(value) = request.header(name) {
            onward = onward.header(name, value);
        }
    }
    let answer = onward.send().await.unwrap();
    let cookie = answer.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
    let headers = cookie.map(|cookie| format!("Set-Cookie: {cookie}\r\n")).unwrap_or_default();
    (answer.status().as_u16(), headers, answer.text().await.unwrap())
}
