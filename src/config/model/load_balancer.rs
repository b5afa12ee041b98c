//! `loadBalancer` and `loadBalancerClass`: what NSX is to make for Services.

use std::collections::BTreeMap;

/// How load balancers are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// `size`
    pub size: LoadBalancerSize,
    /// `lbServiceId`: a load balancer service that exists. Without it one is made on the Tier-1.
    pub service_id: Option<String>,
    /// `tier1GatewayPath`: policy path of the Tier-1 gateway. This or the service is given, or both.
    pub tier1_gateway_path: Option<String>,
    /// `snatDisabled`
    pub snat_disabled: bool,
    /// `tags`: scope and tag, for every object that is made.
    pub tags: BTreeMap<String, String>,
    /// What Services without a class get: `loadBalancerClass.default` over `loadBalancer`.
    pub default_class: LoadBalancerClass,
    /// The other classes by name, complete: what one does not say comes from the default class.
    pub classes: BTreeMap<String, LoadBalancerClass>,
}

/// What the load balancers of a class use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancerClass {
    /// `ipPoolId` or `ipPoolName`
    pub ip_pool: Reference,
    /// `tcpAppProfilePath` or `tcpAppProfileName`
    pub tcp_profile: Reference,
    /// `udpAppProfilePath` or `udpAppProfileName`
    pub udp_profile: Reference,
}

/// An object of NSX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// By its id, or by its policy path.
    Id(String),
    /// By its display name.
    Name(String),
}

/// Size of a load balancer service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadBalancerSize {
    /// `SMALL`
    Small,
    /// `MEDIUM`
    Medium,
    /// `LARGE`
    Large,
    /// `XLARGE`
    Xlarge,
    /// `DLB`: a distributed load balancer.
    Dlb,
}

impl LoadBalancerSize {
    /// All of them, the smallest first.
    pub const ALL: [Self; 5] = [Self::Small, Self::Medium, Self::Large, Self::Xlarge, Self::Dlb];

    /// As NSX and the configuration spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "SMALL",
            Self::Medium => "MEDIUM",
            Self::Large => "LARGE",
            Self::Xlarge => "XLARGE",
            Self::Dlb => "DLB",
        }
    }
}
