//! What these tests share.

use std::net::TcpListener;

use xtask::testbed::{Manager, ManagerOptions, Object, Vcsim, VcsimOptions};

use super::load::Load;
use super::pulse::Pulse;
use crate::support::{Cluster, Config, Proxy};

/// Nodes of the cluster.
const NODES: usize = 500;

const REGION: &str = "k8s-region";
const ZONE: &str = "k8s-zone";

/// A cluster, a vCenter, and one manager between them that is never restarted.
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) vcsim: Vcsim,
    /// The manager's way to the API server.
    pub(super) proxy: Proxy,
    pub(super) manager: Manager,
    pub(super) load: Load,
    pub(super) pulse: Pulse,
}

impl World {
    /// Everything is up, and all nodes are registered.
    pub(super) async fn start() -> Self {
        // Its API server is restarted: nobody else may have it.
        let cluster = Cluster::of_its_own().await;
        let vcsim = tagged().await;
        let vms = vcsim.create_vms("load-", NODES).await.unwrap();
        let proxy = Proxy::to(cluster.port());
        let port = free_port();
        let manager = cluster.manager_with(&Config::of(&[&vcsim]).labels(REGION, ZONE), |options| {
            options.kubeconfig = cluster.kubeconfig_via(proxy.port());
            options.alone = false;
            options.args = [
                // REST is asked all the time, too.
                "--tag-refresh-period=1s",
                // Longer than the API server is away, so that a leader waits for it as well as a standby.
                "--leader-elect-lease-duration=20s",
                "--leader-elect-renew-deadline=16s",
            ]
            .map(str::to_owned)
            .into();
            serve(options, port);
        });
        let load = Load::register(&cluster, vms).await;
        Self { cluster, vcsim, proxy, manager, load, pulse: Pulse::of(port) }
    }

    /// The manager's resident memory, in bytes.
    pub(super) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.manager.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }
}

/// A vCenter whose datacenter is in a region and a zone.
pub(super) async fn tagged() -> Vcsim {
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let datacenter = Object::Named("Datacenter", "DC0");
    vcsim.tag(REGION, "r", datacenter).await.unwrap();
    vcsim.tag(ZONE, "z", datacenter).await.unwrap();
    vcsim
}

/// Has a manager serve health at this port.
pub(super) fn serve(options: &mut ManagerOptions, port: u16) {
    options.secure_port = Some(port);
    options.args.push("--bind-address=127.0.0.1".to_owned());
}

/// A port that nobody listens on right now.
pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
