//! Upstream's manifest, unchanged but for the image: its arguments, both dialects of its configuration,
//! its Secret, its rights; and the way to our own manifest on top of it.

use std::net::TcpListener;

use serde_json::Value;
use tokio::sync::Mutex;
use xtask::testbed::{Vcsim, VcsimOptions, eventually, workspace};

use super::objects::{Objects, forget_rights_of_tests};
use super::pod::{Pod, ask};
use crate::support::{Cluster, LATER, Request, SOON, names, specs};

/// The port that upstream's arguments leave as it is: one at a time.
const HTTPS: u16 = 10258;
static TURN: Mutex<()> = Mutex::const_new(());

/// The configuration of upstream's manifest in its older dialect.
const INI: &str = "
[Global]
port = \"443\"
insecure-flag = \"1\"
secret-name = \"vsphere-cloud-secret\"
secret-namespace = \"kube-system\"

[VirtualCenter \"10.0.0.1\"]
datacenters = \"DC0\"

[Labels]
region = k8s-region
zone = k8s-zone
";

/// What upstream's roles do not permit, and what the log says then: verb, resource, text.
const MISSING: &[(&str, &str, &str)] = &[("create", "tokenreviews", "create tokenreviews")];

fn upstream(vcsim: &Vcsim, dialect: Option<&str>) -> Objects {
    let mut objects = Objects::parse(include_str!("upstream.yaml"));
    if let Some(other) = dialect {
        objects.name_vcenter("server: 10.0.0.1", |_| other.to_owned(), None);
    }
    let port = vcsim.port();
    let values = |config: &str| config.replace("443", &port.to_string()).replace("10.0.0.1", "127.0.0.1");
    objects.name_vcenter("10.0.0.1", values, None);
    objects.set_credentials("10.0.0.1", vcsim, vcsim.password());
    objects
}

fn pod(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]
}

/// Waits for whoever else on this machine has the port.
async fn port_is_free() {
    eventually("port 10258 is free", LATER * 2, async || TcpListener::bind(("0.0.0.0", HTTPS)).map(drop))
        .await
        .unwrap();
}

#[tokio::test]
async fn upstreams_manifest_starts_us_and_nodes_are_initialised() {
    let _turn = TURN.lock().await;
    let cluster = Cluster::of_its_own().await;
    forget_rights_of_tests(&cluster).await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    for (prefix, dialect) in [("yaml-", None), ("ini-", Some(INI))] {
        let objects = upstream(&vcsim, dialect);
        objects.apply(&cluster).await;
        let daemons = objects.stored(&cluster, "DaemonSet").await;
        let vms = vcsim.create_vms(prefix, 3).await.unwrap();
        cluster.register(&specs(&vms)).await;
        port_is_free().await;
        let manager = Pod::run(&cluster, pod(&daemons), &objects, &[]).await;
        cluster.initialised(&names(&vms), LATER).await;
        // Health is for everybody; for metrics upstream's roles lack a right.
        assert_eq!(ask(HTTPS, "/healthz", None).await.unwrap(), 200);
        assert_eq!(ask(HTTPS, "/metrics", Some("token")).await.unwrap(), 401);
        for (_, _, text) in MISSING {
            manager.wait_for_log(text, SOON).await.unwrap();
        }
        let status = manager.stop(SOON).await.unwrap();
        assert_eq!(status.code(), Some(0), "{}", manager.logs());
        assert!(!manager.logs().contains(" ERROR "), "{}", manager.logs());
    }
    let refused: Vec<Request> = cluster
        .requests_of("cloud-controller-manager")
        .into_iter()
        .filter(|request| request.code == 403)
        .filter(|refused| {
            !MISSING
                .iter()
                .any(|(verb, resource, _)| (*verb, *resource) == (&refused.verb, &refused.resource))
        })
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[tokio::test]
async fn the_daemonset_overlay_replaces_upstreams_objects_and_leaves_its_configuration() {
    let cluster = Cluster::of_its_own().await;
    forget_rights_of_tests(&cluster).await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let (theirs, ours) = (upstream(&vcsim, None), Objects::rendered("overlays/daemonset"));
    theirs.apply(&cluster).await;
    let before = theirs.stored(&cluster, "ConfigMap").await;
    // The selector of a DaemonSet and the role of a binding cannot be changed: this would fail.
    ours.apply(&cluster).await;

    let daemons = ours.stored(&cluster, "DaemonSet").await;
    let containers = pod(&daemons)["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1, "{containers:#?}");
    let image = containers[0]["image"].as_str().unwrap();
    assert!(image.starts_with("vsphere-cloud:"), "{image}");
    let role = ours.stored(&cluster, "ClusterRole").await;
    assert_eq!(role["rules"], ours.only("ClusterRole")["rules"]);
    assert_eq!(theirs.stored(&cluster, "ConfigMap").await["data"], before["data"]);

    // With upstream's configuration and Secret, and our rights only.
    let vms = vcsim.create_vms("daemon-", 3).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let manager = Pod::run(&cluster, pod(&daemons), &theirs, &["--secure-port=0".to_owned()]).await;
    cluster.initialised(&names(&vms), LATER).await;
    manager.stop(SOON).await.unwrap();
    let refused: Vec<Request> = cluster
        .requests_of("cloud-controller-manager")
        .into_iter()
        .filter(|request| request.code == 403)
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");

    // And back.
    theirs.apply(&cluster).await;
    let again = theirs.stored(&cluster, "DaemonSet").await;
    assert_eq!(pod(&again)["containers"][0]["image"], "cloud-provider-vsphere:v1.36.0");
    assert_eq!(pod(&again)["containers"].as_array().unwrap().len(), 1);
}

#[test]
fn the_way_back_removes_what_only_we_have() {
    let theirs = Objects::parse(include_str!("upstream.yaml")).names();
    let mut ours = Objects::rendered("overlays/daemonset").names();
    ours.retain(|name| !theirs.contains(name));
    let expected = [
        "ClusterRoleBinding /vsphere-cloud-controller:auth-delegator",
        "Role kube-system/vsphere-cloud-controller",
        "RoleBinding kube-system/vsphere-cloud-controller",
    ];
    assert_eq!(ours, expected);
    let page = std::fs::read_to_string(workspace().join("docs/moving-from-upstream.md")).unwrap();
    for command in [
        "kubectl -n kube-system delete role,rolebinding vsphere-cloud-controller\n",
        "kubectl delete clusterrolebinding vsphere-cloud-controller:auth-delegator\n",
    ] {
        assert!(page.contains(command), "{command}");
    }
}
