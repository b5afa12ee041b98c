//! Clients for the API server.

use std::time::Duration;

use anyhow::Context as _;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use tower::util::option_layer;

use super::flags::api::Flags;
use super::flags::go;
use crate::k8s::leader::{Leadership, WriteGuard};
use crate::k8s::{CountRequests, Presence, RateLimit};
use crate::metrics::RestClient;

/// No answer of the API server lets a connection wait longer for its next byte. A watch has an end after
/// 290 s, so none that works is cut. Without this, a list or a watch that is not even begun to be
/// answered would be waited for as long as the process lives: the library ends only a stream that has begun.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_mins(5);

const NO_CLIENT: &str = "cannot set up the client for the API server";

/// Where the API server is, and how much it is asked.
#[derive(Clone)]
pub(super) struct ApiServer {
    config: Config,
    limit: Option<RateLimit>,
    metrics: RestClient,
    presence: Presence,
}

impl ApiServer {
    /// By the flags; in a pod of a cluster without any.
    pub(super) async fn find(flags: &Flags, metrics: RestClient) -> anyhow::Result<Self> {
        let kubeconfig = go::given(flags.kubeconfig.as_ref());
        let master =
            flags.master.as_deref().filter(|master| !master.is_empty()).map(parse_url).transpose()?;
        let mut config = match (kubeconfig, &master) {
            (Some(path), _) => {
                let kubeconfig = Kubeconfig::read_from(path)
                    .with_context(|| format!("--kubeconfig {}", path.display()))?;
                Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                    .await
                    .with_context(|| format!("--kubeconfig {}", path.display()))?
            }
            (None, Some(master)) => Config::new(master.clone()),
            (None, None) => Config::incluster()
                .context("this is no pod of a cluster (give --kubeconfig to run outside of one)")?,
        };
        if let Some(master) = master {
            config.cluster_url = master;
        }
        config.read_timeout = Some(READ_TIMEOUT);
        // The time that a connection was idle before is none in which an answer was waited for.
        config.reset_reader_on_write = true;
        // The client's own tries sleep for up to a quarter of an hour, and nothing wakes them. Whoever
        // asks tries again by itself, and knows when.
        config.default_retry = false;
        Ok(Self { config, limit: flags.limit(), metrics, presence: Presence::default() })
    }

    /// Whether it answers.
    pub(super) fn presence(&self) -> &Presence {
        &self.presence
    }

    /// For who works as the leader: nothing is written once the leadership is over. Without election
    /// there is none to be over.
    pub(super) fn client(&self, leadership: Option<&Leadership>) -> anyhow::Result<Client> {
        let guard = option_layer(leadership.cloned().map(WriteGuard::new));
        let limit = option_layer(self.limit.clone());
        let builder = ClientBuilder::try_from(self.config.clone()).context(NO_CLIENT)?;
        let builder = builder.with_layer(&self.presence.layer()).with_layer(&self.counting());
        Ok(builder.with_layer(&guard).with_layer(&limit).build())
    }

    /// For leader election and for questions about who may read what: they must not wait behind anything
    /// else.
    pub(super) fn election_client(&self) -> anyhow::Result<Client> {
        let builder = ClientBuilder::try_from(self.config.clone()).context(NO_CLIENT)?;
        Ok(builder.with_layer(&self.presence.layer()).with_layer(&self.counting()).build())
    }

    fn counting(&self) -> CountRequests {
        let host = self.config.cluster_url.authority().map(http::uri::Authority::as_str);
        CountRequests::new(self.metrics.clone(), host.unwrap_or_default())
    }
}

/// As in Go, what has no scheme is plain HTTP.
fn parse_url(text: &str) -> anyhow::Result<http::Uri> {
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    url.parse().with_context(|| format!("--master {text}: expected a URL such as https://10.0.0.1:6443"))
}
