//! What happens to vCenter, to the API server, and to the lease.

use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use xtask::testbed::{Fault, FaultKind};

use super::common::World;

/// How long most troubles last: long enough for every call that is swallowed to be given up, and for
/// several tries after that.
const WHILE: Duration = Duration::from_secs(7);
/// In the place of a minute of 503: pauses have long reached their longest by then.
const MAINTENANCE: Duration = Duration::from_secs(8);
/// How long the API server is out of reach: by then a pause that doubles would be 10 s.
const OUT_OF_REACH: Duration = Duration::from_secs(10);
/// An answer that has begun is waited for longer than one that has not, until two probes have failed too.
const TRICKLING: Duration = Duration::from_secs(12);
/// A reboot of vCenter takes minutes; to us it is a port that refuses connections.
const REBOOT: Duration = Duration::from_secs(5);
/// The load goes on for so long after something that is over in an instant.
const AFTERMATH: Duration = Duration::from_secs(2);
/// For how long somebody else keeps the lease.
const USURPED: Duration = Duration::from_secs(4);
/// So slow that not even the smallest answer arrives in time, bytes per second.
const TRICKLE: u32 = 100;

/// Something that goes wrong and comes right again.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// All sessions of vCenter end.
    SessionsEnd,
    /// Every request to vCenter fails like this.
    Requests(FaultKind),
    /// vCenter is restarted on the same port.
    VcenterRestarts,
    /// vCenter gets another certificate of the same authority.
    CertificateRenewed,
    /// The API server is killed and comes back with the same etcd.
    ApiServerRestarts,
    /// The manager cannot reach the API server, for less time than its lease lasts.
    ApiServerUnreachable,
    /// Connections to the API server break again and again.
    ApiConnectionsBreak,
    /// Somebody else takes the lease and does not renew it.
    LeaseTaken,
}

/// What `/readyz` must say meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Readiness {
    /// Ready, all the time.
    Kept,
    /// Perhaps not, for a moment: a connection breaks, and the next one is good.
    Shaken,
    /// Not ready, at the latest when it ends, and why.
    Lost(&'static str),
}

impl Trouble {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        vec![
            Self::SessionsEnd,
            Self::Requests(FaultKind::Status(503)),
            Self::Requests(FaultKind::Reset),
            Self::Requests(FaultKind::Hang),
            Self::Requests(FaultKind::SlowBody { bytes_per_second: TRICKLE }),
            Self::Requests(FaultKind::Truncate),
            Self::Requests(FaultKind::Malformed),
            // As of a vCenter whose services are still starting.
            Self::Requests(FaultKind::Soap("SystemError".to_owned())),
            Self::VcenterRestarts,
            Self::CertificateRenewed,
            Self::ApiServerRestarts,
            Self::ApiServerUnreachable,
            Self::ApiConnectionsBreak,
            Self::LeaseTaken,
        ]
    }

    /// In a few words.
    pub(super) fn name(&self) -> String {
        match self {
            Self::SessionsEnd => "all sessions end".to_owned(),
            Self::Requests(FaultKind::SlowBody { .. }) => "slow bodies".to_owned(),
            Self::Requests(FaultKind::Status(status)) => format!("HTTP {status}"),
            Self::Requests(FaultKind::Soap(fault)) => fault.clone(),
            Self::Requests(kind) => format!("{kind:?}").to_lowercase(),
            Self::VcenterRestarts => "vCenter restarts".to_owned(),
            Self::CertificateRenewed => "new certificate".to_owned(),
            Self::ApiServerRestarts => "API server restarts".to_owned(),
            Self::ApiServerUnreachable => "no API server".to_owned(),
            Self::ApiConnectionsBreak => "API connections break".to_owned(),
            Self::LeaseTaken => "lease taken".to_owned(),
        }
    }

    /// What the manager has to say of itself while it lasts.
    pub(super) fn readiness(&self) -> Readiness {
        match self {
            Self::Requests(FaultKind::Hang | FaultKind::SlowBody { .. }) => {
                Readiness::Lost("does not answer in time")
            }
            Self::Requests(FaultKind::Reset | FaultKind::Truncate) | Self::VcenterRestarts => {
                Readiness::Lost("cannot be reached")
            }
            Self::Requests(_) => Readiness::Lost("gives no useful answer"),
            Self::CertificateRenewed => Readiness::Shaken,
            _ => Readiness::Kept,
        }
    }

    /// Begins it, and returns when it is over. Tells until when it surely lasted: what is asked at its end
    /// may be answered after it.
    pub(super) async fn strike(&self, world: &World) -> Instant {
        let begun = Instant::now();
        match self {
            Self::SessionsEnd => {
                world.vcsim.terminate_sessions().await.unwrap();
                waited(AFTERMATH).await
            }
            Self::Requests(kind) => {
                let rule = world.vcsim.add_fault(&Fault::new("*", kind.clone()).running()).await.unwrap();
                let lasting = match kind {
                    FaultKind::Status(503) => MAINTENANCE,
                    FaultKind::SlowBody { .. } => TRICKLING,
                    _ => WHILE,
                };
                let lasted = waited(lasting).await;
                world.vcsim.remove_fault(&rule).await.unwrap();
                lasted
            }
            Self::VcenterRestarts => {
                world.vcsim.restart(REBOOT).await.unwrap();
                begun + REBOOT
            }
            Self::CertificateRenewed => {
                world.vcsim.renew_certificate(false, &[]).await.unwrap();
                waited(AFTERMATH).await
            }
            Self::ApiServerRestarts => {
                world.cluster.kube().stop_apiserver().unwrap();
                let lasted = waited(AFTERMATH).await;
                world.cluster.kube().start_apiserver().await.unwrap();
                lasted
            }
            Self::ApiServerUnreachable => {
                world.proxy.take_down();
                let lasted = waited(OUT_OF_REACH).await;
                world.proxy.bring_up();
                lasted
            }
            Self::ApiConnectionsBreak => {
                for _ in 0..5 {
                    world.proxy.cut();
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Instant::now()
            }
            Self::LeaseTaken => {
                usurp(world).await;
                waited(USURPED.saturating_sub(begun.elapsed())).await;
                begun + USURPED
            }
        }
    }
}

async fn waited(time: Duration) -> Instant {
    tokio::time::sleep(time).await;
    Instant::now()
}

/// Takes the lease, for a while.
async fn usurp(world: &World) {
    let lease = Patch::Merge(json!({"spec": {
        "holderIdentity": "somebody", "leaseDurationSeconds": USURPED.as_secs(),
        "renewTime": MicroTime(Timestamp::now()),
    }}));
    let leases = world.cluster.leases();
    leases.patch("cloud-controller-manager", &PatchParams::default(), &lease).await.unwrap();
}
