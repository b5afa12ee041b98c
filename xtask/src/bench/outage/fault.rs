//! What can go wrong, for how long it does, and how the testbed is made to do it.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::lease;
use crate::bench::world::World;
use crate::testbed::{Fault as Rule, FaultKind, Vm};

/// A fault, in the order of the table.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// vCenter ends all sessions
    Sessions,
    /// It answers 503 for a minute
    Unavailable,
    /// It resets every connection for 30 s
    Resets,
    /// It accepts requests for 20 s, and never answers them
    Hang,
    /// Its answers trickle for 30 s
    Slow,
    /// Its answers break off in the middle for 30 s
    Truncated,
    /// Its answers are broken XML or JSON for 30 s
    Malformed,
    /// It restarts on the same port, and is away for 10 s
    Restart,
    /// It answers, and has no VM at all for two minutes
    Empty,
    /// The same, while a fifth of the nodes is silent
    EmptySilent,
    /// The account has no rights on the VMs' folder for 90 s
    Rights,
    /// All VMs are unregistered and registered again: the same uuids, other object ids
    Anew,
    /// The API server is killed, and starts again after 10 s
    Apiserver,
    /// Another process holds the lease for 20 s
    Lease,
}

/// So few bytes a second that no answer of some size arrives before the fault is over.
const TRICKLE: u32 = 200;

impl Fault {
    pub(super) const ALL: [Self; 14] = [
        Self::Sessions,
        Self::Unavailable,
        Self::Resets,
        Self::Hang,
        Self::Slow,
        Self::Truncated,
        Self::Malformed,
        Self::Restart,
        Self::Empty,
        Self::EmptySilent,
        Self::Rights,
        Self::Anew,
        Self::Apiserver,
        Self::Lease,
    ];

    /// Its name, for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Sessions => "all sessions ended",
            Self::Unavailable => "vCenter answers 503 for 60 s",
            Self::Resets => "connections reset for 30 s",
            Self::Hang => "accepts and hangs for 20 s",
            Self::Slow => "answers trickle for 30 s",
            Self::Truncated => "answers cut short for 30 s",
            Self::Malformed => "broken XML for 30 s",
            Self::Restart => "vCenter restarts, 10 s away",
            Self::Empty => "inventory empty for 2 min",
            Self::EmptySilent => "… and a fifth of the nodes silent",
            Self::Rights => "no rights on the folder for 90 s",
            Self::Anew => "all VMs registered anew",
            Self::Apiserver => "API server restarts, 10 s away",
            Self::Lease => "lease held by another for 20 s",
        }
    }

    /// For how long it is as the title says. Longer than it takes to confirm a deletion (60 s and the
    /// period of the controller), where a VM could seem gone.
    pub(super) fn lasts(self) -> Duration {
        match self {
            Self::Sessions | Self::Anew => Duration::ZERO,
            Self::Unavailable => Duration::from_mins(1),
            Self::Resets | Self::Slow | Self::Truncated | Self::Malformed => Duration::from_secs(30),
            Self::Hang | Self::Lease => Duration::from_secs(20),
            Self::Restart | Self::Apiserver => Duration::from_secs(10),
            Self::Empty | Self::EmptySilent => Duration::from_mins(2),
            Self::Rights => Duration::from_secs(90),
        }
    }

    /// From its begin until nodes join, so that they meet it. Somebody whose lease was taken may go on for as
    /// long as its last renewal holds (10 s), and look every 2 s.
    pub(super) fn head_start(self) -> Duration {
        if self == Self::Lease { Duration::from_secs(13) } else { Duration::from_millis(500) }
    }

    /// Whether VMs cannot be changed while it lasts, because they are not there.
    pub(super) fn hides_machines(self) -> bool {
        matches!(self, Self::Empty | Self::EmptySilent | Self::Rights | Self::Anew)
    }

    /// How many of so many nodes are silent while it lasts.
    pub(super) fn silent(self, nodes: usize) -> usize {
        if self == Self::EmptySilent { (nodes / 5).max(1) } else { 1 }
    }

    /// From its begin to its end; all but the API server's, which takes more than a look at the world.
    pub(super) async fn strike(self, world: &World, vms: &[Vm]) -> Result<()> {
        let vcsim = &world.vcsim;
        match self {
            Self::Sessions => vcsim.terminate_sessions().await,
            Self::Unavailable => self.all_requests(world, FaultKind::Status(503)).await,
            Self::Resets => self.all_requests(world, FaultKind::Reset).await,
            Self::Hang => self.all_requests(world, FaultKind::Hang).await,
            Self::Slow => self.all_requests(world, FaultKind::SlowBody { bytes_per_second: TRICKLE }).await,
            Self::Truncated => self.all_requests(world, FaultKind::Truncate).await,
            Self::Malformed => self.all_requests(world, FaultKind::Malformed).await,
            Self::Restart => vcsim.restart(self.lasts()).await,
            Self::Empty | Self::EmptySilent | Self::Anew => self.without_machines(world, vms).await,
            Self::Rights => {
                // Searches come back empty, an object that was known is as if it did not exist, and the
                // folder must not be read.
                let folder = machines_folder(world).await?;
                let denied = FaultKind::Soap("NoPermission".to_owned());
                let rule = Rule::new("*", denied).containing(format!(">{folder}<"));
                let rule = vcsim.add_fault(&rule).await?;
                self.without_machines(world, vms).await?;
                vcsim.remove_fault(&rule).await
            }
            Self::Apiserver => Ok(()),
            Self::Lease => lease::hold(world.client.clone(), self.lasts()).await,
        }
    }

    /// Requests under way are hit too.
    async fn all_requests(self, world: &World, kind: FaultKind) -> Result<()> {
        let rule = world.vcsim.add_fault(&Rule::new("*", kind).running()).await?;
        tokio::time::sleep(self.lasts()).await;
        world.vcsim.remove_fault(&rule).await
    }

    async fn without_machines(self, world: &World, vms: &[Vm]) -> Result<()> {
        for vm in vms {
            world.vcsim.unregister(&vm.name).await?;
        }
        tokio::time::sleep(self.lasts()).await;
        for vm in vms {
            world.vcsim.register(&vm.name).await?;
        }
        Ok(())
    }
}

/// The moref of the folder with all VMs.
async fn machines_folder(world: &World) -> Result<String> {
    let inventory = world.vcsim.inventory().await?;
    let datacenters = inventory["datacenters"].as_array();
    let folder = datacenters.and_then(|all| all.first()?["vmFolder"].as_str());
    folder.map(str::to_owned).context("the simulator does not say where its VMs are")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn the_list_has_all_of_them_in_the_order_of_the_table() {
        assert!(Fault::ALL.is_sorted());
        assert_eq!(Fault::ALL.as_slice(), Fault::value_variants());
    }

    #[test]
    fn faults_are_named_as_in_the_results() {
        for fault in Fault::ALL {
            let flag = fault.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(serde_json::to_value(fault).unwrap(), flag);
            assert_eq!(Fault::from_str(&flag, false).unwrap(), fault);
        }
        assert!(Fault::from_str("flood", false).is_err());
    }

    #[test]
    fn a_crowd_is_silent_in_one_fault_only() {
        assert_eq!((Fault::Empty.silent(50), Fault::EmptySilent.silent(50)), (1, 10));
        assert_eq!(Fault::EmptySilent.silent(3), 1);
    }
}
