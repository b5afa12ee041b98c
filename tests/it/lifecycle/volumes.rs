//! Dead nodes release their volumes.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::api::storage::v1::VolumeAttachment;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use xtask::testbed::{Power, eventually};

use super::common::{LONG, has_shutdown_taint, hasty, hasty_with, initialise, vcenter};
use crate::support::{Cluster, Config, LATER, QUIET, SOON};

const TAINT: &str = "node.kubernetes.io/out-of-service";
const ANNOTATION: &str = "vsphere-cloud.io/out-of-service";
const DRIVER: &str = "csi.example.com";
/// A machine that was switched off is dead a moment later.
const IMPATIENT: &[&str] = &["--out-of-service-grace=1s"];

pub(super) fn is_out_of_service(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    taints.into_iter().flatten().any(|taint| {
        (taint.key.as_str(), taint.value.as_deref(), taint.effect.as_str())
            == (TAINT, Some("nodeshutdown"), "NoExecute")
    })
}

fn is_marked(node: &Node) -> bool {
    node.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(ANNOTATION))
}

/// A cluster whose manager may see which nodes hold volumes, which upstream's roles do not permit.
pub(super) async fn cluster() -> Cluster {
    let cluster = Cluster::of_its_own().await;
    let rules =
        json!([{"apiGroups": ["storage.k8s.io"], "resources": ["volumeattachments"], "verbs": ["list"]}]);
    let named = json!({"name": "volumes"});
    let subject =
        json!({"kind": "ServiceAccount", "name": "cloud-controller-manager", "namespace": "kube-system"});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "volumes"});
    let roles: Api<ClusterRole> = Api::all(cluster.client());
    create(&roles, json!({"metadata": named, "rules": rules})).await;
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client());
    create(&bindings, json!({"metadata": named, "roleRef": role, "subjects": [subject]})).await;
    cluster
}

async fn create<K>(api: &Api<K>, object: Value) -> K
where
    K: kube::Resource + Clone + serde::Serialize + DeserializeOwned + std::fmt::Debug,
{
    let object: K = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap()
}

fn attachments(cluster: &Cluster) -> Api<VolumeAttachment> {
    Api::all(cluster.client())
}

/// Attaches a volume to a node, as the attach-detach controller does.
pub(super) async fn attach(cluster: &Cluster, name: &str, node: &str) {
    let spec = json!({"attacher": DRIVER, "nodeName": node, "source": {"persistentVolumeName": name}});
    create(&attachments(cluster), json!({"metadata": {"name": name}, "spec": spec})).await;
}

#[tokio::test]
async fn only_dead_nodes_with_volumes_are_out_of_service_until_they_are_back() {
    let cluster = cluster().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("dead-", 5).await.unwrap();
    let [off, empty, hand, runs, suspended] = ["dead-0", "dead-1", "dead-2", "dead-3", "dead-4"];
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), IMPATIENT);
    initialise(&cluster, &vms).await;
    for node in [off, hand, runs, suspended] {
        attach(&cluster, &format!("csi-{node}"), node).await;
    }
    let taint = json!({"spec": {"taints": [{"key": TAINT, "value": "nodeshutdown", "effect": "NoExecute"}]}});
    cluster.nodes().patch(hand, &PatchParams::default(), &Patch::Strategic(taint)).await.unwrap();
    for node in [off, empty, hand] {
        vcsim.power(node, Power::PoweredOff).await.unwrap();
    }
    vcsim.power(suspended, Power::Suspended).await.unwrap();
    for vm in &vms {
        cluster.set_ready(&vm.name, false).await;
    }
    let node = cluster.node_when("it is out of service", off, is_out_of_service).await;
    assert!(is_marked(&node));
    cluster.event(off, "OutOfService").await;
    tokio::time::sleep(LONG).await;
    for node in [empty, runs, suspended] {
        assert!(!is_out_of_service(&cluster.node(node).await), "{node}");
    }
    assert!(!is_marked(&cluster.node(hand).await));

    // Running is enough: the proof is void.
    vcsim.power(off, Power::PoweredOn).await.unwrap();
    let back = |node: &Node| !is_out_of_service(node) && !is_marked(node);
    cluster.node_when("it is back in service", off, back).await;
    cluster.event(off, "BackInService").await;
    for node in [off, hand] {
        cluster.set_ready(node, true).await;
        cluster.node_when("the shutdown taint is gone", node, |node| !has_shutdown_taint(node)).await;
    }
    tokio::time::sleep(QUIET).await;
    assert!(is_out_of_service(&cluster.node(hand).await), "what a person sets, a person removes");
}

#[tokio::test]
async fn the_node_of_a_machine_that_is_gone_is_deleted_when_its_volumes_are_released() {
    let cluster = cluster().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("lost-", 3).await.unwrap();
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &["--out-of-service-release-timeout=4s"]);
    initialise(&cluster, &vms).await;
    for node in ["lost-0", "lost-1"] {
        attach(&cluster, &format!("csi-{node}"), node).await;
    }
    for vm in &vms {
        vcsim.delete_vm(&vm.name).await.unwrap();
        cluster.set_ready(&vm.name, false).await;
    }
    cluster.deleted("lost-2", SOON).await;
    for node in ["lost-0", "lost-1"] {
        cluster.node_when("it is out of service", node, is_out_of_service).await;
    }
    attachments(&cluster).delete("csi-lost-0", &DeleteParams::default()).await.unwrap();
    cluster.deleted("lost-0", SOON).await;
    // Nobody releases this one; the node is not kept for ever.
    cluster.deleted("lost-1", SOON).await;
    assert!(attachments(&cluster).get_opt("csi-lost-1").await.unwrap().is_some());
    let events = cluster.event("lost-1", "OutOfService").await;
    assert!(events.contains("is gone"), "{events}");
}

#[tokio::test]
async fn without_the_right_or_the_wish_no_node_is_out_of_service() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("blind-", 1).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let unwilling =
        hasty_with(&cluster, &config, &["--out-of-service-taint=false", "--out-of-service-grace=1ms"]);
    initialise(&cluster, &vms).await;
    vcsim.power("blind-0", Power::PoweredOff).await.unwrap();
    cluster.set_ready("blind-0", false).await;
    cluster.node_when("the shutdown taint is there", "blind-0", has_shutdown_taint).await;
    tokio::time::sleep(QUIET).await;
    let missing = "may not list volumeattachments.storage.k8s.io";
    assert!(!unwilling.logs().contains(missing), "it has not even asked");
    unwilling.stop(SOON).await.unwrap();
    let manager = hasty_with(&cluster, &config, IMPATIENT);
    manager.wait_for_log(missing, SOON).await.unwrap();
    tokio::time::sleep(QUIET).await;
    assert_eq!(manager.logs().matches(missing).count(), 1, "it is said once");
    assert!(!is_out_of_service(&cluster.node("blind-0").await));
}

/// Kubernetes' controllers that matter here. Nothing is heard of nodes but what the test says, for as long
/// as it takes. (Taints are looked at by an index that the node controller makes.)
const CONTROLLERS: &[&str] = &[
    "--controllers=serviceaccount-controller,persistentvolume-attach-detach-controller,\
     pod-garbage-collector-controller,taint-eviction-controller,node-lifecycle-controller",
    "--node-monitor-grace-period=5m",
];

/// A pod with a volume on this node, and the node as its kubelet has it once it is mounted.
async fn mount(cluster: &Cluster, node: &str) {
    let volumes: Api<PersistentVolume> = Api::all(cluster.client());
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client(), "default");
    let pods: Api<Pod> = Api::namespaced(cluster.client(), "default");
    let (modes, size) = (json!(["ReadWriteOnce"]), json!({"storage": "1Gi"}));
    let spec = json!({"accessModes": modes, "resources": {"requests": size}, "volumeName": "data", "storageClassName": ""});
    let claim = create(&claims, json!({"metadata": {"name": "data"}, "spec": spec})).await;
    let reference = json!({"kind": "PersistentVolumeClaim", "namespace": "default", "name": "data", "uid": claim.metadata.uid});
    let csi = json!({"driver": DRIVER, "volumeHandle": "data"});
    let spec = json!({"accessModes": modes, "capacity": size, "csi": csi, "claimRef": reference});
    create(&volumes, json!({"metadata": {"name": "data"}, "spec": spec})).await;
    let bound = Patch::Merge(json!({"status": {"phase": "Bound", "accessModes": modes, "capacity": size}}));
    claims.patch_status("data", &PatchParams::default(), &bound).await.unwrap();
    let bound = Patch::Merge(json!({"status": {"phase": "Bound"}}));
    volumes.patch_status("data", &PatchParams::default(), &bound).await.unwrap();

    cluster.annotate(node, "volumes.kubernetes.io/controller-managed-attach-detach", Some("true")).await;
    let spec = json!({
        "nodeName": node,
        "containers": [{"name": "database", "image": "registry.example.com/database:1"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    });
    create(&pods, json!({"metadata": {"name": "database-0"}, "spec": spec})).await;
    let attachment = eventually("the volume is attached", LATER, async || {
        let list = attachments(cluster).list(&ListParams::default()).await?;
        list.items.into_iter().next().ok_or_else(|| anyhow::anyhow!("there is no VolumeAttachment"))
    });
    let name = attachment.await.unwrap().metadata.name.unwrap();
    // What the driver's attacher and the kubelet say.
    let attached = Patch::Merge(json!({"status": {"attached": true}}));
    attachments(cluster).patch_status(&name, &PatchParams::default(), &attached).await.unwrap();
    let container = json!({
        "name": "database", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
    });
    let running = Patch::Merge(json!({"status": {"phase": "Running", "containerStatuses": [container]}}));
    pods.patch_status("database-0", &PatchParams::default(), &running).await.unwrap();
    let in_use = json!({"volumesInUse": [format!("kubernetes.io/csi/{DRIVER}^data")]});
    cluster.patch_status(node, in_use).await;
    cluster
        .node_when("the controller knows that it is attached", node, |node| {
            let status = node.status.as_ref();
            status.and_then(|status| status.volumes_attached.as_ref()).is_some_and(|all| !all.is_empty())
        })
        .await;
}

#[tokio::test]
async fn kubernetes_detaches_the_volumes_of_a_machine_that_is_off_at_once() {
    let cluster = cluster().await;
    cluster.kube().start_controller_manager(CONTROLLERS).await.unwrap();
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("held-", 1).await.unwrap();
    let manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    mount(&cluster, "held-0").await;
    manager.stop(SOON).await.unwrap();

    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), IMPATIENT);
    vcsim.power("held-0", Power::PoweredOff).await.unwrap();
    cluster.set_ready("held-0", false).await;
    // The pod collector comes round every 20 s. Without the taint it takes six minutes, and the pod stays.
    let pods: Api<Pod> = Api::namespaced(cluster.client(), "default");
    let deadline = Duration::from_mins(1);
    let released = eventually("the volume is released", deadline, async || {
        let left = attachments(&cluster).list(&ListParams::default()).await?.items.len();
        anyhow::ensure!(left == 0, "{left} VolumeAttachments");
        anyhow::ensure!(pods.get_opt("database-0").await?.is_none(), "its successor may not start");
        Ok(())
    });
    released.await.unwrap();
    assert!(cluster.has("held-0").await);
}
