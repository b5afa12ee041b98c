//! A vCenter whose name leads to another address from one moment to the next.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use xtask::testbed::{Lifeline, Process, RunDir, Vcsim, VcsimOptions};

use crate::deployment::pod::{chroot, may_chroot, unpack_image};
use crate::support::{Cluster, Config, LATER, Proxy, SOON, Vcenter, names, specs};

const NAME: &str = "vcenter.test";
const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const NOBODY: u64 = 65532;

/// A call that is swallowed is given up after 4 s; each connection that is tried in vain costs 2 s more.
const FOLLOWED: Duration = Duration::from_secs(10);

/// How the old address ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Connections are cut, new ones refused.
    Refuses,
    /// Nothing arrives any more, and nobody says so.
    FallsSilent,
}

/// A manager with a file system of its own, and so with its own `/etc/hosts`.
struct Confined {
    process: Process,
    root: PathBuf,
    _run: RunDir,
}

impl Confined {
    fn start(cluster: &Cluster, vcsim: &Vcsim, port: u16) -> Self {
        let run = RunDir::new().unwrap();
        let root = run.path().join("root");
        unpack_image(&root);
        let put =
            |name: &str, content: Vec<u8>| std::fs::write(root.join("etc").join(name), content).unwrap();
        put("ca.pem", std::fs::read(vcsim.ca()).unwrap());
        put("kubeconfig", std::fs::read(cluster.kubeconfig()).unwrap());
        let vcenter =
            Vcenter { server: NAME.to_owned(), port, ca: "/etc/ca.pem".to_owned(), ..Vcenter::of(vcsim) };
        put("vsphere.conf", Config::with([vcenter]).yaml().into_bytes());
        lead_to(&root, HERE);
        let mut command = chroot(&root, NOBODY, NOBODY);
        command.arg("/usr/local/bin/vsphere-cloud").args([
            "ccm",
            "--cloud-config=/etc/vsphere.conf",
            "--kubeconfig=/etc/kubeconfig",
            "--leader-elect=false",
            "--secure-port=0",
        ]);
        let process = Process::spawn("manager", command, run.path(), Lifeline::Watchdog).unwrap();
        Self { process, root, _run: run }
    }
}

/// The name leads there from now on.
fn lead_to(root: &Path, address: Ipv4Addr) {
    let fresh = root.join("etc/hosts.new");
    std::fs::write(&fresh, format!("127.0.0.1 localhost\n{address} {NAME}\n")).unwrap();
    std::fs::rename(fresh, root.join("etc/hosts")).unwrap();
}

/// Two ways to a vCenter, at the same port of two addresses.
fn ways_to(vcsim: &Vcsim) -> (Proxy, Proxy) {
    loop {
        let old = Proxy::at(SocketAddrV4::new(HERE, 0), vcsim.port()).unwrap();
        // Somebody else may have the port there.
        if let Ok(new) = Proxy::at(SocketAddrV4::new(THERE, old.port()), vcsim.port()) {
            return (old, new);
        }
    }
}

async fn moves(end: End) {
    if !may_chroot("a name that leads to another address") {
        return;
    }
    let cluster = Cluster::get().await;
    let options = VcsimOptions { tls_names: vec![NAME.to_owned()], ..VcsimOptions::default() };
    let vcsim = Vcsim::start(options).await.unwrap();
    let vms = vcsim.create_vms("moved-", 12).await.unwrap();
    let nodes = specs(&vms);
    let (old, new) = ways_to(&vcsim);
    let manager = Confined::start(&cluster, &vcsim, old.port());
    // One by one, so that there is more than one connection at rest.
    for (node, vm) in nodes[..10].iter().zip(&vms) {
        cluster.register(std::slice::from_ref(node)).await;
        cluster.initialised(&[vm.name.as_str()], SOON).await;
    }

    lead_to(&manager.root, THERE);
    match end {
        End::Refuses => old.take_down(),
        End::FallsSilent => old.freeze(),
    }
    let moved = Instant::now();
    cluster.register(&nodes[10..]).await;
    cluster.initialised(&names(&vms), LATER).await;
    let took = moved.elapsed();
    println!("the old address {end:?}: all is done {:.2} s later", took.as_secs_f64());
    assert!(took < FOLLOWED, "{took:?}");
    assert!(new.has_connections());
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 1, "the session is the first one");
    manager.process.check().unwrap();
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_followed_when_the_old_address_refuses() {
    moves(End::Refuses).await;
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_followed_when_the_old_address_falls_silent() {
    moves(End::FallsSilent).await;
}
