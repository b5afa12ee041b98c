//! The vCenters, with what they inherit from the global section.

use std::path::PathBuf;

use super::credentials::Source;
use super::{Resolver, paths};
use crate::config::dialect::Dialect;
use crate::config::keys::{Field, Section};
use crate::config::model::{IpFamily, Thumbprint, Tls, Vcenter};
use crate::config::origin::Place;
use crate::config::raw::{RawConfig, RawSection};
use crate::config::values;

const DEFAULT_PORT: u16 = 443;

/// What a section says about a vCenter, or about all of them.
pub(super) struct Settings<'a> {
    pub(super) raw: &'a RawSection,
    port: Option<u16>,
    insecure: Option<bool>,
    datacenters: Option<Vec<String>>,
    ca_files: Option<Vec<PathBuf>>,
    thumbprint: Option<Thumbprint>,
    families: Option<Vec<IpFamily>>,
    pub(super) source: Source,
}

impl Resolver<'_> {
    fn settings<'a>(&mut self, raw: &'a RawSection) -> Settings<'a> {
        for field in [Field::User, Field::Password] {
            if raw.text(field).is_some_and(|(text, _)| text.ends_with('\n')) {
                let hint = match self.dialect {
                    Dialect::Yaml => "; begin the block with |- instead of | if that is not wanted",
                    Dialect::Ini => "",
                };
                self.warn(raw, field, format!("the value ends with a line break{hint}"));
            }
        }
        Settings {
            raw,
            port: self.parse(raw, Field::Port, values::port).flatten(),
            insecure: self.parse(raw, Field::InsecureFlag, values::boolean),
            datacenters: filled(self.parse_items(raw, Field::Datacenters, |item| Ok(item.to_owned()))),
            ca_files: filled(paths(raw, Field::CaFile)),
            thumbprint: self.parse(raw, Field::Thumbprint, values::thumbprint),
            families: filled(self.parse_items(raw, Field::IpFamily, values::family)),
            source: self.source(raw),
        }
    }

    pub(super) fn vcenters(&mut self, raw: &RawConfig) -> Vec<Vcenter> {
        let global = self.settings(&raw.global);
        self.unused_inline(&global, &global);
        let mut found: Vec<(Vcenter, &Place)> = Vec::new();
        for section in &raw.vcenters {
            let Section::Vcenter(id) = &section.section else { continue };
            let own = self.settings(section);
            if let Some(server) = self.server(section, id) {
                let vcenter = self.vcenter(id, server, &own, &global);
                self.insert(&mut found, vcenter, section.place_of(Field::Server));
            }
        }
        if let Some((id, place)) = raw.global.text(Field::Server) {
            let known = raw.vcenters.iter().any(|section| section.section == Section::Vcenter(id.to_owned()));
            if let Some(server) = self.parse_server(&raw.global)
                && !known
                // Often the server of a vCenter is repeated here.
                && !found.iter().any(|(vcenter, _)| values::same_server(&vcenter.server, &server))
            {
                let nothing = RawSection::new(Section::Global, &raw.global.place);
                let own = self.settings(&nothing);
                self.origins.set(&Section::Vcenter(id.to_owned()), Field::Server, place);
                let vcenter = self.vcenter(id, server, &own, &global);
                found.push((vcenter, place));
            }
        } else if raw.vcenters.is_empty() && !raw.vcenters_lost && !raw.global.has_lost(Field::Server) {
            self.report.fatal(
                Place::Nowhere,
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

    fn parse_server(&mut self, raw: &RawSection) -> Option<String> {
        let port = self.port_giver(raw.place_of(Field::Server));
        self.parse(raw, Field::Server, |text| values::server(text, &port))
    }

    /// The server of a vCenter; in INI its name stands in for it.
    fn server(&mut self, raw: &RawSection, id: &str) -> Option<String> {
        self.origins.set(&raw.section, Field::Server, raw.place_of(Field::Server));
        if raw.text(Field::Server).is_some() {
            return self.parse_server(raw);
        }
        if raw.has_lost(Field::Server) {
            return None;
        }
        match self.dialect {
            Dialect::Yaml => {
                let message = "is missing; write the host name or IP address of this vCenter";
                self.error(raw, Field::Server, raw.place_of(Field::Server), message);
                None
            }
            Dialect::Ini => values::server(id, self.name(Field::Port))
                .map_err(|message| {
                    let key = raw.section.path(self.dialect);
                    let message =
                        format!("without `server` the name in the header is the server, and it {message}");
                    self.report.fatal(&raw.place, key, message);
                })
                .ok(),
        }
    }

    fn vcenter(&mut self, id: &str, server: String, own: &Settings<'_>, global: &Settings<'_>) -> Vcenter {
        let section = Section::Vcenter(id.to_owned());
        let credentials = self.credentials(&section, own, global);
        let mut effective = Effective { resolver: self, section: &section, own, global };
        let port = effective.of(Field::Port, |settings| settings.port);
        // Either of the two values counts: upstream cannot turn a global `true` off again.
        let insecure = effective.of(Field::InsecureFlag, |settings| settings.insecure);
        let ca_files = effective.of(Field::CaFile, |settings| settings.ca_files.clone());
        let thumbprint = effective.of(Field::Thumbprint, |settings| settings.thumbprint);
        let datacenters = effective.of(Field::Datacenters, |settings| settings.datacenters.clone());
        let families = effective.of(Field::IpFamily, |settings| settings.families.clone());
        Vcenter {
            id: id.to_owned(),
            server,
            port: port.unwrap_or(DEFAULT_PORT),
            credentials,
            tls: Tls {
                insecure: insecure.unwrap_or(false),
                ca_files: ca_files.unwrap_or_default(),
                thumbprint,
            },
            datacenters: datacenters.unwrap_or_default(),
            ip_families: families.unwrap_or_else(|| vec![IpFamily::V4]),
        }
    }

    fn insert<'a>(&mut self, found: &mut Vec<(Vcenter, &'a Place)>, new: Vcenter, place: &'a Place) {
        let twin = found
            .iter()
            .find(|(known, _)| values::same_server(&known.server, &new.server) && known.port == new.port);
        if let Some((known, first)) = twin {
            let section = Section::Vcenter(new.id.clone());
            let key = section.field_path(self.dialect, Field::Server);
            let other = Section::Vcenter(known.id.clone()).path(self.dialect);
            let first = match first {
                Place::Line(line) => format!(" (line {line})"),
                Place::Variable(variable) => format!(" ({variable})"),
                Place::Nowhere => String::new(),
            };
            let message = format!(
                "{}:{} is the server of `{other}`{first} too; remove one of the two",
                new.server, new.port
            );
            self.report.error(&section, place, key, message);
        }
        found.push((new, place));
    }
}

/// A vCenter's own settings over the global ones.
struct Effective<'a, 'r, 's> {
    resolver: &'a mut Resolver<'r>,
    section: &'a Section,
    own: &'a Settings<'s>,
    global: &'a Settings<'s>,
}

impl Effective<'_, '_, '_> {
    /// The nearest value, whose place is remembered.
    fn of<T>(&mut self, field: Field, get: impl Fn(&Settings<'_>) -> Option<T>) -> Option<T> {
        [self.own, self.global].into_iter().find_map(|settings| {
            let value = get(settings)?;
            self.resolver.origins.set(self.section, field, settings.raw.place_of(field));
            Some(value)
        })
    }
}

fn filled<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}
