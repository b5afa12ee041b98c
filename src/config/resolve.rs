//! From what the file says to what it means: inheritance, defaults, checks.
//!
//! Every mistake is reported and the reading goes on, so that one run shows them all. A value with
//! a mistake counts as not given; no second error follows from it.

mod credentials;
mod load_balancer;
mod nsxt;
mod vcenter;

use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::dialect::Dialect;
use super::environment;
use super::keys::{Field, name};
use super::model::{AddressRule, Config, Labels, Nodes};
use super::origin::{Origins, Place};
use super::problem::Report;
use super::raw::{RawConfig, RawSection};
use super::values;

/// Makes sense of the file; only good if nothing was added to the errors.
///
/// `default_directory` is the directory of credentials that counts without being named; none if it
/// does not exist.
pub(super) fn resolve(
    raw: &RawConfig,
    file: &str,
    default_directory: Option<&Path>,
    report: &mut Report,
) -> (Config, Origins) {
    let mut resolver =
        Resolver { dialect: raw.dialect, default_directory, report, origins: Origins::new(file) };
    let vcenters = resolver.vcenters(raw);
    let labels = resolver.labels(&raw.labels);
    let nodes = resolver.nodes(&raw.nodes);
    let nsxt = resolver.nsxt(&raw.nsxt);
    let load_balancer = resolver.load_balancer(raw, &nsxt);
    let route = resolver.route(&raw.route, &nsxt);
    (Config { vcenters, labels, nodes, nsxt, load_balancer, route }, resolver.origins)
}

struct Resolver<'a> {
    dialect: Dialect,
    default_directory: Option<&'a Path>,
    report: &'a mut Report,
    origins: Origins,
}

impl Resolver<'_> {
    fn key(&self, raw: &RawSection, field: Field) -> String {
        raw.section.field_path(self.dialect, field)
    }

    fn name(&self, field: Field) -> &'static str {
        name(self.dialect, field)
    }

    /// What a value was given by, for a message about another one: its key or its variable.
    fn giver(&self, raw: &RawSection, field: Field) -> String {
        match raw.place_of(field) {
            Place::Variable(variable) => variable.clone(),
            Place::Nowhere | Place::Line(_) => self.key(raw, field),
        }
    }

    fn error(&mut self, raw: &RawSection, field: Field, place: &Place, message: impl Into<String>) {
        let key = self.key(raw, field);
        let place = match place {
            // What is missing is in no variable, and only then is the key named.
            Place::Variable(_) if raw.get(field).is_none() => &Place::Nowhere,
            Place::Nowhere => &raw.place,
            place => place,
        };
        self.report.error(&raw.section, place, key, message);
    }

    fn warn(&mut self, raw: &RawSection, field: Field, message: impl Into<String>) {
        let key = self.key(raw, field);
        self.report.warn(raw.place_of(field), key, message);
    }

    fn parse<T>(
        &mut self,
        raw: &RawSection,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (text, place) = raw.text(field)?;
        parse(text).map_err(|message| self.error(raw, field, place, message)).ok()
    }

    /// The items that can be read, without those that come again.
    fn parse_items<T: PartialEq>(
        &mut self,
        raw: &RawSection,
        field: Field,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut parsed = Vec::new();
        for (text, place) in raw.items(field) {
            match parse(text) {
                Ok(item) if parsed.contains(&item) => {}
                Ok(item) => parsed.push(item),
                Err(message) => self.error(raw, field, place, message),
            }
        }
        parsed
    }

    /// A text without the blanks around it.
    fn trimmed(raw: &RawSection, field: Field) -> Option<String> {
        let (text, _) = raw.text(field)?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Where a server's port is given, as its server is: by a key or by a variable.
    fn port_giver(&self, place: &Place) -> String {
        match place {
            Place::Variable(variable) => environment::port_variable(variable),
            Place::Nowhere | Place::Line(_) => self.name(Field::Port).to_owned(),
        }
    }

    /// All values of a section that nothing is inherited by.
    fn record(&mut self, raw: &RawSection) {
        for value in raw.values() {
            self.origins.set(&raw.section, value.field, &value.place);
        }
    }

    fn labels(&mut self, raw: &RawSection) -> Labels {
        self.record(raw);
        let labels =
            Labels { region: Self::trimmed(raw, Field::Region), zone: Self::trimmed(raw, Field::Zone) };
        for (given, missing) in [(Field::Region, Field::Zone), (Field::Zone, Field::Region)] {
            if raw.text(given).is_some() && raw.text(missing).is_none() {
                self.warn(raw, given, format!("has no effect without `{}`", self.name(missing)));
            }
        }
        labels
    }

    fn nodes(&mut self, raw: &RawSection) -> Nodes {
        self.record(raw);
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

/// PEM files with `:` between them.
fn paths(raw: &RawSection, field: Field) -> Vec<PathBuf> {
    raw.text(field).map_or_else(Vec::new, |(text, _)| {
        text.split(':').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect()
    })
}
