//! The sections of the file by their names.

use crate::config::dialect::Dialect;
use crate::config::nearest::nearest;

/// What a top-level name of the file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Top {
    Global,
    Vcenter,
    Labels,
    Nodes,
    Nsxt,
    LoadBalancer,
    LoadBalancerClass,
    Route,
    /// Of the provider that was once part of Kubernetes.
    InTree,
}

const TOP: &[(&str, &str, Top)] = &[
    ("global", "Global", Top::Global),
    ("vcenter", "VirtualCenter", Top::Vcenter),
    ("labels", "Labels", Top::Labels),
    ("nodes", "Nodes", Top::Nodes),
    ("nsxt", "NSXT", Top::Nsxt),
    ("loadBalancer", "LoadBalancer", Top::LoadBalancer),
    ("loadBalancerClass", "LoadBalancerClass", Top::LoadBalancerClass),
    ("route", "Route", Top::Route),
    ("workspace", "Workspace", Top::InTree),
    ("disk", "Disk", Top::InTree),
    ("network", "Network", Top::InTree),
];

impl Top {
    /// What a name stands for.
    pub(in crate::config) fn find(dialect: Dialect, spelling: &str) -> Option<Self> {
        let found = TOP.iter().find(|(yaml, ini, top)| match dialect {
            // Nobody has a use for a YAML section that differs from a leftover in its case alone.
            Dialect::Yaml if *top == Self::InTree => yaml.eq_ignore_ascii_case(spelling),
            Dialect::Yaml => *yaml == spelling,
            Dialect::Ini => ini.eq_ignore_ascii_case(spelling),
        });
        found.map(|(_, _, top)| *top)
    }

    /// What to say about a name that stands for nothing.
    pub(in crate::config) fn unknown(dialect: Dialect, spelling: &str) -> String {
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
