//! Manifests as objects, and what administrators do with them.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};
use xtask::testbed::{Vcsim, build_kustomize, workspace};

use crate::support::{Cluster, tell};

/// Objects of a manifest.
#[derive(Debug, Clone)]
pub(super) struct Objects(Vec<Value>);

impl Objects {
    /// The documents of a file.
    pub(super) fn parse(yaml: &str) -> Self {
        Self(serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}")))
    }

    /// What `kubectl apply -k` makes of a directory below `manifests/vsphere-cloud-controller`.
    pub(super) fn rendered(directory: &str) -> Self {
        static KUSTOMIZE: OnceLock<std::path::PathBuf> = OnceLock::new();
        let kustomize = KUSTOMIZE.get_or_init(|| build_kustomize(&tell).unwrap());
        let directory = manifests().join(directory);
        let output = Command::new(kustomize).arg("build").arg(&directory).output().unwrap();
        let (printed, errors) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kustomize build {}: {errors}", directory.display());
        assert!(errors.is_empty(), "kustomize build {}: {errors}", directory.display());
        Self::parse(&printed)
    }

    /// The Secret that administrators are shown.
    pub(super) fn secret() -> Self {
        Self::parse(&std::fs::read_to_string(manifests().join("base/secret.yaml")).unwrap())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// The only one of its kind.
    pub(super) fn only(&self, kind: &str) -> &Value {
        let found: Vec<&Value> = self.of_kind(kind).collect();
        assert_eq!(found.len(), 1, "objects of kind {kind}");
        found[0]
    }

    pub(super) fn named(&self, kind: &str, name: &str) -> &Value {
        let mut all = self.of_kind(kind);
        all.find(|object| object["metadata"]["name"] == name).unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// `kind namespace/name`, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = |object: &Value| {
            let meta = &object["metadata"];
            format!("{} {}/{}", text(&object["kind"]), text(&meta["namespace"]), text(&meta["name"]))
        };
        let mut names: Vec<String> = self.iter().map(name).collect();
        names.sort();
        names
    }

    /// Writes the vCenter into the configuration in place of the example, as administrators do.
    pub(super) fn name_vcenter(&mut self, example: &str, change: impl Fn(&str) -> String, ca: Option<&Path>) {
        for object in &mut self.0 {
            let Some(config) = object["data"]["vsphere.conf"].as_str().map(str::to_owned) else { continue };
            assert!(config.contains(example), "the example has changed:\n{config}");
            object["data"]["vsphere.conf"] = change(&config).into();
            if let Some(ca) = ca {
                object["data"]["vcenter-ca.pem"] = std::fs::read_to_string(ca).unwrap().into();
            }
        }
    }

    /// Writes the credentials of a vCenter into the Secret in place of those of `example`.
    pub(super) fn set_credentials(&mut self, example: &str, vcsim: &Vcsim, password: &str) {
        for object in self.0.iter_mut().filter(|object| object["kind"] == "Secret") {
            assert!(object["stringData"][format!("{example}.username")].is_string(), "{object}");
            object["stringData"] =
                json!({"127.0.0.1.username": vcsim.user(), "127.0.0.1.password": password});
        }
    }

    /// Takes rules out of a role, as administrators do who want to grant less.
    pub(super) fn revoke(&mut self, kind: &str, resource: &str, verb: &str) {
        let mut count = 0;
        for role in self.0.iter_mut().filter(|object| object["kind"] == kind) {
            role["rules"].as_array_mut().unwrap().retain(|rule| {
                let has = |key: &str, text: &str| rule[key].as_array().unwrap().iter().any(|it| it == text);
                let meant = has("resources", resource) && has("verbs", verb);
                count += usize::from(meant);
                !meant
            });
        }
        assert_eq!(count, 1, "rules about {verb} {resource}");
    }

    /// Takes an object out.
    pub(super) fn remove(&mut self, kind: &str, name: &str) {
        let before = self.0.len();
        self.0.retain(|object| object["kind"] != kind || object["metadata"]["name"] != name);
        assert_eq!(self.0.len() + 1, before, "{kind} {name}");
    }

    /// Applies all, with every unknown or duplicate field refused.
    pub(super) async fn apply(&self, cluster: &Cluster) {
        for object in &self.0 {
            apply(cluster, object, false).await;
        }
    }

    /// As it would be applied; nothing is written.
    pub(super) async fn check(&self, cluster: &Cluster) {
        for object in &self.0 {
            apply(cluster, object, true).await;
        }
    }

    /// What the API server has of an object, with its defaults.
    pub(super) async fn stored(&self, cluster: &Cluster, kind: &str) -> Value {
        let object = self.only(kind);
        let stored = api(cluster, object).get(object["metadata"]["name"].as_str().unwrap()).await.unwrap();
        serde_json::to_value(stored).unwrap()
    }
}

fn manifests() -> std::path::PathBuf {
    workspace().join("manifests/vsphere-cloud-controller")
}

/// As `kubectl apply --server-side` has it, with one manager for all: what an earlier manifest of the
/// same object had and this one has not, is removed.
async fn apply(cluster: &Cluster, object: &Value, dry: bool) {
    let mut parameters = PatchParams::apply("administrator").validation_strict();
    parameters.dry_run = dry;
    let name = object["metadata"]["name"].as_str().unwrap();
    let applied = api(cluster, object).patch(name, &parameters, &Patch::Apply(object)).await;
    applied.unwrap_or_else(|error| panic!("{} {name} is refused: {error}", object["kind"]));
}

fn api(cluster: &Cluster, object: &Value) -> Api<DynamicObject> {
    let text = |key: &str| object[key].as_str().unwrap();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("kind")));
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(cluster.client(), namespace, &resource),
        None => Api::all_with(cluster.client(), &resource),
    }
}

/// Takes from upstream's account the rights that the tests' clusters give it, so that it has those of
/// the manifest only.
pub(super) async fn forget_rights_of_tests(cluster: &Cluster) {
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client());
    bindings.delete("cloud-controller-manager", &DeleteParams::default()).await.unwrap();
}
