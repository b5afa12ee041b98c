//! Load balancers and their classes.

use std::collections::BTreeMap;

use super::Resolver;
use crate::config::keys::{Field, Section};
use crate::config::model::{
    Feature, FeatureName, LoadBalancer, LoadBalancerClass, LoadBalancerSize, Nsxt, Reference,
};
use crate::config::raw::{Data, RawConfig, RawSection};
use crate::config::values;

/// The class of Services that name none.
const DEFAULT: &str = "default";

/// Keys that say that load balancers are wanted; the others are only about how.
const ENABLING: [Field; 5] =
    [Field::Size, Field::LbServiceId, Field::Tier1GatewayPath, Field::IpPoolId, Field::IpPoolName];

/// An object that can be named in two ways: by id or path, and by name.
type Naming = (Field, Field);

const IP_POOL: Naming = (Field::IpPoolId, Field::IpPoolName);
const TCP_PROFILE: Naming = (Field::TcpAppProfilePath, Field::TcpAppProfileName);
const UDP_PROFILE: Naming = (Field::UdpAppProfilePath, Field::UdpAppProfileName);

/// What one section says of a class.
struct Partial {
    ip_pool: Option<Reference>,
    tcp_profile: Option<Reference>,
    udp_profile: Option<Reference>,
}

impl Resolver<'_> {
    pub(super) fn load_balancer(&mut self, raw: &RawConfig, nsxt: &Feature<Nsxt>) -> Feature<LoadBalancer> {
        let top = &raw.load_balancer;
        let wanted = ENABLING.iter().any(|field| top.text(*field).is_some() || top.has_lost(*field));
        if !wanted && raw.classes.is_empty() {
            if let Some(first) = top.values().next() {
                let names = ENABLING.map(|field| format!("`{}`", self.name(field))).join(", ");
                self.warn(top, first.field, format!("has no effect without one of {names}, or a class"));
            }
            return self.disabled(FeatureName::LoadBalancer).unwrap_or(Feature::Absent);
        }
        // Errors of what is missing need a line even if there are classes only.
        let wanted_by = if top.says_something() { top } else { raw.classes.first().unwrap_or(top) };
        self.record(top);
        raw.classes.iter().for_each(|class| self.record(class));
        let size = self.size(top, wanted_by);
        let service_id = Self::trimmed(top, Field::LbServiceId);
        let tier1_gateway_path = Self::trimmed(top, Field::Tier1GatewayPath);
        if service_id.is_none() && tier1_gateway_path.is_none() {
            self.missing(top, wanted_by, Field::Tier1GatewayPath, Field::LbServiceId);
        }
        let snat_disabled = self.parse(top, Field::SnatDisabled, values::boolean).unwrap_or(false);
        let tags = match top.get(Field::Tags).map(|value| &value.data) {
            Some(Data::Map(pairs)) => pairs.iter().cloned().collect(),
            _ => BTreeMap::new(),
        };
        let default_class = self.default_class(raw, wanted_by);
        let mut classes = BTreeMap::new();
        for section in &raw.classes {
            let Section::LoadBalancerClass(name) = &section.section else { continue };
            if name == DEFAULT {
                continue;
            }
            let own = self.partial(section);
            if let Some(default) = &default_class {
                classes.insert(name.clone(), own.over(default));
            }
        }
        self.needs_nsxt(wanted_by, nsxt);
        match (self.disabled(FeatureName::LoadBalancer), size, default_class) {
            (None, Some(size), Some(default_class)) => Feature::Configured(LoadBalancer {
                size,
                service_id,
                tier1_gateway_path,
                snat_disabled,
                tags,
                default_class,
                classes,
            }),
            (disabled, ..) => disabled.unwrap_or(Feature::Absent),
        }
    }

    fn size(&mut self, top: &RawSection, wanted_by: &RawSection) -> Option<LoadBalancerSize> {
        if top.text(Field::Size).is_none() && !top.has_lost(Field::Size) {
            let sizes = LoadBalancerSize::ALL.map(LoadBalancerSize::as_str).join(", ");
            let key = top.section.field_path(self.dialect, Field::Size);
            let message = format!("is missing; write one of {sizes}");
            self.report.error(&top.section, &wanted_by.place, key, message);
        }
        self.parse(top, Field::Size, values::load_balancer_size)
    }

    /// `loadBalancerClass.default` over `loadBalancer`; each object must be named by one of them.
    fn default_class(&mut self, raw: &RawConfig, wanted_by: &RawSection) -> Option<LoadBalancerClass> {
        let top = self.partial(&raw.load_balancer);
        let named = Section::LoadBalancerClass(DEFAULT.to_owned());
        let class = raw.classes.iter().find(|section| section.section == named);
        let own = class.map(|section| self.partial(section));
        let mut of = |get: fn(&Partial) -> &Option<Reference>, (by_id, by_name): Naming| {
            let found = own.as_ref().and_then(|own| get(own).clone()).or_else(|| get(&top).clone());
            if found.is_none() {
                self.missing(&raw.load_balancer, wanted_by, by_name, by_id);
            }
            found
        };
        let ip_pool = of(|partial| &partial.ip_pool, IP_POOL);
        let tcp_profile = of(|partial| &partial.tcp_profile, TCP_PROFILE);
        let udp_profile = of(|partial| &partial.udp_profile, UDP_PROFILE);
        Some(LoadBalancerClass { ip_pool: ip_pool?, tcp_profile: tcp_profile?, udp_profile: udp_profile? })
    }

    fn partial(&mut self, raw: &RawSection) -> Partial {
        let both = |(by_id, by_name): Naming| raw.text(by_id).is_some() && raw.text(by_name).is_some();
        if both(IP_POOL) {
            let message = format!("cannot stand beside `{}`; keep one of the two", self.name(IP_POOL.0));
            self.error(raw, IP_POOL.1, raw.place_of(IP_POOL.1), message);
        }
        for naming in [TCP_PROFILE, UDP_PROFILE] {
            if both(naming) {
                self.warn(
                    raw,
                    naming.1,
                    format!("has no effect beside `{}`; remove one", self.name(naming.0)),
                );
            }
        }
        let reference = |(by_id, by_name)| {
            let id = Self::trimmed(raw, by_id).map(Reference::Id);
            id.or_else(|| Self::trimmed(raw, by_name).map(Reference::Name))
        };
        Partial {
            ip_pool: reference(IP_POOL),
            tcp_profile: reference(TCP_PROFILE),
            udp_profile: reference(UDP_PROFILE),
        }
    }

    /// Neither of two keys is there, of which one is needed.
    fn missing(&mut self, top: &RawSection, wanted_by: &RawSection, field: Field, other: Field) {
        if top.has_lost(field) || top.has_lost(other) {
            return;
        }
        let key = top.section.field_path(self.dialect, field);
        let message = format!("is missing; write it, or `{}`", self.name(other));
        self.report.error(&top.section, &wanted_by.place, key, message);
    }
}

impl Partial {
    /// What is not said comes from the default class, each reference as a whole.
    fn over(self, default: &LoadBalancerClass) -> LoadBalancerClass {
        LoadBalancerClass {
            ip_pool: self.ip_pool.unwrap_or_else(|| default.ip_pool.clone()),
            tcp_profile: self.tcp_profile.unwrap_or_else(|| default.tcp_profile.clone()),
            udp_profile: self.udp_profile.unwrap_or_else(|| default.udp_profile.clone()),
        }
    }
}
