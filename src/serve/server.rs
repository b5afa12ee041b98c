//! Accepts connections and answers requests.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, info, warn};

use super::auth::{AuthOptions, Gate, Request};
use super::connections::Connections;
use super::listen::{ListenError, listen};
use super::pages::{Answer, Pages, refused};
use super::tls::{IdentityError, TlsOptions, server_config};

/// A handshake takes a few round trips; who takes longer is not waited for.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may be idle, or take to send the headers of a request.
const IDLE: Duration = Duration::from_secs(30);
/// How long any connection lasts. Whoever comes again connects anew.
const LONGEST: Duration = Duration::from_mins(5);
/// How long requests may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(2);
/// After the kernel refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Requests at the same time on one HTTP/2 connection, unless told otherwise.
const STREAMS: u32 = 100;
/// Bytes of a request's headers at most.
const MAX_HEADERS: usize = 32 << 10;

/// Where and how to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on (`--bind-address`).
    pub address: IpAddr,
    /// The port (`--secure-port`); 0 lets the kernel choose one.
    pub port: u16,
    /// Other processes may listen on the same port (`--permit-port-sharing`).
    pub share_port: bool,
    /// How TLS is spoken.
    pub tls: TlsOptions,
    /// Requests at the same time on one HTTP/2 connection (`--http2-max-streams-per-connection`).
    pub http2_streams: Option<u32>,
    /// Who may read what.
    pub auth: AuthOptions,
}

impl Options {
    /// Upstream's defaults: all addresses, port 10258, a certificate of our own.
    pub fn new(auth: AuthOptions) -> Self {
        Self {
            address: Ipv4Addr::UNSPECIFIED.into(),
            port: 10258,
            share_port: false,
            tls: TlsOptions::default(),
            http2_streams: None,
            auth,
        }
    }
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// There is no certificate, or TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] IdentityError),
}

/// A running server. Dropped, it ends at once; [`stop`](Self::stop) lets requests finish.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Listens from now on; must be called within a runtime.
    pub fn start(options: Options, pages: Pages) -> Result<Self, StartError> {
        let tls = server_config(&options.tls, options.address)?;
        let listener = listen(SocketAddr::new(options.address, options.port), options.share_port)?;
        let address = listener
            .local_addr()
            .map_err(|error| ListenError::Other(SocketAddr::new(options.address, options.port), error))?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            gate: Gate::start(options.auth),
            pages,
            streams: options.http2_streams.unwrap_or(STREAMS),
            stopped,
        });
        info!(%address, "serving HTTPS");
        let task = tokio::spawn(accept(listener, shared));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nobody any longer, and waits a little for the requests that are under way.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // An error could only say that it has panicked, which it has told already.
        let _ = (&mut self.task).await;
    }
}

struct Shared {
    acceptor: TlsAcceptor,
    gate: Gate,
    pages: Pages,
    streams: u32,
    stopped: watch::Receiver<bool>,
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = Connections::default();
    let mut stopped = shared.stopped.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => connections.add(connection(stream, peer, Arc::clone(&shared))),
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    connections.collect();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = order(&mut stopped) => break,
        }
    }
    drop(listener);
    connections.finish(GRACE).await;
}

/// Returns once the server is to stop, or is gone.
async fn order(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let shaken = tokio::time::timeout(HANDSHAKE, shared.acceptor.accept(stream)).await;
    let served = match shaken {
        Ok(Ok(stream)) => tokio::time::timeout(LONGEST + GRACE, serve(stream, shared)).await,
        Ok(Err(error)) => return debug!(%peer, %error, "no TLS connection"),
        Err(_) => return debug!(%peer, "no TLS connection in time"),
    };
    match served {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%peer, %error, "a connection broke"),
        Err(_) => debug!(%peer, "a connection did not end in time"),
    }
}

/// Serves one connection until it ends, has lasted long enough, or the server stops.
async fn serve(stream: TlsStream<TcpStream>, shared: Arc<Shared>) -> Result<(), hyper::Error> {
    let (_, session) = stream.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    let certificates: Arc<[CertificateDer<'static>]> = session
        .peer_certificates()
        .unwrap_or_default()
        .iter()
        .map(|certificate| certificate.clone().into_owned())
        .collect();
    let (streams, mut stopped) = (shared.streams, shared.stopped.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (shared, certificates) = (Arc::clone(&shared), Arc::clone(&certificates));
        async move { Ok::<_, Infallible>(answer(&request, &certificates, &shared).await) }
    });
    let enough = async move {
        tokio::select! {
            () = tokio::time::sleep(LONGEST) => {}
            () = order(&mut stopped) => {}
        }
    };
    let stream = TokioIo::new(stream);
    if http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(streams)
            .max_header_list_size(u32::try_from(MAX_HEADERS).unwrap_or(u32::MAX))
            .keep_alive_interval(IDLE)
            .keep_alive_timeout(HANDSHAKE)
            .serve_connection(stream, service);
        let mut connection = pin!(connection);
        tokio::select! {
            done = &mut connection => return done,
            () = enough => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(MAX_HEADERS)
            .serve_connection(stream, service);
        let mut connection = pin!(connection);
        tokio::select! {
            done = &mut connection => return done,
            () = enough => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

async fn answer(
    request: &hyper::Request<Incoming>,
    certificates: &[CertificateDer<'static>],
    shared: &Shared,
) -> Answer {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let verb = request.method().as_str().to_ascii_lowercase();
    let known = Request { verb: &verb, path, headers: request.headers(), certificates };
    match shared.gate.admit(&known).await {
        Ok(()) => shared.pages.answer(request.method(), path, query),
        Err(refusal) => refused(&refusal),
    }
}

#[cfg(test)]
mod tests;
