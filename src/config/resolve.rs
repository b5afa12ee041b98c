//! From what the file says to what it means: inheritance, defaults, checks.
//!
//! Every mistake is reported and the reading goes on, so that one run shows them all. A value with
//! a mistake counts as not given; no second error follows from it.

use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::SecretString;

use super::dialect::Dialect;
use super::keys::{Field, Section, name};
use super::model::{
    AddressRule, Config, CredentialSource, IpFamily, Labels, Nodes, SecretRef, Thumbprint, Tls, Vcenter,
};
use super::problem::Report;
use super::raw::{RawConfig, RawSection};
use super::values;

const DEFAULT_PORT: u16 = 443;

/// Makes sense of the file; only good if nothing was added to the errors.
pub(super) fn resolve(raw: &RawConfig, report: &mut Report) -> Config {
    let mut resolver = Resolver { dialect: raw.dialect, report };
    let vcenters = resolver.vcenters(raw);
    let labels = resolver.labels(&raw.labels);
    let nodes = resolver.nodes(&raw.nodes);
    Config { vcenters, labels, nodes }
}

/// What a section says about a vCenter, or about all of them.
struct Settings<'a> {
    raw: &'a RawSection,
    port: Option<u16>,
    insecure: Option<bool>,
    datacenters: Vec<String>,
    ca_files: Vec<PathBuf>,
    thumbprint: Option<Thumbprint>,
    families: Vec<IpFamily>,
    source: Source,
}

/// Where a section says that credentials are, other than in the file.
#[derive(Clone, PartialEq, Eq)]
enum Source {
    /// It does not say.
    None,
    /// In a Secret.
    Secret(SecretRef),
    /// In the files of a directory.
    Directory(PathBuf),
    /// It says it wrongly, which is reported already.
    Broken,
}

struct Resolver<'a> {
    dialect: Dialect,
    report: &'a mut Report,
}

impl Resolver<'_> {
    fn key(&self, raw: &RawSection, field: Field) -> String {
        raw.section.field_path(self.dialect, field)
    }

    fn name(&self, field: Field) -> &'static str {
        name(self.dialect, field)
    }

    fn error(&mut self, raw: &RawSection, field: Field, line: Option<usize>, message: impl Into<String>) {
        let key = self.key(raw, field);
        self.report.error(line.or(raw.line), key, message);
    }

    fn parse<T>(
        &mut self,
        raw: &RawSection,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (text, line) = raw.text(field)?;
        parse(text).map_err(|message| self.error(raw, field, Some(line), message)).ok()
    }

    /// The items that can be read, without those that come again.
    fn parse_items<T: PartialEq>(
        &mut self,
        raw: &RawSection,
        field: Field,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut parsed = Vec::new();
        for (text, line) in raw.items(field) {
            match parse(text) {
                Ok(item) if parsed.contains(&item) => {}
                Ok(item) => parsed.push(item),
                Err(message) => self.error(raw, field, Some(*line), message),
            }
        }
        parsed
    }

    fn settings<'a>(&mut self, raw: &'a RawSection) -> Settings<'a> {
        let ca_files = raw.text(Field::CaFile).map_or_else(Vec::new, |(text, _)| {
            text.split(':').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect()
        });
        for field in [Field::User, Field::Password] {
            if let Some((text, line)) = raw.text(field)
                && text.ends_with('\n')
            {
                let hint = match self.dialect {
                    Dialect::Yaml => "; begin the block with |- instead of | if that is not wanted",
                    Dialect::Ini => "",
                };
                let key = self.key(raw, field);
                self.report.warn(Some(line), key, format!("the value ends with a line break{hint}"));
            }
        }
        Settings {
            raw,
            port: self.parse(raw, Field::Port, values::port).flatten(),
            insecure: self.parse(raw, Field::InsecureFlag, values::boolean),
            datacenters: self.parse_items(raw, Field::Datacenters, |item| Ok(item.to_owned())),
            ca_files,
            thumbprint: self.parse(raw, Field::Thumbprint, values::thumbprint),
            families: self.parse_items(raw, Field::IpFamily, values::family),
            source: self.source(raw),
        }
    }

    fn source(&mut self, raw: &RawSection) -> Source {
        if [Field::SecretName, Field::SecretNamespace, Field::SecretsDirectory]
            .iter()
            .any(|field| raw.has_lost(*field))
        {
            return Source::Broken;
        }
        let secret_name = raw.text(Field::SecretName);
        let namespace = raw.text(Field::SecretNamespace);
        let directory = raw.text(Field::SecretsDirectory);
        match (secret_name, namespace, directory) {
            (None, None, None) => Source::None,
            (None, None, Some((directory, _))) => Source::Directory(PathBuf::from(directory)),
            (Some((name, _)), Some((namespace, _)), None) => Source::Secret(SecretRef {
                namespace: namespace.trim().to_owned(),
                name: name.trim().to_owned(),
            }),
            (Some(_), Some(_), Some((_, line))) => {
                let (a, b) = (self.name(Field::SecretName), self.name(Field::SecretNamespace));
                let message = format!("cannot stand beside `{a}` and `{b}`; keep one of the two ways");
                self.error(raw, Field::SecretsDirectory, Some(line), message);
                Source::Broken
            }
            (Some((_, line)), None, _) => self.half(raw, line, Field::SecretName, Field::SecretNamespace),
            (None, Some((_, line)), _) => self.half(raw, line, Field::SecretNamespace, Field::SecretName),
        }
    }

    fn half(&mut self, raw: &RawSection, line: usize, given: Field, missing: Field) -> Source {
        let section = raw.section.path(self.dialect);
        let message = format!("needs `{}` beside it in `{section}`", self.name(missing));
        self.error(raw, given, Some(line), message);
        Source::Broken
    }

    fn vcenters(&mut self, raw: &RawConfig) -> Vec<Vcenter> {
        let global = self.settings(&raw.global);
        self.unused_inline(&global, &global);
        let mut found: Vec<(Vcenter, Option<usize>)> = Vec::new();
        for section in &raw.vcenters {
            let Section::Vcenter(id) = &section.section else { continue };
            let own = self.settings(section);
            if let Some(server) = self.server(section, id) {
                let vcenter = self.vcenter(id, server, &own, &global);
                let line = section.line_of(Field::Server);
                self.insert(&mut found, vcenter, line);
            }
        }
        if let Some((id, line)) = raw.global.text(Field::Server) {
            let known = raw.vcenters.iter().any(|section| section.section == Section::Vcenter(id.to_owned()));
            if let Some(server) = self.parse_server(&raw.global, Field::Server)
                && !known
                // Often the server of a vCenter is repeated here.
                && !found.iter().any(|(vcenter, _)| values::same_server(&vcenter.server, &server))
            {
                let nothing = RawSection::new(Section::Global, raw.global.line);
                let own = self.settings(&nothing);
                let vcenter = self.vcenter(id, server, &own, &global);
                found.push((vcenter, Some(line)));
            }
        } else if raw.vcenters.is_empty() && !raw.vcenters_lost && !raw.global.has_lost(Field::Server) {
            self.report.error(
                None,
                None,
                match self.dialect {
                    Dialect::Yaml => {
                        "no vCenter is given; write `vcenter:` and below it `vc1: {server: vc.example.com}`"
                    }
                    Dialect::Ini => "no vCenter is given; write a section [VirtualCenter \"vc.example.com\"]",
                },
            );
        }
        found.into_iter().map(|(vcenter, _)| vcenter).collect()
    }

    fn parse_server(&mut self, raw: &RawSection, field: Field) -> Option<String> {
        let port = self.name(Field::Port);
        self.parse(raw, field, |text| values::server(text, port))
    }

    /// The server of a vCenter; in INI its name stands in for it.
    fn server(&mut self, raw: &RawSection, id: &str) -> Option<String> {
        if raw.text(Field::Server).is_some() {
            return self.parse_server(raw, Field::Server);
        }
        if raw.has_lost(Field::Server) {
            return None;
        }
        match self.dialect {
            Dialect::Yaml => {
                let line = raw.line_of(Field::Server);
                let message = "is missing; write the host name or IP address of this vCenter";
                self.error(raw, Field::Server, line, message);
                None
            }
            Dialect::Ini => values::server(id, self.name(Field::Port))
                .map_err(|message| {
                    let key = raw.section.path(self.dialect);
                    let message =
                        format!("without `server` the name in the header is the server, and it {message}");
                    self.report.error(raw.line, key, message);
                })
                .ok(),
        }
    }

    fn vcenter(&mut self, id: &str, server: String, own: &Settings<'_>, global: &Settings<'_>) -> Vcenter {
        let credentials = self.credentials(own, global);
        let families = if own.families.is_empty() { &global.families } else { &own.families };
        Vcenter {
            id: id.to_owned(),
            server,
            port: own.port.or(global.port).unwrap_or(DEFAULT_PORT),
            credentials,
            tls: Tls {
                // Either of the two values counts: upstream cannot turn a global `true` off again.
                insecure: own.insecure.or(global.insecure).unwrap_or(false),
                ca_files: first_filled(&own.ca_files, &global.ca_files),
                thumbprint: own.thumbprint.or(global.thumbprint),
            },
            datacenters: first_filled(&own.datacenters, &global.datacenters),
            ip_families: if families.is_empty() { vec![IpFamily::V4] } else { families.clone() },
        }
    }

    /// The vCenter's Secret, else the global one, else what stands in the file.
    fn credentials(&mut self, own: &Settings<'_>, global: &Settings<'_>) -> CredentialSource {
        let source = if own.source == Source::None { global } else { own };
        if own.raw.section != Section::Global {
            self.unused_inline(own, source);
        }
        match &source.source {
            Source::Secret(secret) => CredentialSource::Secret(secret.clone()),
            Source::Directory(directory) => CredentialSource::Directory(directory.clone()),
            Source::Broken => inline("", ""),
            Source::None => {
                let text =
                    |field| own.raw.text(field).or_else(|| global.raw.text(field)).map(|(text, _)| text);
                let (user, password) = (text(Field::User), text(Field::Password));
                for (field, value) in [(Field::User, user), (Field::Password, password)] {
                    if value.is_none() && !own.raw.has_lost(field) && !global.raw.has_lost(field) {
                        self.no_credentials(own.raw, field);
                    }
                }
                inline(user.unwrap_or_default(), password.unwrap_or_default())
            }
        }
    }

    fn no_credentials(&mut self, raw: &RawSection, field: Field) {
        let message = format!(
            "is empty; write `{}` and `{}` here or in `{}`, or name a Secret with `{}` and `{}`",
            self.name(Field::User),
            self.name(Field::Password),
            Section::Global.path(self.dialect),
            self.name(Field::SecretName),
            self.name(Field::SecretNamespace),
        );
        self.error(raw, field, raw.line_of(field), message);
    }

    /// Tells of credentials in the file that are passed over for a Secret.
    fn unused_inline(&mut self, own: &Settings<'_>, source: &Settings<'_>) {
        let field = match source.source {
            Source::Secret(_) => Field::SecretName,
            Source::Directory(_) => Field::SecretsDirectory,
            Source::None | Source::Broken => return,
        };
        let by = self.key(source.raw, field);
        for field in [Field::User, Field::Password] {
            if let Some((_, line)) = own.raw.text(field) {
                let key = self.key(own.raw, field);
                self.report.warn(
                    Some(line),
                    key,
                    format!("has no effect, because `{by}` is given; remove one"),
                );
            }
        }
    }

    fn insert(&mut self, found: &mut Vec<(Vcenter, Option<usize>)>, new: Vcenter, line: Option<usize>) {
        let twin = found
            .iter()
            .find(|(known, _)| values::same_server(&known.server, &new.server) && known.port == new.port);
        if let Some((known, first)) = twin {
            let key = Section::Vcenter(new.id.clone()).field_path(self.dialect, Field::Server);
            let other = Section::Vcenter(known.id.clone()).path(self.dialect);
            let place = first.map_or_else(String::new, |first| format!(" (line {first})"));
            let message = format!(
                "{}:{} is the server of `{other}`{place} too; remove one of the two",
                new.server, new.port
            );
            self.report.error(line, key, message);
        }
        found.push((new, line));
    }

    fn labels(&mut self, raw: &RawSection) -> Labels {
        let text = |field| raw.text(field).map(|(text, _)| text.trim().to_owned());
        let labels = Labels { region: text(Field::Region), zone: text(Field::Zone) };
        for (given, missing) in [(Field::Region, Field::Zone), (Field::Zone, Field::Region)] {
            if let (Some((_, line)), None) = (raw.text(given), raw.text(missing)) {
                let key = self.key(raw, given);
                let message = format!("has no effect without `{}`", self.name(missing));
                self.report.warn(Some(line), key, message);
            }
        }
        labels
    }

    fn nodes(&mut self, raw: &RawSection) -> Nodes {
        let mut rule = |subnets, network, exclude| AddressRule {
            subnets: self.subnets(raw, subnets),
            network: raw.text(network).map(|(text, _)| text.to_owned()),
            exclude: self.subnets(raw, exclude),
        };
        Nodes {
            internal: rule(Field::InternalSubnet, Field::InternalNetwork, Field::ExcludeInternal),
            external: rule(Field::ExternalSubnet, Field::ExternalNetwork, Field::ExcludeExternal),
        }
    }

    fn subnets(&mut self, raw: &RawSection, field: Field) -> Vec<IpNet> {
        self.parse_items(raw, field, values::subnet)
    }
}

fn first_filled<T: Clone>(own: &[T], global: &[T]) -> Vec<T> {
    if own.is_empty() { global.to_vec() } else { own.to_vec() }
}

fn inline(user: &str, password: &str) -> CredentialSource {
    CredentialSource::Inline { user: user.to_owned(), password: SecretString::from(password.to_owned()) }
}
