//! Clusters: a few API servers that tests take turns with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Event, Node, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use xtask::testbed::{Kube, KubeOptions, Manager, ManagerOptions, NodeSpec, RunDir, eventually};

use super::audit::{Audit, POLICY, Request};
use super::{Config, SOON, is_tainted, product};

/// Who the manager is.
pub(crate) const MANAGER_ACCOUNT: &str = "system:serviceaccount:kube-system:cloud-controller-manager";
/// A manager sees all nodes of its cluster, so each test has a cluster of its own, for a while.
const CLUSTERS: usize = 3;

static PERMITS: Semaphore = Semaphore::const_new(CLUSTERS);
static IDLE: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// An API server that outlives tests; it ends with the process.
#[derive(Debug)]
struct Running {
    kube: Kube,
    manager_kubeconfig: PathBuf,
    audit_log: PathBuf,
    _run: RunDir,
}

/// An empty cluster, for one test.
pub(crate) struct Cluster {
    running: Option<Running>,
    client: Client,
    audit: Audit,
    /// Ends with the test.
    own: bool,
    _permit: SemaphorePermit<'static>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let running = self.running.take().filter(|running| !self.own && running.kube.check().is_ok());
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).extend(running);
    }
}

impl Cluster {
    /// Waits for one that is free.
    pub(crate) async fn get() -> Self {
        let permit = PERMITS.acquire().await.unwrap();
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let running = match idle {
            Some(running) => {
                running.kube.wipe().await.unwrap();
                running
            }
            None => Running::start(&[]).await,
        };
        let client = running.kube.client().await.unwrap();
        let audit = Audit::begin(running.audit_log.clone());
        Self { running: Some(running), client, audit, own: false, _permit: permit }
    }

    /// One that no other test gets afterwards: for tests that install things which stay.
    pub(crate) async fn of_its_own() -> Self {
        let mut cluster = Self::get().await;
        cluster.own = true;
        cluster
    }

    /// One that no other test gets afterwards, whose API server has these flags.
    pub(crate) async fn with_flags(flags: &[&str]) -> Self {
        let permit = PERMITS.acquire().await.unwrap();
        let running = Running::start(flags).await;
        let client = running.kube.client().await.unwrap();
        let audit = Audit::begin(running.audit_log.clone());
        Self { running: Some(running), client, audit, own: true, _permit: permit }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn kube(&self) -> &Kube {
        &self.running().kube
    }

    /// The API server's port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.kube().url().rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn nodes(&self) -> Api<Node> {
        Api::all(self.client())
    }

    /// A kubeconfig file with no more rights than upstream's manifests give.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.running().manager_kubeconfig.clone()
    }

    /// The same, by another way to the API server.
    pub(crate) fn kubeconfig_via(&self, port: u16) -> PathBuf {
        let text = std::fs::read_to_string(self.kubeconfig()).unwrap();
        let other = format!("https://127.0.0.1:{port}");
        let path = self.kubeconfig().with_extension(format!("via-{port}"));
        std::fs::write(&path, text.replace(self.kube().url(), &other)).unwrap();
        path
    }

    /// Starts the product, without leader election.
    pub(crate) fn manager(&self, config: &Config) -> Manager {
        self.manager_with(config, |_| ())
    }

    /// Starts the product in another way.
    pub(crate) fn manager_with(&self, config: &Config, change: impl FnOnce(&mut ManagerOptions)) -> Manager {
        let mut options = ManagerOptions::new(product(), config.yaml(), self.kubeconfig());
        options.alone = true;
        change(&mut options);
        Manager::start(&options).unwrap()
    }

    /// Registers nodes, as kubelets do.
    pub(crate) async fn register(&self, specs: &[NodeSpec]) {
        self.kube().create_nodes(specs).await.unwrap();
    }

    pub(crate) async fn node(&self, name: &str) -> Node {
        self.nodes().get(name).await.unwrap()
    }

    /// Everything about all nodes but their annotations, and what counts changes.
    pub(crate) async fn nodes_but_annotations(&self) -> Vec<Node> {
        let mut nodes = self.nodes().list(&ListParams::default()).await.unwrap().items;
        for node in &mut nodes {
            node.metadata.annotations = None;
            node.metadata.managed_fields = None;
            node.metadata.resource_version = None;
        }
        nodes
    }

    /// Waits until these nodes are initialised, and returns them in this order.
    pub(crate) async fn initialised(&self, names: &[&str], deadline: Duration) -> Vec<Node> {
        let ready = eventually("the nodes are initialised", deadline, async || {
            let mut nodes: BTreeMap<String, Node> = self
                .nodes()
                .list(&ListParams::default())
                .await?
                .into_iter()
                .map(|n| (n.name_any(), n))
                .collect();
            let waiting: Vec<&str> =
                names.iter().copied().filter(|name| nodes.get(*name).is_none_or(is_tainted)).collect();
            if let Some(first) = waiting.first() {
                let events: Vec<String> = self.events(first).await.iter().map(say).collect();
                anyhow::bail!("{} are not, such as {first}: {events:?}", waiting.len());
            }
            Ok(names.iter().map(|name| nodes.remove(*name).unwrap()).collect())
        });
        ready.await.unwrap()
    }

    /// Waits until a node is as it should be, and returns it.
    pub(crate) async fn node_when(&self, what: &str, name: &str, wanted: impl Fn(&Node) -> bool) -> Node {
        self.node_within(SOON, what, name, wanted).await
    }

    /// The same, for what takes another time.
    pub(crate) async fn node_within(
        &self,
        deadline: Duration,
        what: &str,
        name: &str,
        wanted: impl Fn(&Node) -> bool,
    ) -> Node {
        let found = eventually(what, deadline, async || {
            let node = self.nodes().get(name).await?;
            anyhow::ensure!(wanted(&node), "{}", json!({"spec": node.spec, "labels": node.metadata.labels}));
            Ok(node)
        });
        found.await.unwrap()
    }

    /// Waits until there is no node of this name.
    pub(crate) async fn deleted(&self, name: &str, deadline: Duration) {
        let what = format!("node {name} is deleted");
        let gone = eventually(&what, deadline, async || {
            if self.nodes().get_opt(name).await?.is_none() {
                return Ok(());
            }
            let events: Vec<String> = self.events(name).await.iter().map(say).collect();
            anyhow::bail!("it is there: {events:?}")
        });
        gone.await.unwrap();
    }

    /// Whether there is a node of this name.
    pub(crate) async fn has(&self, name: &str) -> bool {
        self.nodes().get_opt(name).await.unwrap().is_some()
    }

    /// Says that a node is ready, as its kubelet does, or that nothing is heard of it, as the node
    /// controller does.
    pub(crate) async fn set_ready(&self, name: &str, ready: bool) {
        let status = if ready { "True" } else { "Unknown" };
        let condition = json!({"type": "Ready", "status": status, "reason": "Test"});
        self.patch_status(name, json!({"conditions": [condition]})).await;
    }

    /// Changes a node's status, as its kubelet does.
    pub(crate) async fn patch_status(&self, name: &str, status: Value) {
        let patch = Patch::Strategic(json!({"status": status}));
        self.nodes().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Sets an annotation of a node, or removes it.
    pub(crate) async fn annotate(&self, name: &str, key: &str, value: Option<&str>) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {key: value}}}));
        self.nodes().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// The events of a node.
    pub(crate) async fn events(&self, node: &str) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.client(), "default");
        let of_node =
            ListParams::default().fields(&format!("involvedObject.kind=Node,involvedObject.name={node}"));
        events.list(&of_node).await.unwrap().items
    }

    /// Waits for an event of a node, and returns its message.
    pub(crate) async fn event(&self, node: &str, reason: &str) -> String {
        let what = format!("{node} has an event {reason}");
        let event = eventually(&what, SOON, async || {
            let events = self.events(node).await;
            let found = events.iter().find(|event| event.reason.as_deref() == Some(reason));
            found
                .and_then(|event| event.message.clone())
                .ok_or_else(|| format!("{:?}", events.iter().map(say).collect::<Vec<_>>()))
        });
        event.await.unwrap()
    }

    /// The Lease that managers have leader election on, if there is one.
    pub(crate) async fn lease(&self) -> Option<LeaseSpec> {
        let lease = self.leases().get_opt("cloud-controller-manager").await.unwrap();
        lease.map(|lease| lease.spec.unwrap_or_default())
    }

    pub(crate) fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client(), "kube-system")
    }

    /// How often the manager wrote what; see the audit log.
    pub(crate) fn writes(&self) -> BTreeMap<String, usize> {
        self.audit.writes(MANAGER_ACCOUNT)
    }

    /// What a service account in `kube-system` has asked for; see the audit log.
    pub(crate) fn requests_of(&self, account: &str) -> Vec<Request> {
        self.audit.requests(&format!("system:serviceaccount:kube-system:{account}"))
    }

    /// A token of a service account in `kube-system`, as a pod gets it.
    pub(crate) async fn token_of(&self, account: &str) -> String {
        token(&Api::namespaced(self.client(), "kube-system"), account).await
    }

    /// The manager's writes to nodes.
    pub(crate) fn node_writes(&self) -> BTreeMap<String, usize> {
        let others = [" events", " leases"];
        let is_node = |write: &str| !others.iter().any(|other| write.contains(other));
        self.writes().into_iter().filter(|(write, _)| is_node(write)).collect()
    }

    /// Removes what an earlier test may have left.
    pub(crate) async fn delete_secret(&self, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.client(), "kube-system");
        let _ = secrets.delete(name, &DeleteParams::default()).await;
    }

    /// Creates a Secret in `kube-system`, or replaces what is in it.
    pub(crate) async fn put_secret(&self, name: &str, data: &[(&str, &str)]) {
        let data: BTreeMap<&str, &str> = data.iter().copied().collect();
        let secrets: Api<Secret> = Api::namespaced(self.client(), "kube-system");
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": "kube-system"}, "stringData": data,
        });
        secrets.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(secret)).await.unwrap();
    }
}

fn say(event: &Event) -> String {
    format!(
        "{} {}",
        event.reason.as_deref().unwrap_or_default(),
        event.message.as_deref().unwrap_or_default()
    )
}

impl Running {
    async fn start(flags: &[&str]) -> Self {
        let run = RunDir::new().unwrap();
        let policy = run.write("audit-policy.yaml", POLICY).unwrap();
        let audit_log = run.path().join("audit.log");
        let mut apiserver_args = vec![
            format!("--audit-policy-file={}", policy.display()),
            format!("--audit-log-path={}", audit_log.display()),
        ];
        apiserver_args.extend(flags.iter().map(ToString::to_string));
        let kube = Kube::start(KubeOptions { apiserver_args, ..KubeOptions::default() }).await.unwrap();
        let token = manager_account(&kube.client().await.unwrap()).await;
        let manager_kubeconfig = kube.kubeconfig_with_token("manager", &token).unwrap();
        Self { kube, manager_kubeconfig, audit_log, _run: run }
    }
}

/// Makes the manager's service account with the rights that upstream's manifests give it.
async fn manager_account(client: &Client) -> String {
    const NAME: &str = "cloud-controller-manager";
    let post = PostParams::default();
    let named = |kind: &str, version: &str, more: Value| {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": NAME}});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let rules = [
        rule("", &["events"], &["create", "patch", "update"]),
        rule("", &["nodes"], &["*"]),
        rule("", &["nodes/status"], &["patch"]),
        rule("", &["services"], &["list", "patch", "update", "watch"]),
        rule("", &["services/status"], &["patch"]),
        rule("", &["serviceaccounts"], &["create", "get", "list", "watch", "update"]),
        rule("", &["persistentvolumes"], &["get", "list", "update", "watch"]),
        rule("", &["endpoints"], &["create", "get", "list", "watch", "update"]),
        rule("discovery.k8s.io", &["endpointslices"], &["get", "list", "watch"]),
        rule("", &["secrets"], &["get", "list", "watch"]),
        rule("coordination.k8s.io", &["leases"], &["get", "list", "watch", "create", "update"]),
    ];
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "kube-system");
    let account = named("ServiceAccount", "v1", json!({}));
    accounts.create(&post, &serde_json::from_value(account).unwrap()).await.unwrap();

    let roles: Api<ClusterRole> = Api::all(client.clone());
    let role = named("ClusterRole", "rbac.authorization.k8s.io/v1", json!({"rules": rules}));
    roles.create(&post, &serde_json::from_value(role).unwrap()).await.unwrap();

    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let subject = json!({"kind": "ServiceAccount", "name": NAME, "namespace": "kube-system"});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME});
    let binding = json!({"roleRef": role, "subjects": [subject]});
    let binding = named("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", binding);
    bindings.create(&post, &serde_json::from_value(binding).unwrap()).await.unwrap();

    token(&accounts, NAME).await
}

async fn token(accounts: &Api<ServiceAccount>, name: &str) -> String {
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}});
    let token: TokenRequest =
        accounts.create_subresource("token", name, &PostParams::default(), &request).await.unwrap();
    token.status.unwrap().token
}
