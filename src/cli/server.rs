//! The HTTPS server, as the flags want it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use futures::FutureExt;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::sync::watch;

use super::api::ApiServer;
use super::configz::configz;
use super::flags::go::given;
use super::readiness::FleetInUse;
use super::run::Stop;
use super::serving::{ServingArgs, TlsVersion};
use crate::config::Config;
use crate::k8s::leader::Standing;
use crate::metrics::Metrics;
use crate::serve::auth::{AllowList, AuthOptions, HeaderNames};
use crate::serve::health::{Group, Health, LeaseWatchdog};
use crate::serve::tls::{CertificateSource, MinVersion, NamedCertificate, TlsOptions};
use crate::serve::{Options, Pages, Server};

/// What the parts of the process tell the server, and the server itself.
pub(super) struct Admin {
    /// Where everything is counted.
    pub(super) metrics: Metrics,
    /// Where whoever can be unwell registers a check.
    pub(super) health: Health,
    /// Where a leader tells which vCenters it asks.
    pub(super) fleet: FleetInUse,
    server: Option<Server>,
}

impl Admin {
    /// Serves from now on, unless the flags want no server.
    pub(super) async fn start(
        flags: &ServingArgs,
        api: &ApiServer,
        metrics: Metrics,
        config: Config,
    ) -> anyhow::Result<Self> {
        let health = Health::new(metrics.health.clone());
        let fleet = FleetInUse::register(&health);
        let server = if flags.secure_port == 0 {
            None
        } else {
            let given: Vec<String> = std::env::args().skip(1).collect();
            let (in_use, config) = (fleet.clone(), Arc::new(config));
            let configz = move || configz(&in_use.config().unwrap_or_else(|| Arc::clone(&config)), &given);
            let pages = Pages::new(health.clone(), metrics.clone(), configz);
            Some(Server::start(options(flags, &api.election_client()?).await?, pages)?)
        };
        Ok(Self { metrics, health, fleet, server })
    }

    /// The order to stop, at which this process stops being ready.
    pub(super) fn unready_on(&self, stop: Stop) -> Stop {
        let health = self.health.clone();
        stop.inspect(move |()| health.shut_down()).boxed().shared()
    }

    /// Tells of a leader election for as long as it lives.
    pub(super) fn watch_election(&self, lease: &str, mut standing: watch::Receiver<Standing>) {
        let (watchdog, seen) = (LeaseWatchdog::new(lease), standing.clone());
        self.health.register(&[Group::Healthz, Group::Livez], "leaderElection", move || {
            watchdog.check(match &*seen.borrow() {
                Standing::Standby(_) => None,
                Standing::Leading(leadership) => Some(leadership.remaining()),
            })
        });
        let (metrics, lease) = (self.metrics.leader.clone(), lease.to_owned());
        tokio::spawn(async move {
            loop {
                let leading = matches!(&*standing.borrow_and_update(), Standing::Leading(_));
                metrics.set_leading(&lease, leading);
                if standing.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Ends the server when requests that are under way are answered.
    pub(super) async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

async fn options(flags: &ServingArgs, client: &Client) -> anyhow::Result<Options> {
    Ok(Options {
        address: flags.bind_address,
        port: flags.secure_port,
        share_port: flags.permit_port_sharing.0,
        tls: tls(flags),
        http2_streams: Some(flags.http2_max_streams_per_connection).filter(|streams| *streams > 0),
        auth: auth(flags, client).await?,
    })
}

fn tls(flags: &ServingArgs) -> TlsOptions {
    let certificate = match (
        given(flags.tls_cert_file.as_ref()),
        given(flags.tls_private_key_file.as_ref()),
        given(flags.cert_dir.as_ref()),
    ) {
        (Some(certificate), Some(key), _) => {
            CertificateSource::Files { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        (_, _, Some(directory)) => CertificateSource::Directory(directory.to_owned()),
        _ => CertificateSource::SelfMade,
    };
    let named = flags.tls_sni_cert_key.iter().map(|pair| NamedCertificate {
        certificate: pair.certificate.clone(),
        key: pair.key.clone(),
        names: pair.names.clone(),
    });
    TlsOptions {
        certificate,
        named: named.collect(),
        min_version: match flags.tls_min_version {
            Some(TlsVersion::V13) => MinVersion::Tls13,
            _ => MinVersion::Tls12,
        },
        cipher_suites: flags.tls_cipher_suites.clone(),
        curves: flags.tls_curve_preferences.clone(),
        http2: !flags.disable_http2_serving.0,
        ..TlsOptions::default()
    }
}

async fn auth(flags: &ServingArgs, client: &Client) -> anyhow::Result<AuthOptions> {
    let (who, what) = (&flags.authentication, &flags.authorization);
    let client_of = async |path: Option<&Path>, flag: &str| match path {
        Some(path) => other_client(path).await.with_context(|| format!("{flag} {}", path.display())),
        None => Ok(client.clone()),
    };
    let file = |path: &Option<std::path::PathBuf>| given(path.as_ref()).map(Path::to_owned);
    Ok(AuthOptions {
        authentication: client_of(
            given(who.authentication_kubeconfig.as_ref()),
            "--authentication-kubeconfig",
        )
        .await?,
        authorization: client_of(given(what.authorization_kubeconfig.as_ref()), "--authorization-kubeconfig")
            .await?,
        client_ca_file: file(&who.client_ca_file),
        proxy_ca_file: file(&who.requestheader_client_ca_file),
        proxy_names: given_names(&who.requestheader_allowed_names),
        proxy_headers: HeaderNames {
            username: given_names(&who.requestheader_username_headers),
            uid: given_names(&who.requestheader_uid_headers),
            group: given_names(&who.requestheader_group_headers),
            extra_prefix: given_names(&who.requestheader_extra_headers_prefix),
        },
        skip_lookup: who.authentication_skip_lookup.0,
        tolerate_lookup_failure: who.authentication_tolerate_lookup_failure.0,
        always_allow_paths: AllowList::new(given_names(&what.authorization_always_allow_paths))
            .context("--authorization-always-allow-paths")?,
        token_ttl: who.authentication_token_webhook_cache_ttl,
        authorized_ttl: what.authorization_webhook_cache_authorized_ttl,
        unauthorized_ttl: what.authorization_webhook_cache_unauthorized_ttl,
    })
}

/// Without the empty one that an empty list is read as.
fn given_names(names: &[String]) -> Vec<String> {
    names.iter().filter(|name| !name.is_empty()).cloned().collect()
}

async fn other_client(path: &Path) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}
