//! What these tests share.

use k8s_openapi::api::core::v1::Node;
use xtask::testbed::{Manager, Object, Vcsim, VcsimOptions, VmSpec};

use crate::support::{Cluster, Config, label};

pub(super) const REGION: &str = "k8s-region";
pub(super) const ZONE: &str = "k8s-zone";

pub(super) const DATACENTER: Object<'_> = Object::Named("Datacenter", "DC0");

pub(super) async fn vcenter(seed: &str) -> Vcsim {
    Vcsim::start(VcsimOptions { seed: seed.into(), clusters: 2, hosts: 2, ..VcsimOptions::default() })
        .await
        .unwrap()
}

/// A vCenter whose datacenter is in region `r` and zone `z`.
pub(super) async fn tagged(options: VcsimOptions) -> Vcsim {
    let vcsim = Vcsim::start(options).await.unwrap();
    vcsim.tag(REGION, "r", DATACENTER).await.unwrap();
    vcsim.tag(ZONE, "z", DATACENTER).await.unwrap();
    vcsim
}

pub(super) fn on_host(name: &str, host: &str) -> VmSpec {
    VmSpec { host: Some(host.into()), ..VmSpec::named(name) }
}

/// Where the vCenters are, and which tags are zones.
pub(super) fn config(vcsims: &[&Vcsim]) -> Config {
    Config::of(vcsims).labels(REGION, ZONE)
}

/// Starts a manager that reads tags every second.
pub(super) fn attentive(cluster: &Cluster, config: &Config, flags: &[&str]) -> Manager {
    cluster.manager_with(config, |options| {
        options.args.push("--tag-refresh-period=1s".into());
        options.args.extend(flags.iter().map(ToString::to_string));
    })
}

/// Region and zone of a node; both spellings must agree.
pub(super) fn place(node: &Node) -> (Option<&str>, Option<&str>) {
    let [region, zone] = ["region", "zone"].map(|what| {
        let new = label(node, &format!("topology.kubernetes.io/{what}"));
        assert_eq!(new, label(node, &format!("failure-domain.beta.kubernetes.io/{what}")));
        new
    });
    (region, zone)
}
