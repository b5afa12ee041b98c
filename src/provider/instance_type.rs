//! The instance type: a label that says how large a machine is and what it runs.

use crate::vsphere::inventory::Vm;

/// The instance type of this machine, as in `vsphere-vm.cpu-2.mem-4gb.os-ubuntu`.
///
/// It becomes a Node label that selectors and autoscalers refer to. So for a machine that the Go
/// provider could name it is the same string to the byte: memory is cut down to whole GiB, what is
/// not known counts as 0, and an operating system outside the table is `unknown`.
pub fn instance_type(vm: &Vm) -> String {
    let cpus = vm.num_cpu.unwrap_or(0);
    let gib = vm.memory_mb.unwrap_or(0) / 1024;
    let os = vm.guest_id.as_deref().and_then(short_name).unwrap_or("unknown");
    format!("vsphere-vm.cpu-{cpus}.mem-{gib}gb.os-{os}")
}

fn short_name(guest_id: &str) -> Option<&'static str> {
    let found = SHORT_NAMES.binary_search_by_key(&guest_id, |(id, _)| id).ok()?;
    SHORT_NAMES.get(found).map(|(_, short)| *short)
}

/// Short names by vSphere guest id, in byte order of the ids.
///
/// Closed: a new entry would rename the type of Nodes that already carry `unknown`.
static SHORT_NAMES: [(&str, &str); 151] = [
    ("asianux3Guest", "asianux3"),
    ("asianux3_64Guest", "asianux3"),
    ("asianux4Guest", "asianux4"),
    ("asianux4_64Guest", "asianux4"),
    ("asianux5_64Guest", "asianux5"),
    ("asianux7_64Guest", "asianux7"),
    ("centos64Guest", "centos64"),
    ("centos6Guest", "centos6"),
    ("centos6_64Guest", "centos6"),
    ("centos7Guest", "centos7"),
    ("centos7_64Guest", "centos7"),
    ("centosGuest", "centos"),
    ("coreos64Guest", "coreos"),
    ("darwin10Guest", "darwin"),
    ("darwin10_64Guest", "darwin"),
    ("darwin11Guest", "darwin"),
    ("darwin11_64Guest", "darwin"),
    ("darwin12_64Guest", "darwin"),
    ("darwin13_64Guest", "darwin"),
    ("darwin14_64Guest", "darwin"),
    ("darwin15_64Guest", "darwin"),
    ("darwin16_64Guest", "darwin"),
    ("darwin64Guest", "darwin"),
    ("darwinGuest", "darwin"),
    ("debian10Guest", "debian10"),
    ("debian10_64Guest", "debian10"),
    ("debian4Guest", "debian4"),
    ("debian4_64Guest", "debian4"),
    ("debian5Guest", "debian5"),
    ("debian5_64Guest", "debian5"),
    ("debian6Guest", "debian6"),
    ("debian6_64Guest", "debian6"),
    ("debian7Guest", "debian7"),
    ("debian7_64Guest", "debian7"),
    ("debian8Guest", "debian8"),
    ("debian8_64Guest", "debian8"),
    ("debian9Guest", "debian9"),
    ("debian9_64Guest", "debian9"),
    ("dosGuest", "dos"),
    ("eComStation2Guest", "eComStation2"),
    ("eComStationGuest", "eComStation"),
    ("fedora64Guest", "fedora"),
    ("fedoraGuest", "fedora"),
    ("freebsd64Guest", "freebsd"),
    ("freebsdGuest", "freebsd"),
    ("genericLinuxGuest", "linux"),
    ("mandrakeGuest", "mandrake"),
    ("mandriva64Guest", "mandriva"),
    ("mandrivaGuest", "mandriva"),
    ("netware4Guest", "netware4"),
    ("netware5Guest", "netware5"),
    ("netware6Guest", "netware6"),
    ("nld9Guest", "nld9"),
    ("oesGuest", "oes"),
    ("openServer5Guest", "openServer5"),
    ("openServer6Guest", "openServer6"),
    ("opensuse64Guest", "opensuse"),
    ("opensuseGuest", "opensuse"),
    ("oracleLinux64Guest", "oracleLinux"),
    ("oracleLinux6Guest", "oracleLinux6"),
    ("oracleLinux6_64Guest", "oracleLinux6"),
    ("oracleLinux7Guest", "oracleLinux7"),
    ("oracleLinux7_64Guest", "oracleLinux7"),
    ("oracleLinuxGuest", "oracleLinux"),
    ("os2Guest", "os2"),
    ("other24xLinux64Guest", "linux"),
    ("other24xLinuxGuest", "linux"),
    ("other26xLinux64Guest", "linux"),
    ("other26xLinuxGuest", "linux"),
    ("other3xLinux64Guest", "linux"),
    ("other3xLinuxGuest", "linux"),
    ("otherGuest", "other"),
    ("otherGuest64", "other"),
    ("otherLinux64Guest", "linux"),
    ("otherLinuxGuest", "linux"),
    ("redhatGuest", "rhel"),
    ("rhel10_64Guest", "rhel10"),
    ("rhel2Guest", "rhel2"),
    ("rhel3Guest", "rhel3"),
    ("rhel3_64Guest", "rhel3"),
    ("rhel4Guest", "rhel4"),
    ("rhel4_64Guest", "rhel4"),
    ("rhel5Guest", "rhel5"),
    ("rhel5_64Guest", "rhel5"),
    ("rhel6Guest", "rhel6"),
    ("rhel6_64Guest", "rhel6"),
    ("rhel7Guest", "rhel7"),
    ("rhel7_64Guest", "rhel7"),
    ("rhel8_64Guest", "rhel8"),
    ("rhel9_64Guest", "rhel9"),
    ("sjdsGuest", "sjds"),
    ("sles10Guest", "sles10"),
    ("sles10_64Guest", "sles10"),
    ("sles11Guest", "sles11"),
    ("sles11_64Guest", "sles11"),
    ("sles12Guest", "sles12"),
    ("sles12_64Guest", "sles12"),
    ("sles64Guest", "sles64"),
    ("slesGuest", "sles"),
    ("solaris10Guest", "solaris10"),
    ("solaris10_64Guest", "solaris10"),
    ("solaris11_64Guest", "solaris11"),
    ("solaris6Guest", "solaris6"),
    ("solaris7Guest", "solaris7"),
    ("solaris8Guest", "solaris8"),
    ("solaris9Guest", "solaris9"),
    ("suse64Guest", "suse"),
    ("suseGuest", "suse"),
    ("turboLinux64Guest", "turbolinux"),
    ("turboLinuxGuest", "turbolinux"),
    ("ubuntu64Guest", "ubuntu"),
    ("ubuntuGuest", "ubuntu"),
    ("unixWare7Guest", "unixware7"),
    ("vmkernel5Guest", "vmkernel5"),
    ("vmkernel65Guest", "vmkernel65"),
    ("vmkernel6Guest", "vmkernel6"),
    ("vmkernelGuest", "vmkernel"),
    ("vmwarePhoton64Guest", "photon"),
    ("win2000AdvServGuest", "win2000advserv"),
    ("win2000ProGuest", "win2000pro"),
    ("win2000ServGuest", "win2000serv"),
    ("win31Guest", "win31"),
    ("win95Guest", "win95"),
    ("win98Guest", "win98"),
    ("winLonghorn64Guest", "winlonghorn"),
    ("winLonghornGuest", "winlonghorn"),
    ("winMeGuest", "winme"),
    ("winNTGuest", "winnt"),
    ("winNetBusinessGuest", "winnetbusiness"),
    ("winNetDatacenter64Guest", "winnetdatacenter"),
    ("winNetDatacenterGuest", "winnetdatacenter"),
    ("winNetEnterprise64Guest", "winnetenterprise"),
    ("winNetEnterpriseGuest", "winnetenterprise"),
    ("winNetStandard64Guest", "winnetstandard"),
    ("winNetStandardGuest", "winnetstandard"),
    ("winNetWebGuest", "winnetweb"),
    ("winVista64Guest", "winvista"),
    ("winVistaGuest", "winvista"),
    ("winXPHomeGuest", "winxphome"),
    ("winXPPro64Guest", "winxppro"),
    ("winXPProGuest", "winxppro"),
    ("windows7Guest", "win7"),
    ("windows7Server64Guest", "win7server"),
    ("windows7_64Guest", "win7"),
    ("windows8Guest", "win8"),
    ("windows8Server64Guest", "win8server"),
    ("windows8_64Guest", "win8"),
    ("windows9Guest", "win10"),
    ("windows9Server64Guest", "win10server"),
    ("windows9_64Guest", "win10"),
    ("windowsHyperVGuest", "windowshyperv"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::provider::fixtures;

    fn named(guest_id: &str) -> String {
        instance_type(&Vm {
            guest_id: Some(guest_id.to_owned()),
            num_cpu: Some(2),
            memory_mb: Some(4096),
            ..fixtures::vm()
        })
    }

    #[test]
    fn size_is_whole_gib_and_absent_facts_are_zero() {
        let cases = [
            (Some(2), Some(4096), "vsphere-vm.cpu-2.mem-4gb.os-unknown"),
            (Some(1), Some(1023), "vsphere-vm.cpu-1.mem-0gb.os-unknown"),
            (Some(16), Some(65_535), "vsphere-vm.cpu-16.mem-63gb.os-unknown"),
            (None, Some(2048), "vsphere-vm.cpu-0.mem-2gb.os-unknown"),
            (Some(4), None, "vsphere-vm.cpu-4.mem-0gb.os-unknown"),
            (None, None, "vsphere-vm.cpu-0.mem-0gb.os-unknown"),
        ];
        for (num_cpu, memory_mb, expected) in cases {
            assert_eq!(instance_type(&Vm { num_cpu, memory_mb, ..fixtures::vm() }), expected);
        }
    }

    #[test]
    fn ids_outside_the_table_are_unknown() {
        for id in ["", "debian11_64Guest", "other5xLinux64Guest", "windows2019srv_64Guest", "UBUNTU64GUEST"] {
            assert_eq!(named(id), "vsphere-vm.cpu-2.mem-4gb.os-unknown", "{id}");
        }
    }

    #[test]
    fn the_table_is_complete_sorted_and_unique() {
        assert_eq!(SHORT_NAMES.len(), 151);
        assert!(SHORT_NAMES.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    /// The same facts the other way round, family by family.
    #[test]
    fn every_family_has_its_guest_ids() {
        let families = [
            ("asianux3", "asianux3_64Guest asianux3Guest"),
            ("asianux4", "asianux4_64Guest asianux4Guest"),
            ("asianux5", "asianux5_64Guest"),
            ("asianux7", "asianux7_64Guest"),
            ("centos", "centosGuest"),
            ("centos64", "centos64Guest"),
            ("centos6", "centos6_64Guest centos6Guest"),
            ("centos7", "centos7_64Guest centos7Guest"),
            ("coreos", "coreos64Guest"),
            (
                "darwin",
                "darwinGuest darwin64Guest darwin10Guest darwin10_64Guest darwin11Guest \
                 darwin11_64Guest darwin12_64Guest darwin13_64Guest darwin14_64Guest \
                 darwin15_64Guest darwin16_64Guest",
            ),
            ("debian4", "debian4_64Guest debian4Guest"),
            ("debian5", "debian5_64Guest debian5Guest"),
            ("debian6", "debian6_64Guest debian6Guest"),
            ("debian7", "debian7_64Guest debian7Guest"),
            ("debian8", "debian8_64Guest debian8Guest"),
            ("debian9", "debian9_64Guest debian9Guest"),
            ("debian10", "debian10_64Guest debian10Guest"),
            ("dos", "dosGuest"),
            ("eComStation", "eComStationGuest"),
            ("eComStation2", "eComStation2Guest"),
            ("fedora", "fedora64Guest fedoraGuest"),
            ("freebsd", "freebsd64Guest freebsdGuest"),
            (
                "linux",
                "genericLinuxGuest other24xLinux64Guest other24xLinuxGuest \
                 other26xLinux64Guest other26xLinuxGuest other3xLinux64Guest other3xLinuxGuest \
                 otherLinux64Guest otherLinuxGuest",
            ),
            ("mandrake", "mandrakeGuest"),
            ("mandriva", "mandriva64Guest mandrivaGuest"),
            ("netware4", "netware4Guest"),
            ("netware5", "netware5Guest"),
            ("netware6", "netware6Guest"),
            ("nld9", "nld9Guest"),
            ("oes", "oesGuest"),
            ("openServer5", "openServer5Guest"),
            ("openServer6", "openServer6Guest"),
            ("opensuse", "opensuse64Guest opensuseGuest"),
            ("oracleLinux", "oracleLinux64Guest oracleLinuxGuest"),
            ("oracleLinux6", "oracleLinux6_64Guest oracleLinux6Guest"),
            ("oracleLinux7", "oracleLinux7_64Guest oracleLinux7Guest"),
            ("os2", "os2Guest"),
            ("other", "otherGuest otherGuest64"),
            ("photon", "vmwarePhoton64Guest"),
            ("rhel", "redhatGuest"),
            ("rhel2", "rhel2Guest"),
            ("rhel3", "rhel3_64Guest rhel3Guest"),
            ("rhel4", "rhel4_64Guest rhel4Guest"),
            ("rhel5", "rhel5_64Guest rhel5Guest"),
            ("rhel6", "rhel6_64Guest rhel6Guest"),
            ("rhel7", "rhel7_64Guest rhel7Guest"),
            ("rhel8", "rhel8_64Guest"),
            ("rhel9", "rhel9_64Guest"),
            ("rhel10", "rhel10_64Guest"),
            ("sjds", "sjdsGuest"),
            ("sles", "slesGuest"),
            ("sles64", "sles64Guest"),
            ("sles10", "sles10_64Guest sles10Guest"),
            ("sles11", "sles11_64Guest sles11Guest"),
            ("sles12", "sles12_64Guest sles12Guest"),
            ("solaris6", "solaris6Guest"),
            ("solaris7", "solaris7Guest"),
            ("solaris8", "solaris8Guest"),
            ("solaris9", "solaris9Guest"),
            ("solaris10", "solaris10_64Guest solaris10Guest"),
            ("solaris11", "solaris11_64Guest"),
            ("suse", "suse64Guest suseGuest"),
            ("turbolinux", "turboLinux64Guest turboLinuxGuest"),
            ("ubuntu", "ubuntu64Guest ubuntuGuest"),
            ("unixware7", "unixWare7Guest"),
            ("vmkernel", "vmkernelGuest"),
            ("vmkernel5", "vmkernel5Guest"),
            ("vmkernel6", "vmkernel6Guest"),
            ("vmkernel65", "vmkernel65Guest"),
            ("win31", "win31Guest"),
            ("win95", "win95Guest"),
            ("win98", "win98Guest"),
            ("winnt", "winNTGuest"),
            ("winme", "winMeGuest"),
            ("win2000advserv", "win2000AdvServGuest"),
            ("win2000pro", "win2000ProGuest"),
            ("win2000serv", "win2000ServGuest"),
            ("winxphome", "winXPHomeGuest"),
            ("winxppro", "winXPPro64Guest winXPProGuest"),
            ("winnetbusiness", "winNetBusinessGuest"),
            ("winnetweb", "winNetWebGuest"),
            ("winnetdatacenter", "winNetDatacenter64Guest winNetDatacenterGuest"),
            ("winnetenterprise", "winNetEnterprise64Guest winNetEnterpriseGuest"),
            ("winnetstandard", "winNetStandard64Guest winNetStandardGuest"),
            ("winvista", "winVista64Guest winVistaGuest"),
            ("winlonghorn", "winLonghorn64Guest winLonghornGuest"),
            ("win7", "windows7_64Guest windows7Guest"),
            ("win7server", "windows7Server64Guest"),
            ("win8", "windows8_64Guest windows8Guest"),
            ("win8server", "windows8Server64Guest"),
            ("win10", "windows9_64Guest windows9Guest"),
            ("win10server", "windows9Server64Guest"),
            ("windowshyperv", "windowsHyperVGuest"),
        ];
        let mut ids = BTreeSet::new();
        for (short, guest_ids) in families {
            for id in guest_ids.split(' ') {
                assert_eq!(named(id), format!("vsphere-vm.cpu-2.mem-4gb.os-{short}"), "{id}");
                assert!(ids.insert(id), "{id} twice");
            }
        }
        assert_eq!(ids.len(), SHORT_NAMES.len());
    }
}
