//! The zones of the demo: a tag on the datacenter, and one on each host.

use anyhow::Result;

use crate::testbed::{Object, Vcsim};

pub(super) const REGION_CATEGORY: &str = "k8s-region";
pub(super) const ZONE_CATEGORY: &str = "k8s-zone";
pub(super) const DATACENTER: &str = "DC0";
const REGION: &str = "eu-1";
/// Of the first hosts, each has its own.
const ZONES: [&str; 3] = ["zone-a", "zone-b", "zone-c"];
/// One more than there are zones: it is new, and has no tag.
pub(super) const HOSTS: u32 = 4;

/// The host of the VM of this number; they take turns.
pub(super) fn host_of(number: usize) -> String {
    host(number % ZONES.len())
}

/// The host without a zone.
pub(super) fn untagged_host() -> String {
    host(ZONES.len())
}

fn host(number: usize) -> String {
    format!("{DATACENTER}_C0_H{number}")
}

/// Attaches the tags.
pub(super) async fn tag(vcsim: &Vcsim) -> Result<()> {
    vcsim.tag(REGION_CATEGORY, REGION, Object::Named("Datacenter", DATACENTER)).await?;
    for (number, zone) in ZONES.iter().enumerate() {
        vcsim.tag(ZONE_CATEGORY, zone, Object::Named("HostSystem", &host(number))).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vms_take_turns_on_the_hosts_with_a_zone() {
        let hosts: Vec<String> = (0..4).map(host_of).collect();
        assert_eq!(hosts, ["DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2", "DC0_C0_H0"]);
        assert_eq!(u32::try_from(ZONES.len()), Ok(HOSTS - 1));
        assert!(!hosts.contains(&untagged_host()));
    }
}
