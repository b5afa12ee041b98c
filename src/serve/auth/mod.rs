//! Who may read what: delegated to the API server, as every component of Kubernetes does it.
//!
//! Nobody is known here. A token is shown to the API server (TokenReview), a client certificate must
//! be signed by the cluster's authority, and whether the user may read a path is asked of the API
//! server as well (SubjectAccessReview). `decide` holds the rules, `reviews` asks, `authorities`
//! follows the certificates. Tokens are never logged nor kept, only their digests.

mod authorities;
mod cache;
mod decide;
mod gate;
mod paths;
mod proxy;
mod reviews;
mod subject;
mod user;

use std::path::PathBuf;
use std::time::Duration;

use kube::Client;

pub use decide::Refusal;
pub use gate::Request;
pub use paths::{AllowList, PatternError};
pub use proxy::HeaderNames;

pub(super) use gate::Gate;

/// Who may read what, as far as it is not asked of the API server.
#[derive(Clone)]
pub struct AuthOptions {
    /// For TokenReviews and the cluster's authorities (`--authentication-kubeconfig`).
    pub authentication: Client,
    /// For SubjectAccessReviews (`--authorization-kubeconfig`).
    pub authorization: Client,
    /// Who signs the certificates of users (`--client-ca-file`); if absent it is looked up.
    pub client_ca_file: Option<PathBuf>,
    /// Who signs the certificates of front proxies (`--requestheader-client-ca-file`); if absent it is
    /// looked up, and so are the names and headers.
    pub proxy_ca_file: Option<PathBuf>,
    /// The names that a front proxy's certificate may have; any if empty
    /// (`--requestheader-allowed-names`). Counts with `proxy_ca_file` only.
    pub proxy_names: Vec<String>,
    /// The headers in which a front proxy names the user. Counts with `proxy_ca_file` only.
    pub proxy_headers: HeaderNames,
    /// The authorities are not looked up in the cluster (`--authentication-skip-lookup`).
    pub skip_lookup: bool,
    /// A look-up that fails is not worth a warning (`--authentication-tolerate-lookup-failure`). It
    /// never keeps the process from starting: it is tried again every minute.
    pub tolerate_lookup_failure: bool,
    /// Paths that everybody may read (`--authorization-always-allow-paths`).
    pub always_allow_paths: AllowList,
    /// How long a token that was accepted is not reviewed again
    /// (`--authentication-token-webhook-cache-ttl`).
    pub token_ttl: Duration,
    /// How long a permission holds (`--authorization-webhook-cache-authorized-ttl`).
    pub authorized_ttl: Duration,
    /// How long a refusal holds (`--authorization-webhook-cache-unauthorized-ttl`).
    pub unauthorized_ttl: Duration,
}

/// Upstream's default for all three.
const TTL: Duration = Duration::from_secs(10);

impl AuthOptions {
    /// Upstream's defaults; both questions go to the same API server.
    pub fn new(client: Client) -> Self {
        Self {
            authentication: client.clone(),
            authorization: client,
            client_ca_file: None,
            proxy_ca_file: None,
            proxy_names: Vec::new(),
            proxy_headers: HeaderNames::default(),
            skip_lookup: false,
            tolerate_lookup_failure: false,
            always_allow_paths: AllowList::default(),
            token_ttl: TTL,
            authorized_ttl: TTL,
            unauthorized_ttl: TTL,
        }
    }
}

impl std::fmt::Debug for AuthOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthOptions")
            .field("client_ca_file", &self.client_ca_file)
            .field("proxy_ca_file", &self.proxy_ca_file)
            .field("skip_lookup", &self.skip_lookup)
            .field("always_allow_paths", &self.always_allow_paths)
            .finish_non_exhaustive()
    }
}
