//! What is measured, for Prometheus: counters, gauges and histograms by typed methods.
//!
//! [`Metrics`] holds a group of handles per concern. Handles are cheap to clone and never fail; a
//! group's `Default` counts for nobody, for tests and for programs without a server. Labels have few
//! values: none is a node or a machine, so that memory does not grow with the cluster.
//!
//! Names are upstream's wherever upstream has the metric, so that its dashboards keep working.
//! [`reference`](reference()) lists them all; `docs/metrics.md` is made of it.

mod build;
mod controllers;
mod events;
mod health;
mod leader;
mod lifecycle;
mod process;
mod reference;
mod registry;
mod reload;
mod rest_client;
mod vcenters;

use std::time::Instant;

pub use build::Build;
pub use controllers::{Controllers, Queue, Working};
pub use events::Events;
pub use health::Health;
pub use leader::{Leader, Running};
pub use lifecycle::{Count, Lifecycle};
pub use reference::reference;
pub use registry::{Description, Kind};
pub use reload::Reload;
pub use rest_client::RestClient;
pub use vcenters::{Api, LoginOutcome, RequestOutcome, Vcenter, Vcenters};

use process::Process;
use registry::Registry;

/// Everything that is measured in this process.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Requests to vCenters, logins, and how current what is known of them is.
    pub vcenters: Vcenters,
    /// The work of the controllers.
    pub controllers: Controllers,
    /// What the node lifecycle controller has done.
    pub lifecycle: Lifecycle,
    /// Events written.
    pub events: Events,
    /// Requests to the API server.
    pub rest_client: RestClient,
    /// Who leads, and what runs.
    pub leader: Leader,
    /// Configurations read while running.
    pub reload: Reload,
    /// Outcomes of health checks.
    pub health: Health,
    process: Process,
    main: Registry,
    slis: Registry,
}

impl Metrics {
    /// A new set, all zero.
    pub fn new(build: Build) -> Self {
        let (mut main, mut slis) = (Registry::new("/metrics"), Registry::new("/metrics/slis"));
        build::publish(&mut main, build);
        Self {
            vcenters: Vcenters::new(&mut main),
            controllers: Controllers::new(&mut main),
            lifecycle: Lifecycle::new(&mut main),
            events: Events::new(&mut main),
            rest_client: RestClient::new(&mut main),
            leader: Leader::new(&mut main),
            reload: Reload::new(&mut main),
            health: Health::new(&mut slis),
            process: Process::new(&mut main),
            main,
            slis,
        }
    }

    /// What `/metrics` says, in Prometheus' text format 0.0.4.
    pub fn text(&self) -> String {
        self.process.refresh();
        self.vcenters.refresh(Instant::now());
        self.main.text()
    }

    /// What `/metrics/slis` says, in the same format.
    pub fn slis(&self) -> String {
        self.slis.text()
    }

    /// What every metric means, by name.
    pub fn descriptions(&self) -> Vec<Description> {
        let mut all: Vec<Description> =
            [&self.main, &self.slis].into_iter().flat_map(Registry::descriptions).cloned().collect();
        all.sort_by_key(|description| (description.page, description.name));
        all
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(Build::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// The value of a series, by how its line begins.
    fn value(text: &str, series: &str) -> Option<f64> {
        text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    #[test]
    fn what_happened_is_told_under_upstreams_names() {
        let metrics = Metrics::default();
        let main = metrics.vcenters.of("main");
        main.exchanged("Login", RequestOutcome::Ok, Duration::from_millis(20));
        main.exchanged("Login", RequestOutcome::Timeout, Duration::from_secs(4));
        main.login(Api::Soap, LoginOutcome::Accepted);
        main.polled(12);
        metrics.controllers.initialised(Duration::from_secs(3));
        metrics.leader.set_leading("cloud-controller-manager", true);
        metrics.lifecycle.add(Count::Deleted);
        let text = metrics.text();
        for (series, expected) in [
            (r#"vsphere_cloud_vcenter_requests_total{method="Login",outcome="ok",vcenter="main"}"#, 1.0),
            (r#"vsphere_cloud_vcenter_requests_total{method="Login",outcome="timeout",vcenter="main"}"#, 1.0),
            (r#"cloudprovider_vsphere_api_request_duration_seconds_count{request="Login"}"#, 2.0),
            (r#"cloudprovider_vsphere_api_request_errors{request="Login"}"#, 1.0),
            (r#"vsphere_cloud_vcenter_logins_total{api="soap",outcome="accepted",vcenter="main"}"#, 1.0),
            (r#"vsphere_cloud_vcenter_sessions{api="soap",vcenter="main"}"#, 1.0),
            (r#"vsphere_cloud_inventory_machines{vcenter="main"}"#, 12.0),
            (r#"node_controller_initial_node_sync_delay_seconds_bucket{le="4"}"#, 1.0),
            (r#"node_controller_initial_node_sync_delay_seconds_bucket{le="1"}"#, 0.0),
            (r#"node_controller_cloud_provider_taint_removal_delay_seconds_bucket{le="1024"}"#, 1.0),
            (r#"leader_election_master_status{name="cloud-controller-manager"}"#, 1.0),
            (r#"vsphere_cloud_node_deletions_total{outcome="deleted"}"#, 1.0),
        ] {
            assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
        }
        assert!(value(&text, r#"vsphere_cloud_inventory_poll_age_seconds{vcenter="main"}"#).unwrap() < 60.0);
        assert!(text.contains("# TYPE cloudprovider_vsphere_api_request_errors counter"), "{text}");
    }

    #[test]
    fn a_vcenter_that_is_configured_no_longer_has_no_state_but_keeps_its_history() {
        let metrics = Metrics::default();
        let gone = metrics.vcenters.of("gone");
        gone.exchanged("Login", RequestOutcome::Ok, Duration::ZERO);
        gone.polled(3);
        gone.set_up(true);
        gone.login(Api::Rest, LoginOutcome::Accepted);
        metrics.vcenters.retire("gone");
        let text = metrics.text();
        for state in
            ["inventory_machines{", "inventory_poll_age_seconds{", "vcenter_up{", "vcenter_sessions{"]
        {
            assert!(!text.contains(state), "{state}: {text}");
        }
        assert!(text.contains("vsphere_cloud_vcenter_requests_total{"), "{text}");
    }

    #[test]
    fn work_in_progress_is_the_depth_of_the_queue() {
        let metrics = Metrics::default();
        let queue = metrics.controllers.queue("Nodes");
        queue.added();
        let (first, second) = (queue.begin(), queue.begin());
        assert_eq!(value(&metrics.text(), r#"workqueue_depth{name="Nodes"}"#), Some(2.0));
        drop((first, second));
        let text = metrics.text();
        assert_eq!(value(&text, r#"workqueue_depth{name="Nodes"}"#), Some(0.0));
        assert_eq!(value(&text, r#"workqueue_work_duration_seconds_count{name="Nodes"}"#), Some(2.0));
        assert_eq!(value(&text, r#"workqueue_adds_total{name="Nodes"}"#), Some(1.0));
    }

    #[test]
    fn two_sets_do_not_count_for_each_other() {
        let (one, other) = (Metrics::default(), Metrics::default());
        one.reload.succeeded();
        assert_eq!(value(&one.text(), r#"vsphere_cloud_config_reload_total{outcome="success"}"#), Some(1.0));
        assert_eq!(
            value(&other.text(), r#"vsphere_cloud_config_reload_total{outcome="success"}"#),
            Some(0.0)
        );
    }
}
