//! The names of all variables, as upstream documents them.

use crate::config::keys::Field;

/// The section that a variable overrides a key of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Global,
    Labels,
    Nodes,
    Nsxt,
}

/// Variables that stand for one key.
pub(super) const GLOBAL: &[(&str, Home, Field)] = &[
    ("VSPHERE_VCENTER", Home::Global, Field::Server),
    ("VSPHERE_VCENTER_PORT", Home::Global, Field::Port),
    ("VSPHERE_USER", Home::Global, Field::User),
    ("VSPHERE_PASSWORD", Home::Global, Field::Password),
    ("VSPHERE_DATACENTER", Home::Global, Field::Datacenters),
    ("VSPHERE_SECRET_NAME", Home::Global, Field::SecretName),
    ("VSPHERE_SECRET_NAMESPACE", Home::Global, Field::SecretNamespace),
    ("VSPHERE_SECRETS_DIRECTORY", Home::Global, Field::SecretsDirectory),
    ("VSPHERE_ROUNDTRIP_COUNT", Home::Global, Field::SoapRoundtripCount),
    ("VSPHERE_INSECURE", Home::Global, Field::InsecureFlag),
    ("VSPHERE_CAFILE", Home::Global, Field::CaFile),
    ("VSPHERE_THUMBPRINT", Home::Global, Field::Thumbprint),
    ("VSPHERE_LABEL_REGION", Home::Labels, Field::Region),
    ("VSPHERE_LABEL_ZONE", Home::Labels, Field::Zone),
    ("VSPHERE_NODES_INTERNAL_NETWORK_SUBNET_CIDR", Home::Nodes, Field::InternalSubnet),
    ("VSPHERE_NODES_EXTERNAL_NETWORK_SUBNET_CIDR", Home::Nodes, Field::ExternalSubnet),
    ("VSPHERE_NODES_INTERNAL_VM_NETWORK_NAME", Home::Nodes, Field::InternalNetwork),
    ("VSPHERE_NODES_EXTERNAL_VM_NETWORK_NAME", Home::Nodes, Field::ExternalNetwork),
    ("NSXT_MANAGER_HOST", Home::Nsxt, Field::Host),
    ("NSXT_USERNAME", Home::Nsxt, Field::User),
    ("NSXT_PASSWORD", Home::Nsxt, Field::Password),
    ("NSXT_ALLOW_UNVERIFIED_SSL", Home::Nsxt, Field::InsecureFlag),
    ("NSXT_CLIENT_AUTH_CERT_FILE", Home::Nsxt, Field::ClientAuthCertFile),
    ("NSXT_CLIENT_AUTH_KEY_FILE", Home::Nsxt, Field::ClientAuthKeyFile),
    ("NSXT_CA_FILE", Home::Nsxt, Field::CaFile),
    ("NSXT_SECRET_NAME", Home::Nsxt, Field::SecretName),
    ("NSXT_SECRET_NAMESPACE", Home::Nsxt, Field::SecretNamespace),
];

/// What `VCENTER_<id>_…` says about the vCenter of `VSPHERE_VCENTER_<id>`.
pub(super) const COMPANIONS: &[(&str, Field)] = &[
    ("USERNAME", Field::User),
    ("PASSWORD", Field::Password),
    ("SERVER", Field::Server),
    ("PORT", Field::Port),
    ("INSECURE", Field::InsecureFlag),
    ("DATACENTERS", Field::Datacenters),
    ("ROUNDTRIP", Field::SoapRoundtripCount),
    ("CAFILE", Field::CaFile),
    ("THUMBPRINT", Field::Thumbprint),
    ("SECRET_NAME", Field::SecretName),
    ("SECRET_NAMESPACE", Field::SecretNamespace),
    ("IP_FAMILY", Field::IpFamily),
];

/// Variables of upstream that need no attention here, and why.
pub(super) const IGNORED: &[(&str, &str)] = &[
    ("ENABLE_ALPHA_DUAL_STACK", "is not needed: several address families are always permitted"),
    ("ENABLE_ALPHA_NSXT_LB", "is not needed: load balancers are on when they are configured"),
];
