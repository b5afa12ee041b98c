//! `nsxt` and `route`: NSX Manager, and the router that gets the routes of nodes.

use std::path::PathBuf;

use secrecy::SecretString;

use super::{SecretRef, Tls, same_secret};

/// How to reach NSX Manager.
#[derive(Clone, Debug, PartialEq)]
pub struct Nsxt {
    /// Host name or address; an IPv6 address without brackets.
    pub host: String,
    /// TCP port; 443 unless `host` has another.
    pub port: u16,
    /// How to authenticate.
    pub auth: NsxtAuth,
    /// `remoteAuth`: user and password go with the scheme `Remote` instead of `Basic`, for accounts
    /// of vIDM.
    pub remote_auth: bool,
    /// How its certificate is checked; there is never a thumbprint.
    pub tls: Tls,
}

/// How to authenticate with NSX Manager. When a file gives several ways, the first of this order
/// counts, and the others are warned of.
#[derive(Clone, Debug)]
pub enum NsxtAuth {
    /// By a client certificate.
    ClientCertificate {
        /// `clientAuthCertFile`, PEM.
        certificate: PathBuf,
        /// `clientAuthKeyFile`, PEM.
        key: PathBuf,
    },
    /// VMware Cloud: the token is exchanged for a short-lived one.
    Vmc {
        /// `vmcAuthHost`: host and path without a scheme, where the exchange takes place.
        auth_host: String,
        /// `vmcAccessToken`
        token: SecretString,
    },
    /// A Kubernetes Secret with the keys `username` and `password`.
    Secret(SecretRef),
    /// In the file itself.
    Login {
        /// `user`
        user: String,
        /// `password`
        password: SecretString,
    },
}

impl PartialEq for NsxtAuth {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::ClientCertificate { certificate: a, key: p },
                Self::ClientCertificate { certificate: b, key: q },
            ) => a == b && p == q,
            (Self::Secret(a), Self::Secret(b)) => a == b,
            (Self::Vmc { auth_host: a, token: p }, Self::Vmc { auth_host: b, token: q })
            | (Self::Login { user: a, password: p }, Self::Login { user: b, password: q }) => {
                a == b && same_secret(p, q)
            }
            _ => false,
        }
    }
}

/// Where routes to the pods of nodes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `routerPath`: policy path of a Tier-1 router, as in `/infra/tier-1s/t1`, without a slash at
    /// its end.
    pub router_path: String,
}

impl Route {
    /// The last part of the path; never empty.
    pub fn router_id(&self) -> &str {
        self.router_path.rsplit('/').next().unwrap_or_default()
    }
}
