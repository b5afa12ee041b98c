//! Kubernetes and vCenter as processes of this machine.
//!
//! [`Kube`] is a real control plane (etcd and kube-apiserver, more on request), [`Vcsim`] a
//! simulated vCenter that can be told to misbehave, [`Manager`] the product under test. Each
//! writes its log into a [`RunDir`], dies with us in every case, and tells when it ends
//! without having been asked to. The first use builds the Go programs, once.

mod build;
mod clock;
mod control;
mod faults;
mod fingerprint;
mod kube;
mod log;
mod manager;
mod nodes;
mod process;
mod requests;
mod run;
mod vcsim;
mod vms;
mod wait;

pub use build::{Binaries, Progress, build, build_all, build_kustomize, build_peer, peer_version, workspace};
pub use clock::WallClock;
pub use control::{Certificate, Object, Session};
pub use faults::{Fault, FaultKind};
pub use kube::{Kube, KubeOptions};
pub use manager::{Manager, ManagerOptions};
pub(crate) use nodes::create as create_node;
pub use nodes::{NodeSpec, guest_uuid};
pub use process::{Exited, Lifeline, Process};
pub use requests::Requests;
pub use run::RunDir;
pub use vcsim::{Vcsim, VcsimOptions};
pub use vms::{Nic, Power, Vm, VmSpec};
pub use wait::eventually;

/// What [`Process::signal`] sends.
pub use rustix::process::Signal;

use anyhow::{Context, Result};

/// The testbed's programs, built when need be; news of that goes to standard error.
#[expect(clippy::print_stderr, reason = "minutes of silence in a test would be worse")]
async fn binaries() -> Result<&'static Binaries> {
    static BINARIES: tokio::sync::OnceCell<Binaries> = tokio::sync::OnceCell::const_new();
    BINARIES
        .get_or_try_init(|| async {
            let building = tokio::task::spawn_blocking(|| {
                build(&|progress| {
                    if let Progress::Line(line) = progress {
                        eprintln!("testbed: {line}");
                    }
                })
            });
            building.await.context("the testbed's build panicked")?
        })
        .await
}
