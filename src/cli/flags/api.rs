//! Flags about the API server.

use std::path::PathBuf;

use super::go;
use crate::k8s::RateLimit;

/// Upstream's `--kube-api-qps` and `--kube-api-burst`, for when only one of them is given.
const UPSTREAM_QPS: f64 = 20.0;
const UPSTREAM_BURST: u32 = 30;

/// How the API server is reached.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "API server flags")]
#[group(skip)]
pub(crate) struct Flags {
    /// How to reach the API server; in a cluster's pod it is found without this.
    #[arg(long, value_name = "FILE", value_parser = go::path())]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The API server's URL, instead of the one in the kubeconfig.
    #[arg(long, value_name = "URL")]
    pub(crate) master: Option<String>,

    /// The most requests per second to the API server, on average. No limit unless this or
    /// --kube-api-burst is given (upstream's default: 20), or if it is not above zero. Leader election
    /// is not limited.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    kube_api_qps: Option<f64>,

    /// The most requests to the API server at once. No limit unless this or --kube-api-qps is given
    /// (upstream's default: 30).
    #[arg(long, value_name = "N")]
    kube_api_burst: Option<u32>,
}

impl Flags {
    /// The limit on requests, if there is to be one.
    pub(crate) fn limit(&self) -> Option<RateLimit> {
        if self.kube_api_qps.is_none() && self.kube_api_burst.is_none() {
            return None;
        }
        let burst = self.kube_api_burst.unwrap_or(UPSTREAM_BURST);
        RateLimit::new(self.kube_api_qps.unwrap_or(UPSTREAM_QPS), burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_limited_unless_asked_for() {
        let flags =
            |qps, burst| Flags { kubeconfig: None, master: None, kube_api_qps: qps, kube_api_burst: burst };
        assert!(flags(None, None).limit().is_none());
        assert!(flags(Some(-1.0), None).limit().is_none());
        assert!(flags(Some(5.0), None).limit().is_some());
        assert!(flags(None, Some(5)).limit().is_some());
    }
}
