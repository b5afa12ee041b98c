//! The manifests as the API server sees them: complete, strict, and no more than is needed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use xtask::testbed::{RunDir, workspace};

use super::objects::Objects;
use crate::support::Cluster;

const ALL: [&str; 4] = ["", "base", "overlays/single-control-plane", "overlays/daemonset"];

fn workload(objects: &Objects) -> &Value {
    let mut found = objects.iter().filter(|object| object["spec"]["template"].is_object());
    found.next().expect("no workload")
}

#[tokio::test]
async fn the_api_server_takes_every_object_without_an_unknown_field() {
    let cluster = Cluster::get().await;
    for directory in ALL {
        Objects::rendered(directory).check(&cluster).await;
    }
    Objects::secret().check(&cluster).await;
    Objects::parse(&std::fs::read_to_string(workspace().join("config/secret.yaml")).unwrap())
        .check(&cluster)
        .await;
}

#[test]
fn the_directory_itself_is_its_base() {
    assert_eq!(Objects::rendered("").names(), Objects::rendered("base").names());
    let secrets: usize =
        ALL.map(|directory| Objects::rendered(directory).of_kind("Secret").count()).iter().sum();
    assert_eq!(secrets, 0, "applying it would overwrite credentials");
}

#[test]
fn two_replicas_never_share_a_node_and_an_update_needs_no_third_one() {
    let objects = Objects::rendered("base");
    let spec = &objects.only("Deployment")["spec"];
    assert_eq!(spec["replicas"], 2);
    assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxSurge": 0, "maxUnavailable": 1}));
    let pod = &spec["template"];
    let apart =
        &pod["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
    assert_eq!(apart["topologyKey"], "kubernetes.io/hostname");
    assert_eq!(apart["labelSelector"]["matchLabels"], spec["selector"]["matchLabels"]);
    assert_eq!(pod["metadata"]["labels"], spec["selector"]["matchLabels"]);
}

#[test]
fn with_one_control_plane_node_there_is_one_replica_and_nothing_else_is_different() {
    let (base, single) = (Objects::rendered("base"), Objects::rendered("overlays/single-control-plane"));
    assert_eq!(base.names(), single.names());
    let (mut wanted, found) = (base.only("Deployment").clone(), single.only("Deployment"));
    wanted["spec"]["replicas"] = 1.into();
    wanted["spec"]["strategy"] = json!({"type": "Recreate"});
    assert_eq!(*found, wanted);
}

#[test]
fn the_daemonset_has_upstreams_names_and_the_same_pods() {
    let (base, daemons) = (Objects::rendered("base"), Objects::rendered("overlays/daemonset"));
    // Neither configuration nor credentials of who comes from upstream.
    let expected = [
        "ClusterRole /system:cloud-controller-manager",
        "ClusterRoleBinding /system:cloud-controller-manager",
        "ClusterRoleBinding /vsphere-cloud-controller:auth-delegator",
        "DaemonSet kube-system/vsphere-cloud-controller-manager",
        "Role kube-system/vsphere-cloud-controller",
        "RoleBinding kube-system/servicecatalog.k8s.io:apiserver-authentication-reader",
        "RoleBinding kube-system/vsphere-cloud-controller",
        "ServiceAccount kube-system/cloud-controller-manager",
    ];
    assert_eq!(daemons.names(), expected);
    for binding in daemons.of_kind("ClusterRoleBinding").chain(daemons.of_kind("RoleBinding")) {
        let subjects = json!([{"kind": "ServiceAccount", "name": "cloud-controller-manager", "namespace": "kube-system"}]);
        assert_eq!(binding["subjects"], subjects, "{binding}");
    }
    let mut wanted = workload(&base)["spec"]["template"]["spec"].clone();
    wanted["serviceAccountName"] = "cloud-controller-manager".into();
    wanted["containers"][0]["name"] = "vsphere-cloud-controller-manager".into();
    wanted["affinity"].as_object_mut().unwrap().remove("podAntiAffinity");
    assert_eq!(workload(&daemons)["spec"]["template"]["spec"], wanted);
    // And the same rights.
    for (kind, old, new) in [
        ("ClusterRole", "vsphere-cloud-controller", "system:cloud-controller-manager"),
        ("Role", "vsphere-cloud-controller", "vsphere-cloud-controller"),
    ] {
        assert_eq!(base.named(kind, old)["rules"], daemons.named(kind, new)["rules"]);
    }
}

#[test]
fn pods_are_locked_down_and_run_before_anything_else_does() {
    for directory in ALL {
        let objects = Objects::rendered(directory);
        let pod = &workload(&objects)["spec"]["template"]["spec"];
        let id = 65532;
        assert_eq!(
            pod["securityContext"],
            json!({"runAsNonRoot": true, "runAsUser": id, "runAsGroup": id, "seccompProfile": {"type": "RuntimeDefault"}})
        );
        let container = &pod["containers"][0];
        assert_eq!(
            container["securityContext"],
            json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
        );
        assert_eq!(container["resources"]["limits"]["cpu"], Value::Null);
        for amount in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
            assert!(container["resources"].pointer(amount).is_some(), "{amount}");
        }
        // Neither the network plugin nor cluster DNS, which wait for us.
        assert_eq!((&pod["hostNetwork"], &pod["dnsPolicy"]), (&json!(true), &json!("Default")));
        assert_eq!(pod["priorityClassName"], "system-node-critical");
        let tolerated: BTreeSet<&str> =
            pod["tolerations"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
        let expected = [
            "node-role.kubernetes.io/control-plane",
            "node-role.kubernetes.io/master",
            "node.cloudprovider.kubernetes.io/uninitialized",
            "node.kubernetes.io/not-ready",
        ];
        assert_eq!(tolerated, expected.into());
        for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            let expected = json!({"host": "127.0.0.1", "port": 10258, "scheme": "HTTPS", "path": path});
            assert_eq!(container[probe]["httpGet"], expected);
        }
        // A name that an administrator replaces, never somebody's registry.
        let image = container["image"].as_str().unwrap();
        assert_eq!(image, format!("vsphere-cloud:{}", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn no_right_is_a_wildcard_and_no_secret_can_be_read_but_the_one_that_is_named() {
    for directory in ALL {
        let objects = Objects::rendered(directory);
        for role in objects.of_kind("ClusterRole").chain(objects.of_kind("Role")) {
            for rule in role["rules"].as_array().unwrap() {
                assert!(!rule.to_string().contains('*'), "{rule}");
                if rule.to_string().contains("secrets") {
                    assert_eq!(role["kind"], "Role");
                    assert_eq!(rule["resourceNames"], json!(["vsphere-cloud-secret"]));
                }
            }
        }
    }
}

#[test]
fn the_configuration_of_the_manifest_is_one() {
    let objects = Objects::rendered("base");
    let text = objects.only("ConfigMap")["data"]["vsphere.conf"].as_str().unwrap();
    let run = RunDir::new().unwrap();
    let path = run.write("vsphere.conf", text).unwrap();
    let loaded =
        vsphere_cloud::config::load_file(&path, vsphere_cloud::config::Options { strict: true }).unwrap();
    let [vcenter] = loaded.config.vcenters.as_slice() else { panic!("{:?}", loaded.config) };
    let secret = objects_secret_name(&vcenter.credentials);
    assert_eq!(secret, "kube-system/vsphere-cloud-secret");
    // And the Secret that is shown has what it asks for.
    let shown = Objects::secret();
    assert!(shown.only("Secret")["stringData"][format!("{}.username", vcenter.server)].is_string());
}

fn objects_secret_name(credentials: &vsphere_cloud::config::CredentialSource) -> String {
    match credentials {
        vsphere_cloud::config::CredentialSource::Secret(secret) => secret.to_string(),
        other => panic!("{other:?}"),
    }
}
