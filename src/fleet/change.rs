//! What a new configuration means for the vCenters that are in use; pure.

use super::files::Trust;
use super::member::Member;
use crate::config::{Config, Vcenter};
use crate::vsphere::inventory::ZoneOptions;

/// What happens to one vCenter of the new configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is connected to anew: nothing that is in use fits.
    New,
    /// It is in use already.
    Stays {
        /// Which one.
        member: usize,
        /// Other certificates are to be trusted.
        trust: bool,
        /// The credentials are somewhere else, or others.
        credentials: bool,
    },
}

/// What a vCenter in use was started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running<'a> {
    pub(super) vcenter: &'a Vcenter,
    pub(super) zones: Option<&'a ZoneOptions>,
    pub(super) trust: &'a Trust,
}

/// For each vCenter of the new configuration.
pub(super) fn changes(
    members: &[Member],
    config: &Config,
    zones: Option<&ZoneOptions>,
    trust: &Trust,
) -> Vec<Change> {
    let running: Vec<Running<'_>> = members.iter().map(Member::running).collect();
    config.vcenters.iter().map(|vcenter| change(&running, vcenter, zones, trust)).collect()
}

fn change(running: &[Running<'_>], vcenter: &Vcenter, zones: Option<&ZoneOptions>, trust: &Trust) -> Change {
    // By address: another key in the file is no reason to lose a session.
    let same = |old: &Running<'_>| {
        old.vcenter.server.eq_ignore_ascii_case(&vcenter.server)
            && old.vcenter.port == vcenter.port
            && old.vcenter.datacenters == vcenter.datacenters
            && old.zones == zones
    };
    let Some(member) = running.iter().position(same) else { return Change::New };
    let old = running[member];
    Change::Stays {
        member,
        trust: old.vcenter.tls != vcenter.tls || !old.trust.agrees(trust, &vcenter.tls.ca_files),
        credentials: old.vcenter.credentials != vcenter.credentials,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::config::{CredentialSource, Environment, IpFamily, SecretRef, load};
    use crate::vsphere::inventory::ZoneCategories;

    fn vcenter(more: &str) -> Vcenter {
        let text = format!("vcenter:\n  a:\n    server: vc\n    user: u\n    password: p\n{more}");
        load(&text, "f", crate::config::Options::default(), &Environment::default()).unwrap().config.vcenters
            [0]
        .clone()
    }

    fn zones(zone: &str) -> ZoneOptions {
        let categories = ZoneCategories { region: "r".into(), zone: zone.into() };
        ZoneOptions { categories, refresh_period: Duration::from_mins(1) }
    }

    const UNCHANGED: Change = Change::Stays { member: 0, trust: false, credentials: false };

    #[test]
    fn only_what_makes_another_inventory_ends_one() {
        let (old, trust, wanted) = (vcenter(""), Trust::default(), zones("z"));
        let running = [Running { vcenter: &old, zones: Some(&wanted), trust: &trust }];
        let of = |new: &Vcenter| change(&running, new, Some(&wanted), &trust);
        assert_eq!(of(&old), UNCHANGED);
        assert_eq!(of(&Vcenter { id: "b".into(), ..old.clone() }), UNCHANGED);
        assert_eq!(of(&Vcenter { server: "VC".into(), ..old.clone() }), UNCHANGED);
        assert_eq!(of(&Vcenter { ip_families: vec![IpFamily::V6], ..old.clone() }), UNCHANGED);
        assert_eq!(of(&Vcenter { server: "other".into(), ..old.clone() }), Change::New);
        assert_eq!(of(&Vcenter { port: 444, ..old.clone() }), Change::New);
        assert_eq!(of(&Vcenter { datacenters: vec!["dc".into()], ..old.clone() }), Change::New);
        assert_eq!(change(&running, &old, Some(&zones("other")), &trust), Change::New);
        assert_eq!(change(&running, &old, None, &trust), Change::New);
    }

    #[test]
    fn trust_and_credentials_change_in_place() {
        let (old, trust) = (vcenter("    caFile: /ca\n"), Trust::of([("/ca", "one")]));
        let running = [Running { vcenter: &old, zones: None, trust: &trust }];
        let stays = |trust, credentials| Change::Stays { member: 0, trust, credentials };
        assert_eq!(change(&running, &old, None, &trust), stays(false, false));
        assert_eq!(
            change(&running, &old, None, &Trust::of([("/ca", "two")])),
            stays(true, false),
            "another content"
        );
        let mut new = old.clone();
        new.tls.ca_files = vec![PathBuf::from("/other")];
        assert_eq!(change(&running, &new, None, &trust), stays(true, false));
        let secret = SecretRef { namespace: "n".into(), name: "s".into() };
        let new = Vcenter { credentials: CredentialSource::Secret(secret), ..old.clone() };
        assert_eq!(change(&running, &new, None, &trust), stays(false, true));
        let credentials = CredentialSource::Inline { user: "u".into(), password: "q".to_owned().into() };
        assert_eq!(
            change(&running, &Vcenter { credentials, ..old.clone() }, None, &trust),
            stays(false, true)
        );
    }
}
