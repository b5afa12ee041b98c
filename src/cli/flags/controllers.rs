//! `--controllers`: which controllers run.

use std::str::FromStr;

use crate::config::nearest;

/// A controller that upstream's manager has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Node,
    Lifecycle,
    Service,
    Route,
}

/// Each with its name and its alias.
const NAMES: [(Name, &str, &str); 4] = [
    (Name::Node, "cloud-node-controller", "cloud-node"),
    (Name::Lifecycle, "cloud-node-lifecycle-controller", "cloud-node-lifecycle"),
    (Name::Service, "service-lb-controller", "service"),
    (Name::Route, "node-route-controller", "route"),
];

/// One element of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// `*`
    All,
    /// `foo` or `-foo`
    One(Name, bool),
}

/// Which controllers run.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Generic flags")]
#[group(skip)]
pub(crate) struct Flags {
    /// Which controllers run, separated by commas: * is all of them, foo also foo, -foo not foo; what
    /// stands first counts. There are cloud-node-controller (cloud-node),
    /// cloud-node-lifecycle-controller (cloud-node-lifecycle), and, accepted but not implemented yet,
    /// service-lb-controller (service) and node-route-controller (route).
    #[arg(
        long,
        value_name = "LIST",
        default_value = "*",
        value_delimiter = ',',
        allow_hyphen_values = true,
        action = clap::ArgAction::Append
    )]
    controllers: Vec<Choice>,
}

impl Flags {
    /// Whether it runs.
    pub(crate) fn runs(&self, name: Name) -> bool {
        let said = self.controllers.iter().find_map(|choice| match choice {
            Choice::One(one, on) if *one == name => Some(*on),
            _ => None,
        });
        said.unwrap_or_else(|| self.controllers.contains(&Choice::All))
    }

    /// The names of those that would run if they were implemented.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let missing = |name: &Name| matches!(name, Name::Service | Name::Route) && self.runs(*name);
        NAMES.iter().filter(|(name, ..)| missing(name)).map(|(_, long, _)| *long).collect()
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::All);
        }
        let bare = text.strip_prefix('-').unwrap_or(text);
        let found = NAMES.iter().find(|(_, long, short)| bare == *long || bare == *short);
        if let Some((name, ..)) = found {
            return Ok(Self::One(*name, bare == text));
        }
        let known = NAMES.iter().flat_map(|(_, long, short)| [*short, *long]);
        // Not by `nearest` alone: to it a name with more behind it is a near one, and the aliases are short.
        let hint = nearest(bare, known.clone().filter(|name| name.len() + 3 > bare.len()));
        let hint = hint.map_or_else(
            || format!("there are {}", NAMES.map(|(_, long, _)| long).join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        Err(format!("`{bare}` is no controller; {hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(list: &str) -> Vec<Name> {
        let controllers = list.split(',').map(|item| item.parse().unwrap()).collect();
        let flags = Flags { controllers };
        NAMES.iter().map(|(name, ..)| *name).filter(|name| flags.runs(*name)).collect()
    }

    #[test]
    fn lists_mean_what_they_mean_to_upstream() {
        use Name::{Lifecycle, Node, Route, Service};
        for (list, wanted) in [
            ("*", vec![Node, Lifecycle, Service, Route]),
            ("*,-route", vec![Node, Lifecycle, Service]),
            ("-cloud-node-controller,*", vec![Lifecycle, Service, Route]),
            ("cloud-node", vec![Node]),
            ("cloud-node-lifecycle,service", vec![Lifecycle, Service]),
            ("-cloud-node", vec![]),
            // What stands first counts.
            ("cloud-node,-cloud-node", vec![Node]),
            ("-cloud-node,cloud-node", vec![]),
        ] {
            assert_eq!(running(list), wanted, "{list}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_a_hint() {
        for (name, hint) in [
            ("cloud-nod", "did you mean `cloud-node`?"),
            ("-node-route-controler", "did you mean `node-route-controller`?"),
            ("node-ipam-controller", "there are cloud-node-controller, cloud-node-lifecycle-controller"),
            ("", "there are cloud-node-controller"),
        ] {
            let error = name.parse::<Choice>().unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }
}
