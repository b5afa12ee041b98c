//! The keys of the file: one table for both dialects.

mod tables;
mod top;

use super::dialect::Dialect;
use super::model::FeatureName;
use super::nearest::nearest;
use tables::{CLASS, GLOBAL, LABELS, LOAD_BALANCER, NODES, NSXT, ROUTE, VCENTER};
pub(super) use top::Top;

/// A section that this crate reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    /// `global`, `[Global]`
    Global,
    /// `vcenter.<id>`, `[VirtualCenter "<id>"]`
    Vcenter(String),
    /// `labels`, `[Labels]`
    Labels,
    /// `nodes`, `[Nodes]`
    Nodes,
    /// `nsxt`, `[NSXT]`
    Nsxt,
    /// `loadBalancer`, `[LoadBalancer]`
    LoadBalancer,
    /// `loadBalancerClass.<name>`, `[LoadBalancerClass "<name>"]`
    LoadBalancerClass(String),
    /// `route`, `[Route]`
    Route,
}

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    User,
    Password,
    Server,
    Port,
    InsecureFlag,
    Datacenters,
    CaFile,
    Thumbprint,
    SecretName,
    SecretNamespace,
    SecretsDirectory,
    IpFamily,
    SoapRoundtripCount,
    ApiDisable,
    ApiBinding,
    Region,
    Zone,
    InternalSubnet,
    ExternalSubnet,
    InternalNetwork,
    ExternalNetwork,
    ExcludeInternal,
    ExcludeExternal,
    Host,
    RemoteAuth,
    VmcAccessToken,
    VmcAuthHost,
    ClientAuthCertFile,
    ClientAuthKeyFile,
    Size,
    LbServiceId,
    Tier1GatewayPath,
    SnatDisabled,
    Tags,
    IpPoolName,
    IpPoolId,
    TcpAppProfileName,
    TcpAppProfilePath,
    UdpAppProfileName,
    UdpAppProfilePath,
    RouterPath,
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One value.
    Text,
    /// A yes or a no.
    Bool,
    /// Several values, as YAML list or with commas between them.
    List,
    /// The same, but for upstream it is one text with commas in YAML too.
    Commas,
    /// Names with values: a YAML mapping, in INI a JSON object.
    Map,
    /// Nothing that has an effect.
    Ignored,
}

/// A key as it is written.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) field: Field,
    yaml: &'static str,
    ini: &'static str,
    pub(super) shape: Shape,
}

impl Key {
    const fn new(field: Field, yaml: &'static str, ini: &'static str, shape: Shape) -> Self {
        Self { field, yaml, ini, shape }
    }

    /// The spelling in a dialect.
    pub(super) const fn name(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Yaml => self.yaml,
            Dialect::Ini => self.ini,
        }
    }
}

impl Section {
    /// The section's name in a dialect, with its id.
    pub(super) fn path(&self, dialect: Dialect) -> String {
        match (dialect, self) {
            (_, Self::Vcenter(id)) => match dialect {
                Dialect::Yaml if plain(id) => format!("vcenter.{id}"),
                Dialect::Yaml => format!("vcenter.{id:?}"),
                Dialect::Ini => format!("[VirtualCenter {id:?}]"),
            },
            (_, Self::LoadBalancerClass(name)) => match dialect {
                Dialect::Yaml if plain(name) => format!("loadBalancerClass.{name}"),
                Dialect::Yaml => format!("loadBalancerClass.{name:?}"),
                Dialect::Ini => format!("[LoadBalancerClass {name:?}]"),
            },
            (Dialect::Yaml, Self::Global) => "global".to_owned(),
            (Dialect::Yaml, Self::Labels) => "labels".to_owned(),
            (Dialect::Yaml, Self::Nodes) => "nodes".to_owned(),
            (Dialect::Yaml, Self::Nsxt) => "nsxt".to_owned(),
            (Dialect::Yaml, Self::LoadBalancer) => "loadBalancer".to_owned(),
            (Dialect::Yaml, Self::Route) => "route".to_owned(),
            (Dialect::Ini, Self::Global) => "[Global]".to_owned(),
            (Dialect::Ini, Self::Labels) => "[Labels]".to_owned(),
            (Dialect::Ini, Self::Nodes) => "[Nodes]".to_owned(),
            (Dialect::Ini, Self::Nsxt) => "[NSXT]".to_owned(),
            (Dialect::Ini, Self::LoadBalancer) => "[LoadBalancer]".to_owned(),
            (Dialect::Ini, Self::Route) => "[Route]".to_owned(),
        }
    }

    /// The names that lead to the section in YAML.
    pub(super) fn yaml_path(&self) -> Vec<String> {
        match self {
            Self::Vcenter(id) => vec!["vcenter".to_owned(), id.clone()],
            Self::LoadBalancerClass(name) => vec!["loadBalancerClass".to_owned(), name.clone()],
            other => vec![other.path(Dialect::Yaml)],
        }
    }

    /// A key of this section with the way to it, e.g. `vcenter.vc1.port`.
    pub(super) fn key_path(&self, dialect: Dialect, key: &str) -> String {
        let separator = match dialect {
            Dialect::Yaml => '.',
            Dialect::Ini => ' ',
        };
        format!("{}{separator}{key}", self.path(dialect))
    }

    /// The same for a field that the section has.
    pub(super) fn field_path(&self, dialect: Dialect, field: Field) -> String {
        self.key_path(dialect, name(dialect, field))
    }

    /// The feature that a mistake in this section switches off; otherwise it is the whole file's.
    pub(super) const fn feature(&self) -> Option<FeatureName> {
        match self {
            Self::Nsxt => Some(FeatureName::Nsxt),
            Self::LoadBalancer | Self::LoadBalancerClass(_) => Some(FeatureName::LoadBalancer),
            Self::Route => Some(FeatureName::Route),
            Self::Global | Self::Vcenter(_) | Self::Labels | Self::Nodes => None,
        }
    }

    /// What stands behind a key of this section.
    pub(super) fn shape(&self, field: Field) -> Shape {
        self.keys().find(|key| key.field == field).map_or(Shape::Ignored, |key| key.shape)
    }

    /// One section of each kind, for a dialect's examples.
    pub(super) fn examples(dialect: Dialect) -> [Self; 8] {
        let id = || match dialect {
            Dialect::Yaml => "<id>".to_owned(),
            Dialect::Ini => "...".to_owned(),
        };
        [
            Self::Global,
            Self::Vcenter(id()),
            Self::Labels,
            Self::Nodes,
            Self::Nsxt,
            Self::LoadBalancer,
            Self::LoadBalancerClass(id()),
            Self::Route,
        ]
    }

    /// The keys that may stand in this section.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        let (first, second): (&'static [Key], &'static [Key]) = match self {
            Self::Global => (VCENTER, GLOBAL),
            Self::Vcenter(_) => (VCENTER, &[]),
            Self::Labels => (LABELS, &[]),
            Self::Nodes => (NODES, &[]),
            Self::Nsxt => (NSXT, &[]),
            Self::LoadBalancer => (LOAD_BALANCER, CLASS),
            Self::LoadBalancerClass(_) => (CLASS, &[]),
            Self::Route => (ROUTE, &[]),
        };
        first.iter().chain(second)
    }

    /// The key with exactly this spelling; INI does not tell cases apart.
    pub(super) fn find(&self, dialect: Dialect, spelling: &str) -> Option<&'static Key> {
        self.keys().find(|key| match dialect {
            Dialect::Yaml => key.yaml == spelling,
            Dialect::Ini => key.ini.eq_ignore_ascii_case(spelling),
        })
    }

    /// Why a spelling is none of this section's keys, and what could be meant.
    ///
    /// `bare` is an entry without a value. It may be the rest of a password that was torn apart by
    /// a comma or line break, so it is named only when it resembles a key.
    pub(super) fn unknown_key(&self, dialect: Dialect, spelling: &str, bare: bool) -> (String, String) {
        let section = self.path(dialect);
        if let Some(near) = nearest(spelling, self.keys().map(|key| key.name(dialect))) {
            let key = self.key_path(dialect, spelling);
            return (key, format!("is not a key and has no effect; did you mean `{near}`?"));
        }
        if bare {
            let text = "an entry without a value, and not a key, has no effect (its name is not shown: it may be \
                        a piece of another value; a value with special characters belongs in quotes)";
            return (section, text.to_owned());
        }
        let key = self.key_path(dialect, spelling);
        let home = Self::examples(dialect).into_iter().find(|other| other.find(dialect, spelling).is_some());
        if let Some(home) = home {
            return (key, format!("has no effect here; it belongs in `{}`", home.path(dialect)));
        }
        let known: Vec<_> = self.keys().map(|key| key.name(dialect)).collect();
        (key, format!("is not a key and has no effect; `{section}` knows {}", known.join(", ")))
    }
}

/// How a dialect spells a field.
pub(super) fn name(dialect: Dialect, field: Field) -> &'static str {
    [VCENTER, GLOBAL, LABELS, NODES, NSXT, LOAD_BALANCER, CLASS, ROUTE]
        .into_iter()
        .flatten()
        .find(|key| key.field == field)
        .map_or("", |key| key.name(dialect))
}

fn plain(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
