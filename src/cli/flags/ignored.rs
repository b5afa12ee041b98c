//! Upstream's flags that are accepted without effect, so that its manifests work as they are.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Error, value_parser};

use super::go::{self, Switch};

/// A flag without effect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ignored {
    /// Without the hyphens.
    pub(crate) name: &'static str,
    kind: Kind,
    /// Upstream's.
    default: &'static str,
    /// Why it has no effect.
    why: &'static str,
}

/// What values it takes; others are refused, as upstream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Switch,
    Duration,
    Number,
    Text,
}
use Kind::{Duration, Number, Switch as OnOff, Text};

const ROUTES: &str = "routes are not implemented yet";
const SERVICES: &str = "load balancers are not implemented yet";
const PARAVIRTUAL: &str = "for --cloud-provider=vsphere-paravirtual only";
const WEBHOOKS: &str = "there are no webhooks, nor are there in upstream's manager";
const MIGRATION: &str = "no other manager has cloud controllers of vSphere to migrate from";
const VOLUMES: &str = "there is no controller of volumes, nor is there in upstream's manager";
const CIDRS: &str = "nothing here allocates CIDRs, nor does upstream's manager";
/// Said of flags that should go from the manifest.
pub(crate) const DEPRECATED: &str = "deprecated, and without effect in upstream's manager too: remove it";

const HEADING: &str = "Flags that are accepted without effect, and why";

/// All of them, in the order of the help.
const TABLE: &[Ignored] = &[
    ignored("allocate-node-cidrs", OnOff, "false", CIDRS),
    ignored("allow-untagged-cloud", OnOff, "false", DEPRECATED),
    ignored("cidr-allocator-type", Text, "RangeAllocator", CIDRS),
    ignored("cluster-cidr", Text, "", ROUTES),
    ignored("cluster-ip-family", Text, "ipv4", PARAVIRTUAL),
    ignored(
        "cluster-name",
        Text,
        "kubernetes",
        "it names load balancers and routes, which are not implemented yet",
    ),
    ignored(
        "concurrent-node-status-updates",
        Number,
        "0",
        "addresses have no loop of their own: --concurrent-node-syncs limits both",
    ),
    ignored("concurrent-service-syncs", Number, "1", SERVICES),
    ignored("configure-cloud-routes", OnOff, "true", ROUTES),
    ignored(
        "controller-start-interval",
        Duration,
        "0s",
        "the controllers share one watch and start together",
    ),
    ignored("enable-leader-migration", OnOff, "false", MIGRATION),
    ignored("enable-service-annotation-propagation", OnOff, "false", PARAVIRTUAL),
    ignored("enable-vpc-mode", OnOff, "false", PARAVIRTUAL),
    ignored("external-cloud-volume-plugin", Text, "", VOLUMES),
    ignored("is-legacy-paravirtual", OnOff, "false", PARAVIRTUAL),
    ignored(
        "kube-api-content-type",
        Text,
        "application/vnd.kubernetes.protobuf",
        "JSON is spoken with the API server",
    ),
    ignored("leader-migration-config", Text, "", MIGRATION),
    ignored("log-flush-frequency", Duration, "5s", "log lines are written at once"),
    ignored(
        "min-resync-period",
        Duration,
        "12h0m0s",
        "nothing has to be listed again: --node-status-update-frequency compares in memory",
    ),
    ignored("node-sync-period", Duration, "0s", DEPRECATED),
    ignored("pod-ip-pool-type", Text, "", PARAVIRTUAL),
    ignored("route-reconciliation-period", Duration, "10s", ROUTES),
    ignored("use-service-account-credentials", OnOff, "false", "all controllers act as one service account"),
    ignored("vm-operator-api-version", Text, "v1alpha2", PARAVIRTUAL),
    ignored("vmodule", Text, "", "RUST_LOG chooses levels by module"),
    ignored("webhook-bind-address", Text, "0.0.0.0", WEBHOOKS),
    ignored("webhook-cert-dir", Text, "", WEBHOOKS),
    ignored("webhook-disable-http2-serving", OnOff, "false", WEBHOOKS),
    ignored("webhook-secure-port", Number, "10260", WEBHOOKS),
    ignored("webhook-tls-cert-file", Text, "", WEBHOOKS),
    ignored("webhook-tls-cipher-suites", Text, "", WEBHOOKS),
    ignored("webhook-tls-curve-preferences", Text, "", WEBHOOKS),
    ignored("webhook-tls-min-version", Text, "", WEBHOOKS),
    ignored("webhook-tls-private-key-file", Text, "", WEBHOOKS),
    ignored("webhook-tls-sni-cert-key", Text, "", WEBHOOKS),
    ignored("webhooks", Text, "", WEBHOOKS),
];

const fn ignored(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Ignored {
    Ignored { name, kind, default, why }
}

impl Ignored {
    fn arg(&self) -> Arg {
        let arg = Arg::new(self.name).long(self.name).help(self.why).help_heading(HEADING);
        // An empty default is none; clap would show it as one.
        let arg = if self.default.is_empty() { arg } else { arg.default_value(self.default) };
        match self.kind {
            Kind::Switch => arg.value_parser(value_parser!(Switch)),
            Kind::Duration => arg.value_name("DURATION").value_parser(go::duration_or_zero),
            Kind::Number => arg.value_name("N").value_parser(value_parser!(i32)).allow_negative_numbers(true),
            Kind::Text => arg.value_name("TEXT"),
        }
    }
}

/// Those that were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given(Vec<&'static Ignored>);

impl Given {
    /// What there is to say of them: one sentence for each reason.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut reasons = BTreeMap::<&str, Vec<String>>::new();
        for flag in &self.0 {
            reasons.entry(flag.why).or_default().push(format!("--{}", flag.name));
        }
        let sentence =
            |(why, flags): (&str, Vec<String>)| format!("without effect: {} ({why})", flags.join(", "));
        reasons.into_iter().map(sentence).collect()
    }
}

impl clap::FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = |flag: &&Ignored| matches.value_source(flag.name) == Some(ValueSource::CommandLine);
        Ok(Self(TABLE.iter().filter(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Given {
    fn augment_args(command: Command) -> Command {
        command.args(TABLE.iter().map(Ignored::arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
