//! Runs a container of a pod specification as a kubelet does: the image's files and the volumes are
//! the whole file system (chroot), the user and the arguments are the specification's, the account is
//! known from the files that every pod gets, and nobody says where the configuration is but the
//! arguments.
//!
//! chroot is for root only. Anybody else runs the same arguments with the paths of the files in place
//! of `/etc/cloud`, and `--kubeconfig` in addition, and is told so.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::ops::Deref;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use xtask::testbed::{Lifeline, Process, RunDir, workspace};

use super::objects::Objects;
use crate::support::{Cluster, product};

/// Where a pod finds its account.
const ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";
/// The image's entry point.
const ENTRY_POINT: &str = "bin/vsphere-cloud-controller-manager";
/// The image's user, for pods that name none.
const IMAGE_USER: u64 = 65532;

/// What cannot be tested without chroot.
pub(super) const THE_IMAGE: &str = "the image's file system";

/// A container that runs.
#[derive(Debug)]
pub(super) struct Pod {
    process: Process,
    /// Where its files are, as seen from here.
    root: PathBuf,
    _run: RunDir,
}

impl Deref for Pod {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// The parts of a pod specification that a container runs by.
#[derive(Debug)]
struct Container<'a> {
    args: Vec<String>,
    user: u64,
    group: u64,
    /// Path, and files by name.
    mounts: Vec<(String, &'a Value)>,
}

impl<'a> Container<'a> {
    fn of(spec: &Value, objects: &'a Objects) -> Self {
        let container = &spec["containers"][0];
        let id = |key: &str| {
            let own = container["securityContext"][key].as_u64();
            own.or_else(|| spec["securityContext"][key].as_u64())
        };
        let args = container["args"].as_array().unwrap().iter();
        let mounts = container["volumeMounts"].as_array().unwrap().iter().map(|mount| {
            assert_eq!(mount["readOnly"], true, "{mount}");
            let volumes = spec["volumes"].as_array().unwrap();
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
            let map = objects.named("ConfigMap", volume["configMap"]["name"].as_str().unwrap());
            (mount["mountPath"].as_str().unwrap().to_owned(), &map["data"])
        });
        Self {
            args: args.map(|arg| arg.as_str().unwrap().to_owned()).collect(),
            user: id("runAsUser").unwrap_or(IMAGE_USER),
            group: id("runAsGroup").unwrap_or(0),
            mounts: mounts.collect(),
        }
    }
}

impl Pod {
    /// Runs the container of `spec` with the ConfigMaps among `objects`; `more` are further arguments.
    pub(super) async fn run(cluster: &Cluster, spec: &Value, objects: &Objects, more: &[String]) -> Self {
        let mut container = Container::of(spec, objects);
        container.args.extend_from_slice(more);
        let token = cluster.token_of(spec["serviceAccountName"].as_str().unwrap()).await;
        let run = RunDir::new().unwrap();
        let root = run.path().join("root");
        let command = if may_chroot(THE_IMAGE) {
            confined(&root, &container, cluster, &token)
        } else {
            unconfined(&root, &container, cluster, &token)
        };
        let process = Process::spawn("pod", command, run.path(), Lifeline::Watchdog).unwrap();
        Self { process, root, _run: run }
    }

    /// Whether anything was written into its file system.
    pub(super) fn written(&self) -> Vec<PathBuf> {
        let tmp = std::fs::read_dir(self.root.join("tmp")).into_iter().flatten();
        tmp.flatten().map(|entry| entry.path()).collect()
    }
}

/// Whether what needs root is possible here. If not, it is said and counted, past the test's own output.
pub(crate) fn may_chroot(what: &str) -> bool {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let id = Command::new("id").arg("-u").output().unwrap();
    let root = id.stdout.trim_ascii() == b"0";
    if !root {
        let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
        let why = "because chroot is for root only";
        let _ = writeln!(std::io::stderr(), "NOT TESTED ({count}): {what}, {why}");
    }
    root
}

/// The image of the product, laid out as the Dockerfile does: `runtime` and `program`.
pub(super) fn image() -> &'static Path {
    static IMAGE: OnceLock<RunDir> = OnceLock::new();
    let laid_out = IMAGE.get_or_init(|| {
        let run = RunDir::new().unwrap();
        let script = workspace().join("scripts/image-root");
        let output = Command::new(script).arg(product()).arg(run.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        run
    });
    laid_out.path()
}

/// Puts the image's layers on each other. Hard links: the files are never written to.
pub(crate) fn unpack_image(root: &Path) {
    std::fs::create_dir(root).unwrap();
    for layer in ["runtime", "program"] {
        let status =
            Command::new("cp").arg("-al").arg(image().join(layer).join(".")).arg(root).status().unwrap();
        assert!(status.success(), "{layer}");
    }
    // As with readOnlyRootFilesystem.
    std::fs::set_permissions(root.join("tmp"), PermissionsExt::from_mode(0o555)).unwrap();
}

/// chroot with coreutils' options, whatever the PATH.
pub(crate) fn chroot(root: &Path, user: u64, group: u64) -> Command {
    let paths = ["/usr/sbin/chroot", "/usr/bin/chroot", "/sbin/chroot", "/bin/chroot"];
    let program = paths.into_iter().find(|path| Path::new(path).exists()).expect("there is no chroot");
    let mut command = Command::new(program);
    // A pod gets nothing of our environment.
    command.env_clear().arg(format!("--userspec={user}:{group}")).arg("--groups=").arg(root);
    command
}

fn confined(root: &Path, container: &Container<'_>, cluster: &Cluster, token: &str) -> Command {
    unpack_image(root);
    for (path, files) in &container.mounts {
        put(&root.join(path.trim_start_matches('/')), &strings(files));
    }
    let ca = cluster.kube().ca().unwrap();
    let account = [("token", token), ("ca.crt", &ca), ("namespace", "kube-system")];
    put(&root.join(ACCOUNT), &account.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
    let mut command = chroot(root, container.user, container.group);
    command.arg(format!("/{ENTRY_POINT}")).args(&container.args);
    command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
    command.env("KUBERNETES_SERVICE_PORT", cluster.port().to_string());
    command
}

fn unconfined(root: &Path, container: &Container<'_>, cluster: &Cluster, token: &str) -> Command {
    std::fs::create_dir_all(root.join("bin")).unwrap();
    let program = root.join(ENTRY_POINT);
    symlink(product(), &program).unwrap();
    let mapped = |text: &str| {
        container.mounts.iter().fold(text.to_owned(), |text, (path, _)| {
            text.replace(path, &root.join(path.trim_start_matches('/')).display().to_string())
        })
    };
    for (path, files) in &container.mounts {
        let files = strings(files).into_iter().map(|(name, text)| (name, mapped(&text))).collect();
        put(&root.join(path.trim_start_matches('/')), &files);
    }
    let mut command = Command::new(program);
    command.env_clear().args(container.args.iter().map(|arg| mapped(arg)));
    command.arg("--kubeconfig").arg(cluster.kube().kubeconfig_with_token("pod", token).unwrap());
    command
}

fn strings(files: &Value) -> BTreeMap<String, String> {
    let files = files.as_object().unwrap().iter();
    files.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned())).collect()
}

fn put(directory: &Path, files: &BTreeMap<String, String>) {
    std::fs::create_dir_all(directory).unwrap();
    for (name, text) in files {
        std::fs::write(directory.join(name), text).unwrap();
    }
}

/// A port that nobody listens on right now.
pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Asks the manager's server as a kubelet or Prometheus does; the status code.
pub(super) async fn ask(port: u16, path: &str, token: Option<&str>) -> Result<u16, reqwest::Error> {
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build()?;
    let mut request = client.get(format!("https://127.0.0.1:{port}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Ok(request.send().await?.status().as_u16())
}
