//! Parts of the configuration whose mistakes switch off only what they are about.

use crate::config::Problem;

/// A part of the configuration that not everybody needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Feature<T> {
    /// The file says nothing of it.
    #[default]
    Absent,
    /// It is wanted, and everything that is said about it is right.
    Configured(T),
    /// It is wanted, and stays off for these reasons; never empty.
    Disabled(Vec<Problem>),
}

impl<T> Feature<T> {
    /// What is configured, if it can be used.
    pub fn configured(&self) -> Option<&T> {
        match self {
            Self::Configured(value) => Some(value),
            Self::Absent | Self::Disabled(_) => None,
        }
    }

    /// Why it stays off although it is wanted; empty if it is not wanted, or works.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Disabled(problems) => problems,
            Self::Absent | Self::Configured(_) => &[],
        }
    }
}

/// Which feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureName {
    /// `nsxt`
    Nsxt,
    /// `loadBalancer`, `loadBalancerClass`
    LoadBalancer,
    /// `route`
    Route,
}

impl FeatureName {
    /// The YAML section.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nsxt => "nsxt",
            Self::LoadBalancer => "loadBalancer",
            Self::Route => "route",
        }
    }

    /// What a mistake in it means for the cluster.
    pub(in crate::config) const fn consequence(self) -> &'static str {
        match self {
            Self::Nsxt => "NSX is not used until this is corrected",
            Self::LoadBalancer => "there are no load balancers until this is corrected",
            Self::Route => "there are no routes until this is corrected",
        }
    }
}
