//! Metrics say what happened.

use std::collections::BTreeMap;

use xtask::testbed::{Vcsim, VcsimOptions};

use super::common::Serving;
use super::exposition::Exposition;
use crate::support::{Cluster, Config, SOON, Vcenter, names, specs};

/// Everybody may read them.
const OPEN: &str = "--authorization-always-allow-paths=/metrics,/metrics/*,/healthz,/readyz";

#[tokio::test]
async fn what_happened_is_counted() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("counted-", 3).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let config = Config::of(&[&vcsim]);
    let here = format!("127.0.0.1:{}", vcsim.port());
    let of_vcenter = |series: &str| series.replace("HERE", &here);
    let serving = Serving::start(&cluster, &config, |options| options.args.push(OPEN.to_owned())).await;
    cluster.initialised(&names(&vms), SOON).await;
    let all_told = |answer: &super::common::Answer| {
        let page = Exposition::read(&answer.body);
        let events = r#"vsphere_cloud_events_total{component="cloud-node-controller",outcome="written",reason="Synced"}"#;
        page.value(events) == Some(3.0)
            && page.value(&of_vcenter(r#"vsphere_cloud_inventory_machines{vcenter="HERE"}"#)) == Some(3.0)
    };
    let page = serving.get_when("all is counted", "/metrics", None, all_told).await;
    let page = Exposition::read(&page.body);
    for (series, expected) in [
        (r#"vsphere_cloud_vcenter_logins_total{api="soap",outcome="accepted",vcenter="HERE"}"#, 1.0),
        (r#"vsphere_cloud_vcenter_sessions{api="soap",vcenter="HERE"}"#, 1.0),
        (r#"vsphere_cloud_vcenter_up{vcenter="HERE"}"#, 1.0),
        ("node_controller_initial_node_sync_delay_seconds_count", 3.0),
        ("node_controller_cloud_provider_taint_removal_delay_seconds_count", 3.0),
        (
            r#"running_managed_controllers{manager="cloud-controller-manager",name="cloud-node-controller"}"#,
            1.0,
        ),
        (
            r#"running_managed_controllers{manager="cloud-controller-manager",name="cloud-node-lifecycle-controller"}"#,
            1.0,
        ),
        (r#"leader_election_master_status{name="cloud-controller-manager"}"#, 1.0),
        ("vsphere_cloud_config_last_reload_successful", 1.0),
        (r#"workqueue_depth{name="Nodes"}"#, 0.0),
    ] {
        assert_eq!(page.value(&of_vcenter(series)), Some(expected), "{series}");
    }
    let patched =
        page.with("rest_client_requests_total", r#"method="PATCH""#).map(|(_, count)| count).sum::<f64>();
    assert!(patched >= 6.0, "two patches of each node: {patched}");
    assert!(page.value("process_resident_memory_bytes").unwrap() > 1e6);
    assert!(page.value("process_cpu_seconds_total").unwrap() > 0.0);

    // What vCenter counted, but for the poll that never rests.
    let requests = vcsim.requests().await.unwrap();
    let seen: BTreeMap<&str, u64> =
        requests.by_method().into_iter().filter(|(method, _)| *method != "WaitForUpdatesEx").collect();
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for (series, value) in page.with("vsphere_cloud_vcenter_requests_total", &here) {
        let method = Exposition::label(series, "method");
        if method != "WaitForUpdatesEx" {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
            let value = value as u64;
            *counted.entry(method).or_default() += value;
        }
    }
    assert_eq!(counted, seen);

    let few = page.label_values();
    assert!(!few.iter().any(|value| value.contains("counted-")), "no label names a node: {few:?}");
    let slis = serving.get("/metrics/slis", None).await;
    let slis = Exposition::read(&slis.body);
    assert_eq!(slis.value(r#"kubernetes_healthcheck{name="ping",type="healthz"}"#), Some(1.0));
}

#[tokio::test]
async fn the_reference_names_every_metric_that_is_served() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("named-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let open = |options: &mut xtask::testbed::ManagerOptions| options.args.push(OPEN.to_owned());
    let serving = Serving::start(&cluster, &Config::of(&[&vcsim]), open).await;
    cluster.initialised(&names(&vms), SOON).await;
    let reference = vsphere_cloud::metrics::reference();
    let mut served = 0;
    for path in ["/metrics", "/metrics/slis"] {
        for (name, kind) in Exposition::read(&serving.get(path, None).await.body).families {
            assert!(reference.contains(&format!("| `{name}` | {kind} |")), "{name}");
            served += 1;
        }
    }
    assert!(served > 25, "{served}");
}

#[tokio::test]
async fn a_vcenter_that_goes_away_shows() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let config = Config::with([Vcenter::of(&vcsim).password("wrong")]);
    let here = format!("127.0.0.1:{}", vcsim.port());
    let of_vcenter = |series: &str| series.replace("HERE", &here);
    let serving = Serving::start(&cluster, &config, |options| options.args.push(OPEN.to_owned())).await;
    let refused =
        of_vcenter(r#"vsphere_cloud_vcenter_logins_total{api="soap",outcome="refused",vcenter="HERE"}"#);
    let page = serving
        .get_when("two logins are refused", "/metrics", None, |answer| {
            Exposition::read(&answer.body).value(&refused) == Some(2.0)
        })
        .await;
    let page = Exposition::read(&page.body);
    assert_eq!(page.value(&of_vcenter(r#"vsphere_cloud_vcenter_up{vcenter="HERE"}"#)), Some(0.0));
    let faults = r#"vsphere_cloud_vcenter_requests_total{method="Login",outcome="fault",vcenter="HERE"}"#;
    assert_eq!(page.value(&of_vcenter(faults)), Some(2.0));
    assert_eq!(page.value(r#"cloudprovider_vsphere_api_request_errors{request="Login"}"#), Some(2.0));
}

#[tokio::test]
async fn reloads_are_counted_and_the_configuration_in_use_is_told() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let serving = Serving::start(&cluster, &config, |options| {
        options.args.extend([OPEN.to_owned() + ",/configz", "--config-poll-period=100ms".to_owned()]);
    })
    .await;
    serving.get_when("it leads", "/readyz?verbose", None, |answer| answer.body.contains(": up\n")).await;
    let reloads = async |outcome: &str, successful: f64| {
        let total = format!("vsphere_cloud_config_reload_total{{outcome={outcome:?}}}");
        serving
            .get_when("the reload is counted", "/metrics", None, |answer| {
                let page = Exposition::read(&answer.body);
                page.value(&total) == Some(1.0)
                    && page.value("vsphere_cloud_config_last_reload_successful") == Some(successful)
            })
            .await
    };
    serving.write_config(&config.clone().nodes("internalNetworkSubnetCidr", "10.9.0.0/16").yaml()).unwrap();
    reloads("success", 1.0).await;
    let configz = serving.get("/configz", None).await.body;
    assert!(configz.contains("10.9.0.0/16") && !configz.contains(vcsim.password()), "{configz}");
    serving.write_config("vcenter: [").unwrap();
    reloads("failure", 0.0).await;
    assert!(serving.get("/configz", None).await.body.contains("10.9.0.0/16"));
    assert_eq!(serving.get("/readyz", None).await.status, 200);
}
