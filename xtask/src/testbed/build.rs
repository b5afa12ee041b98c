//! Builds the testbed's Go programs, once per state of their sources.

use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use super::fingerprint;

/// The programs of the testbed.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// etcd, kube-apiserver, kube-controller-manager and kube-scheduler in one.
    pub kube: PathBuf,
    /// The simulated vCenter.
    pub vcsim: PathBuf,
}

/// News from a build, for people.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Something that is worth a line of its own.
    Line(String),
    /// The compiler came to a package; replaces the last one on a display.
    Package {
        /// The program that is being built.
        program: &'a str,
        /// Packages compiled so far.
        done: usize,
        /// The package's import path, or what Go says it is doing.
        name: &'a str,
    },
}

/// A Go module below `tests/testbed` that makes one program.
struct Module {
    name: &'static str,
    parts: &'static str,
    patience: &'static str,
    /// What is built: the module's own program, or one of another module that it requires.
    package: &'static str,
}

const KUBE: Module = Module {
    name: "kube",
    parts: "etcd, kube-apiserver, kube-controller-manager, kube-scheduler",
    patience: "about 4 minutes the first time",
    package: ".",
};
const VCSIM: Module = Module {
    name: "vcsim",
    parts: "the simulated vCenter",
    patience: "about half a minute the first time",
    package: ".",
};
const PEERS: Module = Module {
    name: "peers",
    parts: "kubernetes/cloud-provider-vsphere, to be compared with",
    patience: "about 4 minutes the first time",
    package: "k8s.io/cloud-provider-vsphere/cmd/vsphere-cloud-controller-manager",
};
const KUSTOMIZE: Module = Module {
    name: "kustomize",
    parts: "what `kubectl apply -k` renders manifests with",
    patience: "about a minute the first time",
    package: "sigs.k8s.io/kustomize/kustomize/v5",
};

/// The workspace's directory.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where the testbed keeps what it makes: `testbed` in Cargo's target directory.
pub(super) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    workspace().join(target.map_or_else(|| PathBuf::from("target"), PathBuf::from)).join("testbed")
}

/// Builds what is missing or out of date, and returns where the programs are.
///
/// Any number of threads and processes may do so at once: one builds, the others wait.
pub fn build(progress: &dyn Fn(Progress<'_>)) -> Result<Binaries> {
    // The simulator first: it is the smaller one, and fails sooner if Go does not work at all.
    let vcsim = VCSIM.build(progress)?;
    let kube = KUBE.build(progress)?;
    Ok(Binaries { kube, vcsim })
}

/// Builds upstream's manager, which benches and some tests need, and returns where it is.
pub fn build_peer(progress: &dyn Fn(Progress<'_>)) -> Result<PathBuf> {
    PEERS.build(progress)
}

/// Builds kustomize, and returns where it is.
pub fn build_kustomize(progress: &dyn Fn(Progress<'_>)) -> Result<PathBuf> {
    KUSTOMIZE.build(progress)
}

/// Builds everything that any test or bench needs.
pub fn build_all(progress: &dyn Fn(Progress<'_>)) -> Result<Binaries> {
    let binaries = build(progress)?;
    build_kustomize(progress)?;
    build_peer(progress)?;
    Ok(binaries)
}

/// The version of upstream's manager, as in its module's `go.mod`.
pub fn peer_version() -> Result<String> {
    let path = workspace().join("tests/testbed").join(PEERS.name).join("go.mod");
    let go_mod = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let version = required_version(&go_mod, "k8s.io/cloud-provider-vsphere");
    Ok(version.with_context(|| format!("{} names no version of upstream", path.display()))?.to_owned())
}

impl Module {
    fn build(&self, progress: &dyn Fn(Progress<'_>)) -> Result<PathBuf> {
        let name = self.name;
        let dir = workspace().join("tests/testbed").join(name);
        let bin = target().join("bin");
        let binary = bin.join(name);
        let stamp = bin.join(format!("{name}.stamp"));
        let go_mod = fs::read_to_string(dir.join("go.mod"))
            .with_context(|| format!("cannot read go.mod of the testbed's {name} in {}", dir.display()))?;
        let sources = fingerprint::of_module(&dir)?;
        let go = go_version(&dir);
        let up_to_date = |stored: Option<String>| {
            binary.is_file() && stored.is_some_and(|stored| is_current(&stored, &sources, go.as_deref().ok()))
        };
        if up_to_date(fs::read_to_string(&stamp).ok()) {
            return Ok(binary);
        }
        let go = match &go {
            Ok(go) => go,
            Err(error) => bail!("{}", explain_missing_go(name, &go_mod, error)),
        };
        check_go(name, &go_mod, go)?;

        fs::create_dir_all(&bin).with_context(|| format!("cannot create {}", bin.display()))?;
        let _lock = lock(&bin.join(format!("{name}.lock")), name, progress)?;
        if up_to_date(fs::read_to_string(&stamp).ok()) {
            return Ok(binary);
        }
        progress(Progress::Line(format!("building {name} ({}): {}", self.parts, self.patience)));
        let started = Instant::now();
        let fresh = bin.join(format!(".{name}.new"));
        self.compile(&dir, &fresh, &go_mod, progress)?;
        // The stamp goes first and comes last: a binary with a stamp is never another's.
        let _ = fs::remove_file(&stamp);
        fs::rename(&fresh, &binary)
            .and_then(|()| fs::write(&stamp, format!("{sources}\n{go}\n")))
            .with_context(|| format!("cannot put {} in its place", binary.display()))?;
        progress(Progress::Line(format!("built {name} in {:.0} s", started.elapsed().as_secs_f64())));
        Ok(binary)
    }

    fn compile(&self, dir: &Path, out: &Path, go_mod: &str, progress: &dyn Fn(Progress<'_>)) -> Result<()> {
        // Tests that need this one wait for it; those that do not are not slowed down.
        let mut command = Command::new("nice");
        command.current_dir(dir).args(["-n", "15", "go"]);
        command.args(["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", &link_flags(go_mod), "-o"]);
        command.arg(out).arg(self.package);
        // The same binary whatever the developer's settings are.
        command.envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")]);
        command.env_remove("GOOS").env_remove("GOARCH");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run go build")?;
        let stderr = child.stderr.take().context("go build has no standard error")?;
        let mut other = Vec::new();
        let mut done = 0;
        for line in BufReader::new(stderr).lines() {
            let line = line.context("cannot read the output of go build")?;
            if let Some(download) = line.strip_prefix("go: ") {
                progress(Progress::Package { program: self.name, done, name: download });
                other.push(line);
            } else if is_package(&line) {
                done += 1;
                progress(Progress::Package { program: self.name, done, name: &line });
            } else {
                other.push(line);
            }
        }
        let status = child.wait().context("cannot wait for go build")?;
        if status.success() { Ok(()) } else { Err(explain_failure(self.name, dir, &other)) }
    }
}

/// Whether a binary with this stamp is the one that the sources and Go would make.
///
/// Without Go, a binary of the same sources is as good as we can get.
fn is_current(stamp: &str, sources: &str, go: Option<&str>) -> bool {
    let mut lines = stamp.lines();
    lines.next() == Some(sources) && go.is_none_or(|go| lines.next() == Some(go))
}

/// `go build -v` prints one import path a line; anything else is a message.
fn is_package(line: &str) -> bool {
    !line.is_empty()
        && !line.starts_with('#')
        && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.-_~".contains(&byte))
}

/// Kubernetes learns its version from the linker.
fn link_flags(go_mod: &str) -> String {
    let mut flags = vec!["-s -w".to_owned()];
    if let Some(version) = required_version(go_mod, "k8s.io/kubernetes") {
        let package = "k8s.io/component-base/version";
        flags.push(format!("-X {package}.gitVersion={version}"));
        let mut numbers = version.trim_start_matches('v').split('.');
        for name in ["gitMajor", "gitMinor"] {
            flags.push(format!("-X {package}.{name}={}", numbers.next().unwrap_or_default()));
        }
    }
    flags.join(" ")
}

fn required_version<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split_whitespace();
        if words.next()? == module { words.next().filter(|word| word.starts_with('v')) } else { None }
    })
}

fn go_version(dir: &Path) -> Result<String> {
    let output = match Command::new("go").arg("version").current_dir(dir).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("there is no `go` on the PATH"),
        Err(error) => return Err(error).context("cannot run `go version`"),
    };
    if !output.status.success() {
        bail!("`go version` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn wanted_go(go_mod: &str) -> &str {
    go_mod.lines().find_map(|line| line.strip_prefix("go ")).map_or("1.26", str::trim)
}

const WHERE_TO_GET_GO: &str = "Go is at https://go.dev/dl/ (unpack it, and put its bin directory on the PATH); \
     most distributions' packages are too old";

fn explain_missing_go(name: &str, go_mod: &str, error: &anyhow::Error) -> String {
    let wanted = wanted_go(go_mod);
    format!(
        "building the testbed's {name} needs Go {wanted} or newer, but {error:#}.\n{WHERE_TO_GET_GO}. \
         Only the testbed needs it: the product itself is built by cargo alone"
    )
}

/// Refuses a Go that is older than the module asks for.
fn check_go(name: &str, go_mod: &str, version: &str) -> Result<()> {
    let have = version.split_whitespace().find_map(|word| word.strip_prefix("go").filter(|v| !v.is_empty()));
    let wanted = wanted_go(go_mod);
    match (have.and_then(numbers), numbers(wanted)) {
        (Some(have_numbers), Some(wanted_numbers)) if have_numbers < wanted_numbers => bail!(
            "building the testbed's {name} needs Go {wanted} or newer, this is Go {}.\n{WHERE_TO_GET_GO}",
            have.unwrap_or_default()
        ),
        // A development version of Go has no number; whoever uses one knows.
        _ => Ok(()),
    }
}

fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|part| {
        // Release candidates: 1.27rc1.
        part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse::<u32>().ok()
    });
    Some([parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)])
}

fn explain_failure(name: &str, dir: &Path, output: &[String]) -> anyhow::Error {
    let tail = output[output.len().saturating_sub(20)..].join("\n");
    let advice = if tail.contains("no space left on device") {
        "the disk is full: the build needs about 3 GB in Go's build cache (`go env GOCACHE`) and 200 MB in \
         Cargo's target directory"
    } else if tail.contains("dial tcp") || tail.contains("proxyconnect") || tail.contains("i/o timeout") {
        "Go could not download the modules: check the network, or set GOPROXY to a mirror that you can reach"
    } else if tail.contains("signal: killed") {
        "the compiler was killed: the build needs about 3 GB of memory"
    } else {
        "the last lines of its output are above"
    };
    anyhow!("{tail}\n\nbuilding the testbed's {name} (go build in {}) failed; {advice}", dir.display())
}

fn lock(path: &Path, name: &str, progress: &dyn Fn(Progress<'_>)) -> Result<File> {
    let context = || format!("cannot lock {}", path.display());
    let file = File::create(path).with_context(context)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress(Progress::Line(format!("waiting for another process that is building {name}")));
            file.lock().with_context(context)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(context),
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_MOD: &str = "module x\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/kubernetes v1.36.3\n\tk8s.io/api v0.36.3 // indirect\n)\n";

    #[test]
    fn a_stamp_is_current_only_for_the_same_sources_and_go() {
        let stamp = "abc\ngo version go1.26.8 linux/amd64\n";
        assert!(is_current(stamp, "abc", Some("go version go1.26.8 linux/amd64")));
        assert!(!is_current(stamp, "abd", Some("go version go1.26.8 linux/amd64")));
        assert!(!is_current(stamp, "abc", Some("go version go1.27.0 linux/amd64")));
        assert!(is_current(stamp, "abc", None), "without Go the sources decide");
        assert!(!is_current("", "abc", None));
    }

    #[test]
    fn an_old_go_is_refused_with_what_to_do() {
        let error = check_go("kube", GO_MOD, "go version go1.22.4 linux/amd64").unwrap_err().to_string();
        assert!(error.contains("needs Go 1.26.0 or newer, this is Go 1.22.4"), "{error}");
        assert!(error.contains("https://go.dev/dl/"), "{error}");
        for fine in
            ["go1.26.0 linux/amd64", "go1.26.8 X:nodwarf5 linux/amd64", "go1.27rc1 darwin/arm64", "go2.0 a/b"]
        {
            check_go("kube", GO_MOD, &format!("go version {fine}")).unwrap();
        }
        check_go("kube", GO_MOD, "go version devel go1.28-abcdef linux/amd64").unwrap();
    }

    #[test]
    fn link_flags_carry_the_version_of_kubernetes() {
        let package = "k8s.io/component-base/version";
        assert_eq!(
            link_flags(GO_MOD),
            format!("-s -w -X {package}.gitVersion=v1.36.3 -X {package}.gitMajor=1 -X {package}.gitMinor=36")
        );
        assert_eq!(link_flags("module y\n\ngo 1.26\n"), "-s -w");
    }

    #[test]
    fn packages_are_told_from_messages() {
        assert!(is_package("k8s.io/apiserver/pkg/server"));
        assert!(is_package("vsphere-cloud.local/testbed/kube"));
        assert!(!is_package("# vsphere-cloud.local/testbed/kube"));
        assert!(!is_package("./main.go:3:1: syntax error"));
    }

    #[test]
    fn failures_say_what_to_do() {
        let dir = Path::new("/x");
        let full =
            explain_failure("kube", dir, &["link: write: no space left on device".to_owned()]).to_string();
        assert!(full.contains("the disk is full"), "{full}");
        let lines: Vec<String> = (0..50).map(|n| format!("line {n}")).collect();
        let other = explain_failure("kube", dir, &lines).to_string();
        assert!(other.starts_with("line 30\n") && other.contains("line 49"), "{other}");
    }
}
