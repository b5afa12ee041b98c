//! Configuration files, as administrators write them.

use xtask::testbed::Vcsim;

/// What a configuration says of one vCenter.
#[derive(Debug, Clone)]
pub(crate) struct Vcenter {
    pub(crate) id: String,
    pub(crate) server: String,
    pub(crate) port: u16,
    pub(crate) ca: String,
    pub(crate) thumbprint: Option<String>,
    pub(crate) credentials: Credentials,
    pub(crate) datacenters: Vec<String>,
}

/// Where the credentials are.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// User and password.
    Inline(String, String),
    /// Namespace and name.
    Secret(String, String),
}

impl Vcenter {
    /// A vCenter that can be reached, with credentials that are right.
    pub(crate) fn of(vcsim: &Vcsim) -> Self {
        Self {
            id: format!("vc-{}", vcsim.port()),
            server: "127.0.0.1".to_owned(),
            port: vcsim.port(),
            ca: vcsim.ca().display().to_string(),
            thumbprint: None,
            credentials: Credentials::Inline(vcsim.user().to_owned(), vcsim.password().to_owned()),
            datacenters: Vec::new(),
        }
    }

    pub(crate) fn secret(mut self, namespace: &str, name: &str) -> Self {
        self.credentials = Credentials::Secret(namespace.to_owned(), name.to_owned());
        self
    }

    pub(crate) fn password(mut self, password: &str) -> Self {
        if let Credentials::Inline(_, old) = &mut self.credentials {
            password.clone_into(old);
        }
        self
    }

    /// Trusts the system's CAs and whoever has this thumbprint.
    pub(crate) fn trusting(mut self, thumbprint: Option<&str>) -> Self {
        self.ca.clear();
        self.thumbprint = thumbprint.map(str::to_owned);
        self
    }

    pub(crate) fn datacenters(mut self, datacenters: &[&str]) -> Self {
        self.datacenters = datacenters.iter().map(ToString::to_string).collect();
        self
    }
}

/// A configuration file.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    vcenters: Vec<Vcenter>,
    /// Keys of the section about nodes, in YAML's spelling.
    nodes: Vec<(String, String)>,
    /// Tag categories: of regions, of zones.
    labels: Option<(String, String)>,
}

impl Config {
    /// One that says no more than where the vCenters are.
    pub(crate) fn of(vcsims: &[&Vcsim]) -> Self {
        Self::with(vcsims.iter().map(|vcsim| Vcenter::of(vcsim)))
    }

    pub(crate) fn with(vcenters: impl IntoIterator<Item = Vcenter>) -> Self {
        Self { vcenters: vcenters.into_iter().collect(), nodes: Vec::new(), labels: None }
    }

    /// Adds a key about the addresses of nodes, such as `internalNetworkSubnetCidr`.
    pub(crate) fn nodes(mut self, key: &str, value: &str) -> Self {
        self.nodes.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Has zones told by tags of these categories.
    pub(crate) fn labels(mut self, region: &str, zone: &str) -> Self {
        self.labels = Some((region.to_owned(), zone.to_owned()));
        self
    }

    pub(crate) fn yaml(&self) -> String {
        let mut lines = vec!["vcenter:".to_owned()];
        for vcenter in &self.vcenters {
            lines.push(format!("  {}:", vcenter.id));
            let mut set = |key: &str, value: &str| lines.push(format!("    {key}: {value:?}"));
            set("server", &vcenter.server);
            set("port", &vcenter.port.to_string());
            if !vcenter.ca.is_empty() {
                set("caFile", &vcenter.ca);
            }
            if let Some(thumbprint) = &vcenter.thumbprint {
                set("thumbprint", thumbprint);
            }
            match &vcenter.credentials {
                Credentials::Inline(user, password) => {
                    set("user", user);
                    set("password", password);
                }
                Credentials::Secret(namespace, name) => {
                    set("secretNamespace", namespace);
                    set("secretName", name);
                }
            }
            if !vcenter.datacenters.is_empty() {
                lines.push(format!("    datacenters: {:?}", vcenter.datacenters));
            }
        }
        if !self.nodes.is_empty() {
            lines.push("nodes:".to_owned());
            lines.extend(self.nodes.iter().map(|(key, value)| format!("  {key}: {value:?}")));
        }
        if let Some((region, zone)) = &self.labels {
            lines.push(format!("labels:\n  region: {region:?}\n  zone: {zone:?}"));
        }
        lines.join("\n") + "\n"
    }

    pub(crate) fn ini(&self) -> String {
        let mut lines = Vec::new();
        for vcenter in &self.vcenters {
            lines.push(format!("[VirtualCenter {:?}]", vcenter.id));
            let mut set = |key: &str, value: &str| lines.push(format!("{key} = {value:?}"));
            set("server", &vcenter.server);
            set("port", &vcenter.port.to_string());
            set("ca-file", &vcenter.ca);
            match &vcenter.credentials {
                Credentials::Inline(user, password) => {
                    set("user", user);
                    set("password", password);
                }
                Credentials::Secret(namespace, name) => {
                    set("secret-namespace", namespace);
                    set("secret-name", name);
                }
            }
            if !vcenter.datacenters.is_empty() {
                set("datacenters", &vcenter.datacenters.join(","));
            }
        }
        assert!(self.nodes.is_empty() && self.labels.is_none(), "nobody needed this so far");
        lines.join("\n") + "\n"
    }
}
