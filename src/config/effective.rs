//! The effective configuration as a list: every value, and where it comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

use super::dialect::Dialect;
use super::keys::{Field, Section, name};
use super::model::{
    AddressRule, Config, CredentialSource, Feature, LoadBalancer, LoadBalancerClass, Nsxt, NsxtAuth,
    Reference, SecretRef, Vcenter,
};
use super::origin::{Origin, Origins};

/// One value that is in effect.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Section and, where it has one, its name: `["vcenter", "vc1"]`.
    pub section: Vec<String>,
    /// The key in YAML's spelling.
    pub key: &'static str,
    /// The value.
    pub value: SettingValue,
    /// Where it comes from.
    pub origin: Origin,
}

/// A value by its shape in YAML.
#[derive(Clone, Debug)]
pub enum SettingValue {
    /// A text.
    Text(String),
    /// A text that nobody may see.
    Secret(SecretString),
    /// A number.
    Number(u16),
    /// A yes or a no.
    Bool(bool),
    /// Several texts.
    List(Vec<String>),
    /// Names with texts.
    Map(BTreeMap<String, String>),
    /// It is read later, from what the origin names.
    Later,
}

/// Lists all values, the vCenters first.
pub(super) fn settings(config: &Config, origins: &Origins) -> Vec<Setting> {
    let mut list = List { origins, settings: Vec::new() };
    list.global(config);
    config.vcenters.iter().for_each(|vcenter| list.vcenter(vcenter));
    list.optional(&Section::Labels, Field::Region, config.labels.region.as_ref());
    list.optional(&Section::Labels, Field::Zone, config.labels.zone.as_ref());
    let fields = [Field::InternalSubnet, Field::InternalNetwork, Field::ExcludeInternal];
    list.rule(&config.nodes.internal, fields);
    let fields = [Field::ExternalSubnet, Field::ExternalNetwork, Field::ExcludeExternal];
    list.rule(&config.nodes.external, fields);
    if let Feature::Configured(nsxt) = &config.nsxt {
        list.nsxt(nsxt);
    }
    if let Feature::Configured(load_balancer) = &config.load_balancer {
        list.load_balancer(load_balancer);
    }
    if let Feature::Configured(route) = &config.route {
        list.text(&Section::Route, Field::RouterPath, &route.router_path);
    }
    list.settings
}

struct List<'a> {
    origins: &'a Origins,
    settings: Vec<Setting>,
}

impl List<'_> {
    fn add(&mut self, section: &Section, field: Field, value: SettingValue) {
        let origin = self.origins.get(section, field);
        self.add_from(section, field, value, origin);
    }

    fn add_from(&mut self, section: &Section, field: Field, value: SettingValue, origin: Origin) {
        let key = name(Dialect::Yaml, field);
        self.settings.push(Setting { section: section.yaml_path(), key, value, origin });
    }

    fn text(&mut self, section: &Section, field: Field, text: &str) {
        self.add(section, field, SettingValue::Text(text.to_owned()));
    }

    fn optional(&mut self, section: &Section, field: Field, text: Option<&String>) {
        if let Some(text) = text {
            self.text(section, field, text);
        }
    }

    fn paths(&mut self, section: &Section, field: Field, paths: &[PathBuf]) {
        if !paths.is_empty() {
            let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            self.text(section, field, &paths.join(":"));
        }
    }

    /// The one thing that has no place at a vCenter. The default directory is not said here: for a
    /// vCenter with a user in the file it does not count, unlike one that is named.
    fn global(&mut self, config: &Config) {
        for vcenter in &config.vcenters {
            if let CredentialSource::Directory(directory) = &vcenter.credentials {
                let section = Section::Vcenter(vcenter.id.clone());
                let origin = self.origins.get(&section, Field::SecretsDirectory);
                let value = SettingValue::Text(directory.display().to_string());
                if origin != Origin::Default {
                    self.add_from(&Section::Global, Field::SecretsDirectory, value, origin);
                    return;
                }
            }
        }
    }

    fn vcenter(&mut self, vcenter: &Vcenter) {
        let section = &Section::Vcenter(vcenter.id.clone());
        self.text(section, Field::Server, &vcenter.server);
        self.add(section, Field::Port, SettingValue::Number(vcenter.port));
        match &vcenter.credentials {
            CredentialSource::Inline { user, password } => self.login(section, user, password),
            CredentialSource::Secret(secret) => {
                self.secret(section, secret);
                self.later(section, &Origin::Secret(secret.clone()));
            }
            CredentialSource::Directory(directory) => {
                self.later(section, &Origin::Directory(directory.clone()));
            }
        }
        self.add(section, Field::InsecureFlag, SettingValue::Bool(vcenter.tls.insecure));
        self.paths(section, Field::CaFile, &vcenter.tls.ca_files);
        self.optional(section, Field::Thumbprint, vcenter.tls.thumbprint.map(|pin| pin.to_string()).as_ref());
        self.add(section, Field::Datacenters, SettingValue::List(vcenter.datacenters.clone()));
        let families = vcenter.ip_families.iter().map(|family| family.as_str().to_owned()).collect();
        self.add(section, Field::IpFamily, SettingValue::List(families));
    }

    fn login(&mut self, section: &Section, user: &str, password: &SecretString) {
        self.text(section, Field::User, user);
        self.add(section, Field::Password, SettingValue::Secret(password.clone()));
    }

    fn secret(&mut self, section: &Section, secret: &SecretRef) {
        self.text(section, Field::SecretName, &secret.name);
        self.text(section, Field::SecretNamespace, &secret.namespace);
    }

    fn later(&mut self, section: &Section, origin: &Origin) {
        for field in [Field::User, Field::Password] {
            self.add_from(section, field, SettingValue::Later, origin.clone());
        }
    }

    fn rule(&mut self, rule: &AddressRule, [subnets, network, exclude]: [Field; 3]) {
        let nets = |nets: &[ipnet::IpNet]| {
            let texts: Vec<_> = nets.iter().map(ToString::to_string).collect();
            (!texts.is_empty()).then(|| texts.join(","))
        };
        self.optional(&Section::Nodes, subnets, nets(&rule.subnets).as_ref());
        self.optional(&Section::Nodes, network, rule.network.as_ref());
        self.optional(&Section::Nodes, exclude, nets(&rule.exclude).as_ref());
    }

    fn nsxt(&mut self, nsxt: &Nsxt) {
        let section = &Section::Nsxt;
        let host = if nsxt.host.contains(':') { format!("[{}]", nsxt.host) } else { nsxt.host.clone() };
        self.text(section, Field::Host, &format!("{host}:{}", nsxt.port));
        match &nsxt.auth {
            NsxtAuth::ClientCertificate { certificate, key } => {
                self.text(section, Field::ClientAuthCertFile, &certificate.display().to_string());
                self.text(section, Field::ClientAuthKeyFile, &key.display().to_string());
            }
            NsxtAuth::Vmc { auth_host, token } => {
                self.text(section, Field::VmcAuthHost, auth_host);
                self.add(section, Field::VmcAccessToken, SettingValue::Secret(token.clone()));
            }
            NsxtAuth::Secret(secret) => {
                self.secret(section, secret);
                self.later(section, &Origin::Secret(secret.clone()));
            }
            NsxtAuth::Login { user, password } => self.login(section, user, password),
        }
        self.add(section, Field::RemoteAuth, SettingValue::Bool(nsxt.remote_auth));
        self.add(section, Field::InsecureFlag, SettingValue::Bool(nsxt.tls.insecure));
        self.paths(section, Field::CaFile, &nsxt.tls.ca_files);
    }

    fn load_balancer(&mut self, load_balancer: &LoadBalancer) {
        let section = &Section::LoadBalancer;
        self.text(section, Field::Size, load_balancer.size.as_str());
        self.optional(section, Field::LbServiceId, load_balancer.service_id.as_ref());
        self.optional(section, Field::Tier1GatewayPath, load_balancer.tier1_gateway_path.as_ref());
        self.add(section, Field::SnatDisabled, SettingValue::Bool(load_balancer.snat_disabled));
        if !load_balancer.tags.is_empty() {
            self.add(section, Field::Tags, SettingValue::Map(load_balancer.tags.clone()));
        }
        let default = Section::LoadBalancerClass("default".to_owned());
        self.class(&Section::LoadBalancer, &load_balancer.default_class, &[&default, section]);
        for (name, class) in &load_balancer.classes {
            let own = Section::LoadBalancerClass(name.clone());
            self.class(&own, class, &[&own, &default, section]);
        }
    }

    /// A class, whose references come from the first of these sections that has them.
    fn class(&mut self, section: &Section, class: &LoadBalancerClass, from: &[&Section]) {
        for (reference, by_id, by_name) in [
            (&class.ip_pool, Field::IpPoolId, Field::IpPoolName),
            (&class.tcp_profile, Field::TcpAppProfilePath, Field::TcpAppProfileName),
            (&class.udp_profile, Field::UdpAppProfilePath, Field::UdpAppProfileName),
        ] {
            let (field, text) = match reference {
                Reference::Id(id) => (by_id, id),
                Reference::Name(name) => (by_name, name),
            };
            let origins = from.iter().map(|section| self.origins.get(section, field));
            let origin = origins.into_iter().find(|origin| *origin != Origin::Default);
            let value = SettingValue::Text(text.clone());
            self.add_from(section, field, value, origin.unwrap_or(Origin::Default));
        }
    }
}
