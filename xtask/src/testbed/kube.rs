//! A Kubernetes control plane: etcd and kube-apiserver, and the rest on request.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use ::kube::api::{Api, DeleteParams, ListParams};
use ::kube::config::{Config, KubeConfigOptions, Kubeconfig};
use ::kube::{Client, ResourceExt};
use anyhow::{Context, Result, bail};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Node, ServiceAccount};
use serde_json::json;

use super::process::{Lifeline, Process};
use super::run::RunDir;
use super::wait::{Look, poll};
use super::{Binaries, binaries};

/// For each part to become ready; generous, for machines with one slow core.
const START: Duration = Duration::from_secs(90);
/// The administrator's token. The apiserver listens on loopback only.
const ADMIN: &str = "testbed-admin";
const ATTEMPTS: u32 = 5;

/// How to start a control plane.
#[derive(Debug, Clone, Default)]
pub struct KubeOptions {
    /// More flags for kube-apiserver.
    pub apiserver_args: Vec<String>,
    /// Starts kube-controller-manager too (node lifecycle, service accounts, volumes, …).
    pub controller_manager: bool,
    /// Starts kube-scheduler too.
    pub scheduler: bool,
}

/// A running control plane.
///
/// RBAC is on, TLS is verified. Nodes carry the taints they are given and no others: the
/// admission that marks new nodes as not ready is off.
///
/// Tests with runtimes of their own may share one: its processes belong to no runtime.
#[derive(Debug)]
pub struct Kube {
    // Dropped in this order: the directory last.
    scheduler: OnceLock<Process>,
    controller_manager: OnceLock<Process>,
    apiserver: RwLock<Process>,
    etcd: Process,
    etcd_url: String,
    options: KubeOptions,
    url: String,
    kubeconfig: PathBuf,
    run: RunDir,
}

impl Kube {
    /// Builds what is missing, starts it, and waits until it is ready.
    pub async fn start(options: KubeOptions) -> Result<Self> {
        crate::init();
        let binaries = binaries().await?;
        let run = RunDir::new()?;
        let dir = run.path();
        let keygen =
            Command::new(&binaries.kube).arg("keygen").arg(dir).output().context("cannot run kube keygen")?;
        if !keygen.status.success() {
            bail!("cannot generate keys: {}", String::from_utf8_lossy(&keygen.stderr).trim());
        }
        run.write("tokens.csv", format!("{ADMIN},admin,admin,\"system:masters\"\n"))?;

        let etcd = part(binaries, "etcd", &etcd_args(dir), dir)?;
        let line = etcd.wait_for_line("etcd serves", START, |line| etcd_address(line).is_some()).await?;
        let etcd_url = etcd_address(&line).map(|address| format!("http://{address}")).unwrap_or_default();

        let (apiserver, port) = start_apiserver(binaries, &etcd_url, &options, dir).await?;
        let url = format!("https://127.0.0.1:{port}");
        let kubeconfig = run.write("kubeconfig", kubeconfig(&url, &dir.join("ca.pem"), ADMIN)?)?;
        let (scheduler, controller_manager) = (OnceLock::new(), OnceLock::new());
        let apiserver = RwLock::new(apiserver);
        let kube =
            Self { scheduler, controller_manager, apiserver, etcd, etcd_url, options, url, kubeconfig, run };
        if kube.options.controller_manager {
            kube.start_controller_manager(&[]).await?;
        }
        if kube.options.scheduler {
            kube.start_scheduler(&[]).await?;
        }
        Ok(kube)
    }

    /// The apiserver's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A kubeconfig file of the administrator, self-contained.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Writes a kubeconfig file with another token, such as one of a service account.
    pub fn kubeconfig_with_token(&self, name: &str, token: &str) -> Result<PathBuf> {
        let content = kubeconfig(&self.url, &self.run.path().join("ca.pem"), token)?;
        self.run.write(&format!("{name}.kubeconfig"), content)
    }

    /// The CA of the apiserver's certificate, in PEM.
    pub fn ca(&self) -> Result<String> {
        let path = self.run.path().join("ca.pem");
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// A client as administrator.
    ///
    /// Each call makes a new one: a client lives in the runtime in which it was made.
    pub async fn client(&self) -> Result<Client> {
        client(&self.kubeconfig).await
    }

    /// Kills the apiserver, as a node that fails does; etcd stays. It comes back with
    /// [`start_apiserver`](Self::start_apiserver).
    pub fn stop_apiserver(&self) -> Result<()> {
        self.apiserver.read().unwrap_or_else(PoisonError::into_inner).kill().map(drop)
    }

    /// Starts an apiserver in the place of the one that was stopped, at the same address, and waits
    /// until it is ready.
    pub async fn start_apiserver(&self) -> Result<()> {
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok()).context("no port")?;
        let dir = self.run.path();
        let args = apiserver_args(dir, &self.etcd_url, port, &self.options);
        let process = part(binaries().await?, "kube-apiserver", &args, dir)?;
        ready(&process, &self.kubeconfig).await?;
        *self.apiserver.write().unwrap_or_else(PoisonError::into_inner) = process;
        Ok(())
    }

    /// An error if a part ended by itself.
    pub fn check(&self) -> Result<()> {
        let more = self.controller_manager.get().into_iter().chain(self.scheduler.get());
        [&self.etcd].into_iter().chain(more).try_for_each(Process::check)?;
        self.apiserver.read().unwrap_or_else(PoisonError::into_inner).check()
    }

    /// Starts kube-controller-manager, and waits until it works.
    pub async fn start_controller_manager(&self, args: &[&str]) -> Result<&Process> {
        let dir = self.run.path();
        let fixed = [
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            "--use-service-account-credentials=true".to_owned(),
            flag("kubeconfig", &self.kubeconfig),
            flag("service-account-private-key-file", &dir.join("sa.key")),
            flag("root-ca-file", &dir.join("ca.pem")),
        ];
        let process =
            self.start_part(&self.controller_manager, "kube-controller-manager", &fixed, args).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, "default");
        poll("kube-controller-manager makes the default service account", START, || async {
            process.check()?;
            Ok(match accounts.get_opt("default").await {
                Ok(Some(_)) => Look::Done(()),
                Ok(None) => Look::NotYet("there is none".to_owned()),
                Err(error) => Look::NotYet(error.to_string()),
            })
        })
        .await?;
        Ok(process)
    }

    /// Starts kube-scheduler.
    pub async fn start_scheduler(&self, args: &[&str]) -> Result<&Process> {
        let fixed = [
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            flag("kubeconfig", &self.kubeconfig),
        ];
        self.start_part(&self.scheduler, "kube-scheduler", &fixed, args).await
    }

    async fn start_part<'a>(
        &self,
        slot: &'a OnceLock<Process>,
        name: &str,
        fixed: &[String],
        args: &[&str],
    ) -> Result<&'a Process> {
        let args: Vec<String> = fixed.iter().cloned().chain(args.iter().map(ToString::to_string)).collect();
        let process = part(binaries().await?, name, &args, self.run.path())?;
        if slot.set(process).is_err() {
            bail!("{name} was started before");
        }
        slot.get().with_context(|| format!("{name} is not there"))
    }

    /// Deletes all nodes, events and leader elections, for the next test.
    pub async fn wipe(&self) -> Result<()> {
        let client = self.client().await?;
        let (delete, all) = (DeleteParams::background().grace_period(0), ListParams::default());
        let nodes: Api<Node> = Api::all(client.clone());
        nodes.delete_collection(&delete, &all).await.context("cannot delete the nodes")?;
        for namespace in ["default", "kube-system"] {
            let events: Api<Event> = Api::namespaced(client.clone(), namespace);
            events.delete_collection(&delete, &all).await.context("cannot delete the events")?;
        }
        let leases: Api<Lease> = Api::namespaced(client, "kube-system");
        for lease in leases.list_metadata(&all).await.context("cannot list the leases")? {
            // The apiserver's own lease is how it knows itself.
            if !lease.name_any().starts_with("apiserver-") {
                let deleted = leases.delete(&lease.name_any(), &delete).await;
                deleted.map(drop).or_else(|error| if is_not_found(&error) { Ok(()) } else { Err(error) })?;
            }
        }
        poll("all nodes are gone", Duration::from_secs(30), || async {
            let left = nodes.list_metadata(&all).await?.items;
            Ok(if left.is_empty() { Look::Done(()) } else { Look::NotYet(held_back(&left)) })
        })
        .await
    }
}

impl Drop for Kube {
    fn drop(&mut self) {
        // A directory that is kept is kept for its logs.
        let _ = self.stop_apiserver();
        let _ = self.etcd.kill();
        let _ = std::fs::remove_dir_all(self.run.path().join("etcd"));
    }
}

fn is_not_found(error: &::kube::Error) -> bool {
    matches!(error, ::kube::Error::Api(status) if status.code == 404)
}

fn held_back<K: ResourceExt>(left: &[K]) -> String {
    let first =
        left.iter().take(3).map(|node| format!("{} (finalizers {:?})", node.name_any(), node.finalizers()));
    format!("{} left, such as {}", left.len(), first.collect::<Vec<_>>().join(", "))
}

fn part(binaries: &Binaries, name: &str, args: &[String], dir: &Path) -> Result<Process> {
    let mut command = Command::new(&binaries.kube);
    command.args(["--die-with-parent", name]).args(args);
    Process::spawn(name, command, dir, Lifeline::Stdin)
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// The kernel chooses the ports of etcd; one member never talks to its peers.
fn etcd_args(dir: &Path) -> Vec<String> {
    let fixed = [
        "--listen-client-urls=http://127.0.0.1:0",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--enable-grpc-gateway=false",
        "--unsafe-no-fsync",
        "--log-level=info",
    ];
    fixed.into_iter().map(str::to_owned).chain([flag("data-dir", &dir.join("etcd"))]).collect()
}

/// The address in the line with which etcd says that it serves clients.
fn etcd_address(line: &str) -> Option<String> {
    if !line.contains("serving client traffic") {
        return None;
    }
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(line["address"].as_str()?.to_owned())
}

/// Another process may take the port between our look and the apiserver's start.
async fn start_apiserver(
    binaries: &Binaries,
    etcd: &str,
    options: &KubeOptions,
    dir: &Path,
) -> Result<(Process, u16)> {
    let mut attempt = 1;
    loop {
        let port = free_port()?;
        let args = apiserver_args(dir, etcd, port, options);
        let process = part(binaries, "kube-apiserver", &args, dir)?;
        let config = dir.join("starting.kubeconfig");
        std::fs::write(
            &config,
            kubeconfig(&format!("https://127.0.0.1:{port}"), &dir.join("ca.pem"), ADMIN)?,
        )
        .with_context(|| format!("cannot write {}", config.display()))?;
        match ready(&process, &config).await {
            Ok(()) => return Ok((process, port)),
            Err(_) if attempt < ATTEMPTS && process.logs().contains("address already in use") => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn ready(apiserver: &Process, kubeconfig: &Path) -> Result<()> {
    let client = client(kubeconfig).await?;
    poll("kube-apiserver is ready", START, || async {
        apiserver.check()?;
        let request = ::kube::core::Request::new("/readyz").list(&ListParams::default())?;
        Ok(match client.request_text(request).await {
            Ok(_) => Look::Done(()),
            Err(error) => Look::NotYet(error.to_string()),
        })
    })
    .await
}

fn apiserver_args(dir: &Path, etcd: &str, port: u16, options: &KubeOptions) -> Vec<String> {
    let mut args = vec![
        format!("--etcd-servers={etcd}"),
        format!("--secure-port={port}"),
        flag("tls-cert-file", &dir.join("serving.pem")),
        flag("tls-private-key-file", &dir.join("serving.key")),
        flag("cert-dir", &dir.join("certs")),
        flag("token-auth-file", &dir.join("tokens.csv")),
        flag("service-account-key-file", &dir.join("sa.pub")),
        flag("service-account-signing-key-file", &dir.join("sa.key")),
    ];
    let fixed = [
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        "--authorization-mode=Node,RBAC",
        "--disable-admission-plugins=TaintNodesByCondition",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        "--profiling=false",
    ];
    args.extend(fixed.into_iter().map(str::to_owned));
    args.extend(options.apiserver_args.iter().cloned());
    args
}

/// A port that nobody listens on right now.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot find a free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("cannot find a free port on 127.0.0.1")?.port())
}

/// JSON is YAML; the CA is in it, so that the file can be copied.
fn kubeconfig(url: &str, ca: &Path, token: &str) -> Result<String> {
    let ca = std::fs::read(ca).with_context(|| format!("cannot read {}", ca.display()))?;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": {
            "server": url,
            "certificate-authority-data": k8s_openapi::ByteString(ca),
        }}],
        "users": [{"name": "testbed", "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
    });
    Ok(format!("{config:#}\n"))
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let context = || format!("cannot make a client of {}", kubeconfig.display());
    let kubeconfig = Kubeconfig::read_from(kubeconfig).with_context(context)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .with_context(context)?;
    config.proxy_url = None;
    Client::try_from(config).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only if a start may be spawned on a runtime of many threads.
    #[expect(dead_code, reason = "its types are the test")]
    fn a_start_can_move_between_threads() {
        fn assert_send(_: impl Send) {}
        assert_send(Kube::start(KubeOptions::default()));
        assert_send(crate::testbed::Vcsim::start(crate::testbed::VcsimOptions::default()));
    }

    #[test]
    fn the_address_of_etcd_is_read_from_its_log() {
        let line = r#"{"level":"info","msg":"serving client traffic insecurely; this is strongly discouraged!","traffic":"grpc+http","address":"127.0.0.1:42475"}"#;
        assert_eq!(etcd_address(line).as_deref(), Some("127.0.0.1:42475"));
        let peer = r#"{"level":"info","msg":"serving peer traffic","address":"127.0.0.1:39715"}"#;
        assert_eq!(etcd_address(peer), None);
    }
}
