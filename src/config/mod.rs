//! `vsphere.conf`: what the cloud provider is told by its administrator.

mod model;

pub use model::{
    AddressRule, Config, CredentialSource, IpFamily, Labels, Nodes, SecretRef, Thumbprint, Tls, Vcenter,
};
