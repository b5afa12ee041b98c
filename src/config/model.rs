//! The effective configuration: inheritance done, defaults filled in, everything parsed.

mod feature;
mod load_balancer;
mod nsxt;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

pub use feature::{Feature, FeatureName};
pub use load_balancer::{LoadBalancer, LoadBalancerClass, LoadBalancerSize, Reference};
pub use nsxt::{Nsxt, NsxtAuth, Route};

/// Everything that `vsphere.conf` says.
///
/// Equal if it means the same: passwords are compared by value.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The vCenters, in the order of the file; at least one.
    pub vcenters: Vec<Vcenter>,
    /// Tag categories for zones.
    pub labels: Labels,
    /// Which of a node's addresses are meant.
    pub nodes: Nodes,
    /// NSX Manager, for load balancers and routes.
    pub nsxt: Feature<Nsxt>,
    /// Load balancers by NSX; only with [`nsxt`](Self::nsxt).
    pub load_balancer: Feature<LoadBalancer>,
    /// Routes by NSX; only with [`nsxt`](Self::nsxt).
    pub route: Feature<Route>,
}

/// One vCenter.
#[derive(Clone, Debug, PartialEq)]
pub struct Vcenter {
    /// Its key in the file (upstream's tenantRef): unique.
    pub id: String,
    /// Host name or address, without port; an IPv6 address without brackets.
    pub server: String,
    /// TCP port; 443 unless given.
    pub port: u16,
    /// Where user and password come from.
    pub credentials: CredentialSource,
    /// How its certificate is checked.
    pub tls: Tls,
    /// Names, inventory paths or morefs (`Datacenter:datacenter-3`); empty means all.
    pub datacenters: Vec<String>,
    /// Wanted address families, in order of preference; never empty.
    pub ip_families: Vec<IpFamily>,
}

/// Where the credentials of a vCenter come from.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// In the file itself.
    Inline {
        /// `user`
        user: String,
        /// `password`
        password: SecretString,
    },
    /// In a Kubernetes Secret.
    Secret(SecretRef),
    /// In the files of this directory, named like the keys of such a Secret.
    Directory(PathBuf),
}

impl PartialEq for CredentialSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inline { user: a, password: p }, Self::Inline { user: b, password: q }) => {
                a == b && same_secret(p, q)
            }
            (Self::Secret(a), Self::Secret(b)) => a == b,
            (Self::Directory(a), Self::Directory(b)) => a == b,
            _ => false,
        }
    }
}

/// Compares by value.
pub(super) fn same_secret(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

/// Name of a Kubernetes Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretRef {
    /// `secretNamespace`
    pub namespace: String,
    /// `secretName`
    pub name: String,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// How the certificate of a vCenter is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Accept every certificate.
    pub insecure: bool,
    /// PEM files with the CAs to trust instead of the system's; empty means the system's.
    pub ca_files: Vec<PathBuf>,
    /// Digest of the leaf certificate, accepted when chain or name do not verify.
    pub thumbprint: Option<Thumbprint>,
}

/// SHA-1 or SHA-256 digest of a certificate in DER form; shown as bytes in hexadecimal digits with
/// colons between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thumbprint {
    /// 20 bytes
    Sha1([u8; 20]),
    /// 32 bytes
    Sha256([u8; 32]),
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        };
        for (i, byte) in bytes.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// Tag categories that hold region and zone; both are needed for zone labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// `region`
    pub region: Option<String>,
    /// `zone`
    pub zone: Option<String>,
}

/// Which of a node's addresses are internal and external.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// The internal side.
    pub internal: AddressRule,
    /// The external side.
    pub external: AddressRule,
}

/// How one side's address is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRule {
    /// `…NetworkSubnetCidr`: the first address inside, subnet by subnet in this order.
    pub subnets: Vec<IpNet>,
    /// `…VmNetworkName`: else the first address on this network, any case.
    pub network: Option<String>,
    /// `exclude…NetworkSubnetCidr`: never an address inside one of these.
    pub exclude: Vec<IpNet>,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpFamily {
    /// `ipv4`
    V4,
    /// `ipv6`
    V6,
}

impl IpFamily {
    /// Whether the address is of this family.
    pub const fn contains(self, ip: IpAddr) -> bool {
        matches!((self, ip), (Self::V4, IpAddr::V4(_)) | (Self::V6, IpAddr::V6(_)))
    }

    /// As the configuration spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}
