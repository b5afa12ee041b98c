//! The manager as the service account of the manifests, with their configuration and arguments: it has
//! every right that it needs, and needs every right that it has.

use std::collections::BTreeSet;

use serde_json::Value;
use xtask::testbed::{Vcsim, VcsimOptions, eventually};

use super::objects::Objects;
use super::pod::{Pod, ask, free_port};
use crate::support::{Cluster, LATER, Request, SOON, names, specs};

const ACCOUNT: &str = "vsphere-cloud-controller";

/// Rights that this test does not see used: resource, verb, and when they are.
const RARE: &[(&str, &str, &str)] = &[
    ("events", "patch", "the same Event again, no sooner than five minutes after the first"),
    ("secrets", "get", "for one look at it; the manager itself lists and watches"),
];

/// Somebody without any right.
const STRANGER: &str =
    "{apiVersion: v1, kind: ServiceAccount, metadata: {name: stranger, namespace: kube-system}}";

/// A right that a role gives.
#[derive(Debug)]
struct Right<'a> {
    /// `None`: everywhere.
    namespace: Option<&'a str>,
    group: &'a str,
    resource: &'a str,
    names: Vec<&'a str>,
    verb: &'a str,
}

impl Right<'_> {
    fn covers(&self, request: &Request) -> bool {
        self.namespace.is_none_or(|namespace| namespace == request.namespace)
            && (self.group, self.resource, self.verb) == (&request.group, &request.resource, &request.verb)
            && (self.names.is_empty() || self.names.contains(&request.name.as_str()))
    }
}

fn rights(objects: &Objects) -> Vec<Right<'_>> {
    fn texts(value: &Value) -> Vec<&str> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }
    let mut found = Vec::new();
    for role in objects.of_kind("ClusterRole").chain(objects.of_kind("Role")) {
        let namespace = role["metadata"]["namespace"].as_str();
        for rule in role["rules"].as_array().unwrap() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    let names = texts(&rule["resourceNames"]);
                    for verb in texts(&rule["verbs"]) {
                        found.push(Right { namespace, group, resource, names: names.clone(), verb });
                    }
                }
            }
        }
    }
    found
}

/// The manifests with the vCenter named in them as they advise.
fn installation(vcsim: &Vcsim) -> Objects {
    let mut objects = Objects::rendered("base");
    let port = vcsim.port();
    let name_vcenter = |config: &str| {
        let server = format!("server: 127.0.0.1\n    port: {port}");
        config.replace("server: vc.example.com", &server).replace("# caFile:", "caFile:")
    };
    objects.name_vcenter("server: vc.example.com", name_vcenter, Some(vcsim.ca()));
    objects
}

/// Arguments beside those of the manifest: where it serves, and to be quick about nodes that are gone.
fn flags(port: u16) -> Vec<String> {
    let hasty = ["--node-monitor-period=300ms", "--deletion-confirm-after=1s"];
    let mut flags = hasty.map(str::to_owned).to_vec();
    flags.push(format!("--secure-port={port}"));
    flags
}

#[tokio::test]
async fn the_account_of_the_manifests_may_do_all_that_is_needed_and_nothing_else() {
    let cluster = Cluster::of_its_own().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let (objects, mut secret) = (installation(&vcsim), Objects::secret());
    secret.set_credentials("vc.example.com", &vcsim, "wrong");
    objects.apply(&cluster).await;
    secret.apply(&cluster).await;
    let deployment = objects.stored(&cluster, "Deployment").await;
    let pod = &deployment["spec"]["template"]["spec"];

    // Two replicas; on one node here, so each has a port of its own.
    let https = free_port();
    let leader = Pod::run(&cluster, pod, &objects, &flags(https)).await;
    leader.wait_for_log("the lease is ours", SOON).await.unwrap();
    let second = free_port();
    let standby = Pod::run(&cluster, pod, &objects, &flags(second)).await;

    let vms = vcsim.create_vms("right-", 4).await.unwrap();
    cluster.register(&specs(&vms[..3])).await;
    leader.wait_for_log("refuses the login", SOON).await.unwrap();
    secret.set_credentials("127.0.0.1", &vcsim, vcsim.password());
    secret.apply(&cluster).await;
    cluster.initialised(&names(&vms[..3]), SOON).await;

    // What the kubelet asks for, and a Prometheus that nobody gave a right to.
    // Both replicas are ready, or an update would never end.
    for (port, path) in [(https, "/livez"), (https, "/readyz"), (second, "/livez"), (second, "/readyz")] {
        eventually(path, SOON, async || match ask(port, path, None).await? {
            200 => Ok(()),
            code => anyhow::bail!("{code}"),
        })
        .await
        .unwrap();
    }
    Objects::parse(STRANGER).apply(&cluster).await;
    let stranger = cluster.token_of("stranger").await;
    assert_eq!(ask(https, "/metrics", Some(&stranger)).await.unwrap(), 403);

    vcsim.delete_vm("right-0").await.unwrap();
    cluster.set_ready("right-0", false).await;
    cluster.deleted("right-0", LATER).await;

    // The other one goes on.
    leader.stop(SOON).await.unwrap();
    cluster.register(&specs(&vms[3..])).await;
    cluster.initialised(&names(&vms[3..]), LATER).await;
    standby.stop(SOON).await.unwrap();
    assert_eq!((leader.written(), standby.written()), (Vec::new(), Vec::new()));

    let requests = cluster.requests_of(ACCOUNT);
    let refused: Vec<&Request> = requests.iter().filter(|request| request.code == 403).collect();
    assert!(refused.is_empty(), "a right is missing: {refused:#?}");

    let unused: BTreeSet<(&str, &str)> = rights(&objects)
        .iter()
        .filter(|right| !requests.iter().any(|request| right.covers(request)))
        .map(|right| (right.resource, right.verb))
        .collect();
    let rare: BTreeSet<(&str, &str)> = RARE.iter().map(|(resource, verb, _)| (*resource, *verb)).collect();
    assert_eq!(unused, rare, "rights that nobody uses, and those that were thought to be so");

    // What the two bindings to roles of Kubernetes' own are for.
    let asked = |verb: &str, resource: &str| {
        requests.iter().any(|request| request.verb == verb && request.resource == resource)
    };
    for (verb, resource) in
        [("create", "tokenreviews"), ("create", "subjectaccessreviews"), ("get", "configmaps")]
    {
        assert!(asked(verb, resource), "nobody {verb}s {resource}");
    }
}

#[tokio::test]
async fn without_the_rights_that_are_not_needed_for_it_nodes_are_initialised_and_the_log_says_what_is_missing()
 {
    let cluster = Cluster::of_its_own().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let (mut objects, mut secret) = (installation(&vcsim), Objects::secret());
    secret.set_credentials("vc.example.com", &vcsim, vcsim.password());
    objects.revoke("ClusterRole", "events", "create");
    objects.revoke("ClusterRole", "nodes", "delete");
    objects.revoke("ClusterRole", "volumeattachments", "list");
    objects.remove("ClusterRoleBinding", "vsphere-cloud-controller:auth-delegator");
    objects.remove("RoleBinding", "vsphere-cloud-controller:apiserver-authentication-reader");
    objects.apply(&cluster).await;
    secret.apply(&cluster).await;
    let deployment = objects.stored(&cluster, "Deployment").await;
    let port = free_port();
    let manager = Pod::run(&cluster, &deployment["spec"]["template"]["spec"], &objects, &flags(port)).await;

    let vms = vcsim.create_vms("modest-", 2).await.unwrap();
    cluster.register(&specs(&vms)).await;
    cluster.initialised(&names(&vms), LATER).await;
    assert_eq!(ask(port, "/livez", None).await.unwrap(), 200);
    assert_eq!(ask(port, "/metrics", Some("token")).await.unwrap(), 401);
    vcsim.delete_vm("modest-0").await.unwrap();
    cluster.set_ready("modest-0", false).await;
    for said in [
        "an Event was not written",
        "the Node could not be written",
        "may not list volumeattachments.storage.k8s.io",
        "create tokenreviews",
        "get ConfigMap kube-system/extension-apiserver-authentication",
    ] {
        manager.wait_for_log(said, LATER).await.unwrap();
    }
    assert!(cluster.has("modest-0").await);
    manager.check().unwrap();
}
