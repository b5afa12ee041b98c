//! NSX Manager, and the router of the routes.

use std::path::PathBuf;

use secrecy::SecretString;

use super::credentials::Source;
use super::{Resolver, paths};
use crate::config::keys::{Field, Section};
use crate::config::model::{Feature, FeatureName, Nsxt, NsxtAuth, Route, Tls};
use crate::config::raw::RawSection;
use crate::config::values;

/// The ways to authenticate, in the order in which they count: the two keys that each needs.
const WAYS: [(Field, Field); 4] = [
    (Field::ClientAuthCertFile, Field::ClientAuthKeyFile),
    (Field::VmcAccessToken, Field::VmcAuthHost),
    (Field::SecretName, Field::SecretNamespace),
    (Field::User, Field::Password),
];

impl Resolver<'_> {
    pub(super) fn nsxt(&mut self, raw: &RawSection) -> Feature<Nsxt> {
        if !raw.says_something() {
            return self.disabled(FeatureName::Nsxt).unwrap_or(Feature::Absent);
        }
        self.record(raw);
        let host = self.parse(raw, Field::Host, values::host_and_port);
        if raw.text(Field::Host).is_none() && !raw.has_lost(Field::Host) {
            let message = "is missing; write the host name or IP address of NSX Manager";
            self.error(raw, Field::Host, raw.place_of(Field::Host), message);
        }
        let auth = self.auth(raw);
        let remote_auth = self.parse(raw, Field::RemoteAuth, values::boolean).unwrap_or(false);
        if remote_auth && matches!(auth, Some(NsxtAuth::ClientCertificate { .. } | NsxtAuth::Vmc { .. })) {
            self.warn(raw, Field::RemoteAuth, "has no effect without user and password");
        }
        let tls = Tls {
            insecure: self.parse(raw, Field::InsecureFlag, values::boolean).unwrap_or(false),
            ca_files: paths(raw, Field::CaFile),
            thumbprint: None,
        };
        match (self.disabled(FeatureName::Nsxt), host, auth) {
            (None, Some((host, port)), Some(auth)) => {
                Feature::Configured(Nsxt { host, port, auth, remote_auth, tls })
            }
            (disabled, ..) => disabled.unwrap_or(Feature::Absent),
        }
    }

    /// The first way that is complete; the others are told of.
    fn auth(&mut self, raw: &RawSection) -> Option<NsxtAuth> {
        let given = |field| raw.text(field).is_some();
        let chosen = WAYS.into_iter().position(|(a, b)| given(a) && given(b));
        for (index, (a, b)) in WAYS.into_iter().enumerate() {
            match chosen {
                Some(chosen) if chosen == index => {}
                Some(chosen) => {
                    for field in [a, b].into_iter().filter(|field| given(*field)) {
                        let by = self.giver(raw, WAYS[chosen].0);
                        self.warn(raw, field, format!("has no effect, because `{by}` is given; remove one"));
                    }
                }
                None => self.half_of_a_way(raw, a, b),
            }
        }
        let lost = WAYS.into_iter().any(|(a, b)| raw.has_lost(a) || raw.has_lost(b));
        if !lost && !WAYS.into_iter().any(|(a, b)| given(a) || given(b)) {
            let [certificate, token, secret, user] =
                WAYS.map(|(a, b)| format!("`{}` and `{}`", self.name(a), self.name(b)));
            let message = format!(
                "there are no credentials for NSX; write {user}, {secret}, {certificate}, or {token}"
            );
            let key = raw.section.path(self.dialect);
            self.report.error(&raw.section, &raw.place, key, message);
        }
        let text = |field| raw.text(field).map_or("", |(text, _)| text);
        Some(match WAYS[chosen?].0 {
            Field::ClientAuthCertFile => NsxtAuth::ClientCertificate {
                certificate: PathBuf::from(text(Field::ClientAuthCertFile)),
                key: PathBuf::from(text(Field::ClientAuthKeyFile)),
            },
            Field::VmcAccessToken => NsxtAuth::Vmc {
                auth_host: self.parse(raw, Field::VmcAuthHost, values::without_scheme)?,
                token: SecretString::from(text(Field::VmcAccessToken).to_owned()),
            },
            Field::SecretName => match self.secret(raw) {
                Source::Secret(secret) => NsxtAuth::Secret(secret),
                _ => return None,
            },
            _ => NsxtAuth::Login {
                user: text(Field::User).to_owned(),
                password: SecretString::from(text(Field::Password).to_owned()),
            },
        })
    }

    fn half_of_a_way(&mut self, raw: &RawSection, a: Field, b: Field) {
        for (given, missing) in [(a, b), (b, a)] {
            if raw.text(given).is_some() && raw.text(missing).is_none() && !raw.has_lost(missing) {
                let section = raw.section.path(self.dialect);
                let message = format!("needs `{}` beside it in `{section}`", self.name(missing));
                self.error(raw, given, raw.place_of(given), message);
            }
        }
    }

    pub(super) fn route(&mut self, raw: &RawSection, nsxt: &Feature<Nsxt>) -> Feature<Route> {
        if !raw.says_something() {
            return self.disabled(FeatureName::Route).unwrap_or(Feature::Absent);
        }
        self.record(raw);
        let router_path = self.parse(raw, Field::RouterPath, values::router_path);
        self.needs_nsxt(raw, nsxt);
        match (self.disabled(FeatureName::Route), router_path) {
            (None, Some(router_path)) => Feature::Configured(Route { router_path }),
            (disabled, _) => disabled.unwrap_or(Feature::Absent),
        }
    }

    /// What is done by NSX needs to know where it is.
    pub(super) fn needs_nsxt(&mut self, raw: &RawSection, nsxt: &Feature<Nsxt>) {
        let nsxt_section = Section::Nsxt.path(self.dialect);
        let message = match nsxt {
            Feature::Configured(_) => return,
            Feature::Absent => {
                format!("needs `{nsxt_section}` with the host of NSX Manager and credentials for it")
            }
            Feature::Disabled(_) => format!("needs `{nsxt_section}`, which cannot be used"),
        };
        let key = raw.section.path(self.dialect);
        self.report.error(&raw.section, &raw.place, key, message);
    }

    /// The feature as it is if anything is wrong with it.
    pub(super) fn disabled<T>(&self, feature: FeatureName) -> Option<Feature<T>> {
        let problems = self.report.disabling(feature);
        (!problems.is_empty()).then_some(Feature::Disabled(problems))
    }
}
