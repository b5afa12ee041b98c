//! What `/configz` says: the configuration in use, without anything secret.

use serde_json::{Value, json};

use crate::config::{AddressRule, Config, CredentialSource, Vcenter};

/// The configuration in use, and the flags as they were given.
///
/// It is made of single fields, so that what is secret is not there because nobody put it there.
pub(super) fn configz(config: &Config, flags: &[String]) -> Value {
    json!({
        "program": {"name": "vsphere-cloud", "version": env!("CARGO_PKG_VERSION")},
        "flags": flags,
        "vsphere.conf": {
            "vcenter": config.vcenters.iter().map(vcenter).collect::<Vec<_>>(),
            "labels": {"region": config.labels.region, "zone": config.labels.zone},
            "nodes": {"internal": rule(&config.nodes.internal), "external": rule(&config.nodes.external)},
        },
    })
}

fn vcenter(vcenter: &Vcenter) -> Value {
    let credentials = match &vcenter.credentials {
        CredentialSource::Inline { .. } => "in the file".to_owned(),
        CredentialSource::Secret(secret) => format!("Secret {secret}"),
        CredentialSource::Directory(directory) => format!("directory {}", directory.display()),
    };
    json!({
        "id": vcenter.id,
        "server": vcenter.server,
        "port": vcenter.port,
        "credentials": credentials,
        "insecureFlag": vcenter.tls.insecure,
        "caFiles": vcenter.tls.ca_files,
        "thumbprint": vcenter.tls.thumbprint.is_some(),
        "datacenters": vcenter.datacenters,
        "ipFamily": vcenter.ip_families.iter().map(|family| family.as_str()).collect::<Vec<_>>(),
    })
}

fn rule(rule: &AddressRule) -> Value {
    let texts = |nets: &[ipnet::IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "networkSubnetCidr": texts(&rule.subnets),
        "vmNetworkName": rule.network,
        "excludeNetworkSubnetCidr": texts(&rule.exclude),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_configuration_is_told_without_users_and_passwords() {
        let text = "global: {user: topsecretuser, password: topsecret}\n\
                    vcenter:\n  main: {server: vc.example.org, datacenters: [dc0]}\n\
                    nodes: {internalNetworkSubnetCidr: 10.0.0.0/8}\n\
                    labels: {region: r, zone: z}\n";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let loaded = config::load_file(file.path(), config::Options::default()).unwrap();
        let told = configz(&loaded.config, &["--v=2".to_owned()]);
        assert!(!told.to_string().contains("topsecret"), "{told}");
        assert_eq!(told["vsphere.conf"]["vcenter"][0]["server"], "vc.example.org");
        assert_eq!(told["vsphere.conf"]["vcenter"][0]["credentials"], "in the file");
        assert_eq!(told["vsphere.conf"]["nodes"]["internal"]["networkSubnetCidr"][0], "10.0.0.0/8");
        assert_eq!(told["flags"][0], "--v=2");
    }
}
