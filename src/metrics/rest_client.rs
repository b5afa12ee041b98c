//! Requests to the API server, under the names that every client of Kubernetes uses.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec};

use super::Registry;

/// Seconds; those of Kubernetes' own clients.
const BOUNDS: &[f64] = &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0];

/// The metrics of requests to the API server; the default counts for nobody.
#[derive(Clone, Debug)]
pub struct RestClient {
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl Default for RestClient {
    fn default() -> Self {
        Self::new(&mut Registry::default())
    }
}

impl RestClient {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            requests: registry.counters(
                "rest_client_requests_total",
                &["code", "method", "host"],
                "Requests to the API server, by HTTP status (`<error>` without an answer), method and server.",
            ),
            durations: registry.histograms(
                "rest_client_request_duration_seconds",
                &["verb", "host"],
                "How long the API server took to begin its answer, by method and server.",
                BOUNDS,
            ),
        }
    }

    /// A request was answered with this status, or not at all.
    pub fn exchanged(&self, method: &str, host: &str, status: Option<u16>, took: Duration) {
        let code = status.map_or_else(|| "<error>".to_owned(), |status| status.to_string());
        self.requests.with_label_values(&[code.as_str(), method, host]).inc();
        self.durations.with_label_values(&[method, host]).observe(took.as_secs_f64());
    }
}
