//! The keys of the file: one table for both dialects.

use super::dialect::Dialect;
use super::nearest::nearest;

/// A section that this crate reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// `global`, `[Global]`
    Global,
    /// `vcenter.<id>`, `[VirtualCenter "<id>"]`
    Vcenter(String),
    /// `labels`, `[Labels]`
    Labels,
    /// `nodes`, `[Nodes]`
    Nodes,
}

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Keys of a vCenter and, as defaults for all of them, of the global section.
const VCENTER: &[Key] = &[
    Key::new(Field::User, "user", "user", Shape::Text),
    Key::new(Field::Password, "password", "password", Shape::Text),
    Key::new(Field::Server, "server", "server", Shape::Text),
    Key::new(Field::Port, "port", "port", Shape::Text),
    Key::new(Field::InsecureFlag, "insecureFlag", "insecure-flag", Shape::Bool),
    Key::new(Field::Datacenters, "datacenters", "datacenters", Shape::List),
    Key::new(Field::CaFile, "caFile", "ca-file", Shape::Text),
    Key::new(Field::Thumbprint, "thumbprint", "thumbprint", Shape::Text),
    Key::new(Field::SecretName, "secretName", "secret-name", Shape::Text),
    Key::new(Field::SecretNamespace, "secretNamespace", "secret-namespace", Shape::Text),
    Key::new(Field::IpFamily, "ipFamily", "ip-family", Shape::List),
    Key::new(Field::SoapRoundtripCount, "soapRoundtripCount", "soap-roundtrip-count", Shape::Ignored),
];

/// Keys of the global section alone.
const GLOBAL: &[Key] = &[
    Key::new(Field::SecretsDirectory, "secretsDirectory", "secrets-directory", Shape::Text),
    Key::new(Field::ApiDisable, "apiDisable", "api-disable", Shape::Ignored),
    Key::new(Field::ApiBinding, "apiBinding", "api-binding", Shape::Ignored),
];

const LABELS: &[Key] = &[
    Key::new(Field::Region, "region", "region", Shape::Text),
    Key::new(Field::Zone, "zone", "zone", Shape::Text),
];

const NODES: &[Key] = &[
    Key::new(Field::InternalSubnet, "internalNetworkSubnetCidr", "internal-network-subnet-cidr", Shape::List),
    Key::new(Field::ExternalSubnet, "externalNetworkSubnetCidr", "external-network-subnet-cidr", Shape::List),
    Key::new(Field::InternalNetwork, "internalVmNetworkName", "internal-vm-network-name", Shape::Text),
    Key::new(Field::ExternalNetwork, "externalVmNetworkName", "external-vm-network-name", Shape::Text),
    Key::new(
        Field::ExcludeInternal,
        "excludeInternalNetworkSubnetCidr",
        "exclude-internal-network-subnet-cidr",
        Shape::List,
    ),
    Key::new(
        Field::ExcludeExternal,
        "excludeExternalNetworkSubnetCidr",
        "exclude-external-network-subnet-cidr",
        Shape::List,
    ),
];

impl Section {
    /// The section's name in a dialect, with its id.
    pub(super) fn path(&self, dialect: Dialect) -> String {
        match (dialect, self) {
            (_, Self::Vcenter(id)) => match dialect {
                Dialect::Yaml if plain(id) => format!("vcenter.{id}"),
                Dialect::Yaml => format!("vcenter.{id:?}"),
                Dialect::Ini => format!("[VirtualCenter {id:?}]"),
            },
            (Dialect::Yaml, Self::Global) => "global".to_owned(),
            (Dialect::Yaml, Self::Labels) => "labels".to_owned(),
            (Dialect::Yaml, Self::Nodes) => "nodes".to_owned(),
            (Dialect::Ini, Self::Global) => "[Global]".to_owned(),
            (Dialect::Ini, Self::Labels) => "[Labels]".to_owned(),
            (Dialect::Ini, Self::Nodes) => "[Nodes]".to_owned(),
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

    /// The keys that may stand in this section.
    fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        let (first, second): (&'static [Key], &'static [Key]) = match self {
            Self::Global => (VCENTER, GLOBAL),
            Self::Vcenter(_) => (VCENTER, &[]),
            Self::Labels => (LABELS, &[]),
            Self::Nodes => (NODES, &[]),
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
        let home = [
            Self::Global,
            Self::Vcenter(match dialect {
                Dialect::Yaml => "<id>".to_owned(),
                Dialect::Ini => "...".to_owned(),
            }),
            Self::Labels,
            Self::Nodes,
        ]
        .into_iter()
        .find(|other| other.find(dialect, spelling).is_some());
        if let Some(home) = home {
            return (key, format!("has no effect here; it belongs in `{}`", home.path(dialect)));
        }
        let known: Vec<_> = self.keys().map(|key| key.name(dialect)).collect();
        (key, format!("is not a key and has no effect; `{section}` knows {}", known.join(", ")))
    }
}

/// How a dialect spells a field.
pub(super) fn name(dialect: Dialect, field: Field) -> &'static str {
    [VCENTER, GLOBAL, LABELS, NODES]
        .into_iter()
        .flatten()
        .find(|key| key.field == field)
        .map_or("", |key| key.name(dialect))
}

fn plain(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// What a top-level name of the file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Top {
    Global,
    Vcenter,
    Labels,
    Nodes,
    /// Read by another part of the product.
    Elsewhere,
    /// Of the provider that was once part of Kubernetes.
    InTree,
}

const TOP: &[(&str, &str, Top)] = &[
    ("global", "Global", Top::Global),
    ("vcenter", "VirtualCenter", Top::Vcenter),
    ("labels", "Labels", Top::Labels),
    ("nodes", "Nodes", Top::Nodes),
    ("nsxt", "NSXT", Top::Elsewhere),
    ("loadBalancer", "LoadBalancer", Top::Elsewhere),
    ("loadBalancerClass", "LoadBalancerClass", Top::Elsewhere),
    ("route", "Route", Top::Elsewhere),
    ("workspace", "Workspace", Top::InTree),
    ("disk", "Disk", Top::InTree),
    ("network", "Network", Top::InTree),
];

impl Top {
    /// What a name stands for.
    pub(super) fn find(dialect: Dialect, spelling: &str) -> Option<Self> {
        let found = TOP.iter().find(|(yaml, ini, top)| match dialect {
            // Nobody has a use for a YAML section that differs from a leftover in its case alone.
            Dialect::Yaml if *top == Self::InTree => yaml.eq_ignore_ascii_case(spelling),
            Dialect::Yaml => *yaml == spelling,
            Dialect::Ini => ini.eq_ignore_ascii_case(spelling),
        });
        found.map(|(_, _, top)| *top)
    }

    /// What to say about a name that stands for nothing.
    pub(super) fn unknown(dialect: Dialect, spelling: &str) -> String {
        let known = || TOP.iter().filter(|(_, _, top)| *top != Self::InTree);
        let name = |(yaml, ini, _): &(&'static str, &'static str, Self)| match dialect {
            Dialect::Yaml => *yaml,
            Dialect::Ini => *ini,
        };
        // The other dialect's name may be meant: vcenter, VirtualCenter.
        let near = nearest(spelling, known().flat_map(|(yaml, ini, _)| [*yaml, *ini]))
            .and_then(|near| known().find(|(yaml, ini, _)| *yaml == near || *ini == near));
        match near.map(name) {
            Some(near) => format!("is not a section and has no effect; did you mean `{near}`?"),
            None => format!(
                "is not a section and has no effect; there are {}",
                known().map(name).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}
