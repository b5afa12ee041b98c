//! Every key with its spelling in both dialects.

use super::{Field, Key, Shape};

/// Keys of a vCenter and, as defaults for all of them, of the global section.
pub(super) const VCENTER: &[Key] = &[
    Key::new(Field::User, "user", "user", Shape::Text),
    Key::new(Field::Password, "password", "password", Shape::Text),
    Key::new(Field::Server, "server", "server", Shape::Text),
    Key::new(Field::Port, "port", "port", Shape::Text),
    Key::new(Field::InsecureFlag, "insecureFlag", "insecure-flag", Shape::Bool),
    Key::new(Field::Datacenters, "datacenters", "datacenters", Shape::List),
    Key::new(Field::CaFile, "caFile", "ca-file", Shape::Text),
    Key::new(Field::Thumbprint, "thumbprint", "thumbprint", Shape::Text),
    Key::new(Field::SecretName, "secretName", "secret-name", Shape::Text),
    Key::new(Field::SecretNamespace, "secretNamespace", "secret-namespace", Shape::Text),
    Key::new(Field::IpFamily, "ipFamily", "ip-family", Shape::List),
    Key::new(Field::SoapRoundtripCount, "soapRoundtripCount", "soap-roundtrip-count", Shape::Ignored),
];

/// Keys of the global section alone.
pub(super) const GLOBAL: &[Key] = &[
    Key::new(Field::SecretsDirectory, "secretsDirectory", "secrets-directory", Shape::Text),
    Key::new(Field::ApiDisable, "apiDisable", "api-disable", Shape::Ignored),
    Key::new(Field::ApiBinding, "apiBinding", "api-binding", Shape::Ignored),
];

/// Keys of the tag categories.
pub(super) const LABELS: &[Key] = &[
    Key::new(Field::Region, "region", "region", Shape::Text),
    Key::new(Field::Zone, "zone", "zone", Shape::Text),
];

/// Keys of the nodes' addresses.
pub(super) const NODES: &[Key] = &[
    Key::new(
        Field::InternalSubnet,
        "internalNetworkSubnetCidr",
        "internal-network-subnet-cidr",
        Shape::Commas,
    ),
    Key::new(
        Field::ExternalSubnet,
        "externalNetworkSubnetCidr",
        "external-network-subnet-cidr",
        Shape::Commas,
    ),
    Key::new(Field::InternalNetwork, "internalVmNetworkName", "internal-vm-network-name", Shape::Text),
    Key::new(Field::ExternalNetwork, "externalVmNetworkName", "external-vm-network-name", Shape::Text),
    Key::new(
        Field::ExcludeInternal,
        "excludeInternalNetworkSubnetCidr",
        "exclude-internal-network-subnet-cidr",
        Shape::Commas,
    ),
    Key::new(
        Field::ExcludeExternal,
        "excludeExternalNetworkSubnetCidr",
        "exclude-external-network-subnet-cidr",
        Shape::Commas,
    ),
];

/// Keys of NSX Manager.
pub(super) const NSXT: &[Key] = &[
    Key::new(Field::Host, "host", "host", Shape::Text),
    Key::new(Field::User, "user", "user", Shape::Text),
    Key::new(Field::Password, "password", "password", Shape::Text),
    Key::new(Field::SecretName, "secretName", "secret-name", Shape::Text),
    Key::new(Field::SecretNamespace, "secretNamespace", "secret-namespace", Shape::Text),
    Key::new(Field::RemoteAuth, "remoteAuth", "remote-auth", Shape::Bool),
    Key::new(Field::VmcAccessToken, "vmcAccessToken", "vmc-access-token", Shape::Text),
    Key::new(Field::VmcAuthHost, "vmcAuthHost", "vmc-auth-host", Shape::Text),
    Key::new(Field::ClientAuthCertFile, "clientAuthCertFile", "client-auth-cert-file", Shape::Text),
    Key::new(Field::ClientAuthKeyFile, "clientAuthKeyFile", "client-auth-key-file", Shape::Text),
    Key::new(Field::InsecureFlag, "insecureFlag", "insecure-flag", Shape::Bool),
    Key::new(Field::CaFile, "caFile", "ca-file", Shape::Text),
];

/// Keys of the load balancers alone.
pub(super) const LOAD_BALANCER: &[Key] = &[
    Key::new(Field::Size, "size", "size", Shape::Text),
    Key::new(Field::LbServiceId, "lbServiceId", "lb-service-id", Shape::Text),
    Key::new(Field::Tier1GatewayPath, "tier1GatewayPath", "tier1-gateway-path", Shape::Text),
    Key::new(Field::SnatDisabled, "snatDisabled", "snat-disabled", Shape::Bool),
    Key::new(Field::Tags, "tags", "tags", Shape::Map),
];

/// Keys of a class of load balancers and, as defaults for all of them, of the load balancers.
pub(super) const CLASS: &[Key] = &[
    Key::new(Field::IpPoolName, "ipPoolName", "ip-pool-name", Shape::Text),
    Key::new(Field::IpPoolId, "ipPoolId", "ip-pool-id", Shape::Text),
    Key::new(Field::TcpAppProfileName, "tcpAppProfileName", "tcp-app-profile-name", Shape::Text),
    Key::new(Field::TcpAppProfilePath, "tcpAppProfilePath", "tcp-app-profile-path", Shape::Text),
    Key::new(Field::UdpAppProfileName, "udpAppProfileName", "udp-app-profile-name", Shape::Text),
    Key::new(Field::UdpAppProfilePath, "udpAppProfilePath", "udp-app-profile-path", Shape::Text),
];

/// Keys of the routes.
pub(super) const ROUTE: &[Key] = &[Key::new(Field::RouterPath, "routerPath", "router-path", Shape::Text)];
