//! What these tests share.

use std::net::TcpListener;
use std::ops::Deref;

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use xtask::testbed::{Manager, ManagerOptions, eventually};

use crate::support::{Cluster, Config, SOON};

/// A port that nobody listens on right now.
pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A manager that serves.
pub(super) struct Serving {
    manager: Manager,
    pub(super) port: u16,
    client: reqwest::Client,
}

impl Deref for Serving {
    type Target = Manager;

    fn deref(&self) -> &Manager {
        &self.manager
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Serving {
    /// Starts one and waits until it serves.
    pub(super) async fn start(
        cluster: &Cluster,
        config: &Config,
        change: impl FnOnce(&mut ManagerOptions),
    ) -> Self {
        let port = free_port();
        let manager = cluster.manager_with(config, |options| {
            options.secure_port = Some(port);
            options.alone = false;
            options.args.push("--bind-address=127.0.0.1".to_owned());
            change(options);
        });
        let this = Self { manager, port, client: careless() };
        eventually("the manager serves", SOON, async || this.try_get("/healthz", None).await).await.unwrap();
        this
    }

    pub(super) async fn try_get(&self, path: &str, token: Option<&str>) -> Result<Answer> {
        self.manager.check()?;
        get(&self.client, self.port, path, token).await
    }

    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.try_get(path, token).await.unwrap()
    }

    /// Waits until the answer is as it should be.
    pub(super) async fn get_when(
        &self,
        what: &str,
        path: &str,
        token: Option<&str>,
        wanted: impl Fn(&Answer) -> bool,
    ) -> Answer {
        let found = eventually(what, SOON, async || {
            let answer = self.try_get(path, token).await?;
            anyhow::ensure!(wanted(&answer), "{answer:?}");
            Ok(answer)
        });
        found.await.unwrap()
    }
}

/// A client that takes any certificate.
pub(super) fn careless() -> reqwest::Client {
    builder().tls_danger_accept_invalid_certs(true).build().unwrap()
}

pub(super) fn builder() -> reqwest::ClientBuilder {
    xtask::init();
    reqwest::Client::builder().no_proxy().timeout(SOON).pool_max_idle_per_host(0)
}

pub(super) async fn get(
    client: &reqwest::Client,
    port: u16,
    path: &str,
    token: Option<&str>,
) -> Result<Answer> {
    let mut request = client.get(format!("https://127.0.0.1:{port}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.context("no answer")?;
    Ok(Answer { status: answer.status().as_u16(), body: answer.text().await? })
}

/// Makes a service account and returns a token of it.
pub(super) async fn account(cluster: &Cluster, name: &str) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client(), "kube-system");
    apply(&accounts, name, json!({"apiVersion": "v1", "kind": "ServiceAccount"})).await;
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}});
    let token: TokenRequest =
        accounts.create_subresource("token", name, &PostParams::default(), &request).await.unwrap();
    token.status.unwrap().token
}

/// Permits a service account to read a path.
pub(super) async fn permit(cluster: &Cluster, account: &str, path: &str) {
    const RBAC: &str = "rbac.authorization.k8s.io/v1";
    let rules = json!([{"nonResourceURLs": [path], "verbs": ["get"]}]);
    let role = json!({"apiVersion": RBAC, "kind": "ClusterRole", "rules": rules});
    apply(&Api::<ClusterRole>::all(cluster.client()), account, role).await;
    bind(cluster, account, account).await;
}

/// Binds a service account to a ClusterRole.
async fn bind(cluster: &Cluster, account: &str, role: &str) {
    apply(
        &Api::<ClusterRoleBinding>::all(cluster.client()),
        &format!("{account}-{}", role.replace(':', "-")),
        binding("ClusterRoleBinding", account, "ClusterRole", role),
    )
    .await;
}

fn binding(kind: &str, account: &str, role_kind: &str, role: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "kube-system"}],
    })
}

/// A kubeconfig of a manager that may delegate: upstream's rights, and those to ask.
pub(super) async fn delegating(cluster: &Cluster) -> std::path::PathBuf {
    const NAME: &str = "delegating-manager";
    let token = account(cluster, NAME).await;
    bind(cluster, NAME, "cloud-controller-manager").await;
    bind(cluster, NAME, "system:auth-delegator").await;
    let reader = binding("RoleBinding", NAME, "Role", "extension-apiserver-authentication-reader");
    apply(&Api::<RoleBinding>::namespaced(cluster.client(), "kube-system"), NAME, reader).await;
    cluster.kube().kubeconfig_with_token(NAME, &token).unwrap()
}

async fn apply<K>(api: &Api<K>, name: &str, mut object: Value)
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    object["metadata"] = json!({"name": name});
    api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.unwrap();
}
