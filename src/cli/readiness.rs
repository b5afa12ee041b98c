//! Whether a leader can do its work: a vCenter that can be asked is enough.

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Config;
use crate::fleet::Fleet;
use crate::serve::health::{Group, Health, Outcome};
use crate::vsphere::inventory;
use crate::vsphere::{Endpoint, Error};

/// The fleet that this process leads now; none while it stands by. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct FleetInUse(Arc<RwLock<Option<Arc<Fleet>>>>);

impl FleetInUse {
    /// With its check among those of readiness.
    pub(super) fn register(health: &Health) -> Self {
        let this = Self::default();
        let in_use = this.clone();
        health.register(&[Group::Readyz], "vcenters", move || in_use.check());
        this
    }

    /// From now on this one is in use, or none.
    pub(super) fn set(&self, fleet: Option<Arc<Fleet>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fleet;
    }

    /// The configuration in use, if there is any.
    pub(super) fn config(&self) -> Option<Arc<Config>> {
        self.get().map(|fleet| fleet.config())
    }

    fn get(&self) -> Option<Arc<Fleet>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn check(&self) -> Outcome {
        let health = self.get().map(|fleet| fleet.health()).unwrap_or_default();
        let states = health.into_iter().map(|(id, endpoint, health)| State { id, endpoint, health });
        judge(&states.collect::<Vec<_>>())
    }
}

/// How one vCenter is.
struct State {
    id: String,
    endpoint: Endpoint,
    health: inventory::Health,
}

/// Ready is who stands by, and who can ask at least one.
fn judge(states: &[State]) -> Outcome {
    if states.is_empty() {
        return Ok("standing by".to_owned());
    }
    let told: Vec<String> = states
        .iter()
        .map(|state| format!("{} ({}): {}", state.id, state.endpoint, say(&state.health)))
        .collect();
    let told = told.join("; ");
    if states.iter().any(|state| state.health == inventory::Health::Up) { Ok(told) } else { Err(told) }
}

/// In a few words that anybody may read: the log has the whole text, which may name accounts.
fn say(health: &inventory::Health) -> &'static str {
    match health {
        inventory::Health::Up => "up",
        inventory::Health::Connecting => "connecting for the first time",
        inventory::Health::Down(error) => match error {
            Error::Unreachable(_) => "cannot be reached",
            Error::Timeout { .. } => "does not answer in time",
            Error::Tls(_) => "its certificate is not trusted",
            Error::InvalidLogin { .. } | Error::LoginOnHold { .. } => "refuses the login",
            Error::NoCredentials(_) => "there are no credentials for it",
            Error::Forbidden { .. } => "the account lacks a right",
            Error::Configuration(_) => "the configuration does not fit it",
            _ => "gives no useful answer",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn state(id: &str, health: inventory::Health) -> State {
        let text = format!("vcenter:\n  {id}: {{server: {id}.example.org, user: u, password: p}}\n");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let loaded = config::load_file(file.path(), config::Options::default()).unwrap();
        State { id: id.to_owned(), endpoint: Endpoint::new(&loaded.config.vcenters[0]), health }
    }

    #[test]
    fn one_vcenter_is_enough_and_each_is_named() {
        use inventory::Health::{Connecting, Down, Up};
        let refused = || Down(Error::InvalidLogin { user: "secret-user".to_owned() });
        for (states, expected) in [
            (vec![], Ok("standing by")),
            (vec![("east", Up)], Ok("east (east.example.org:443): up")),
            (vec![("east", Connecting)], Err("east (east.example.org:443): connecting for the first time")),
            (
                vec![("east", Up), ("west", refused())],
                Ok("east (east.example.org:443): up; west (west.example.org:443): refuses the login"),
            ),
            (
                vec![("east", Down(Error::Unreachable("x".to_owned()))), ("west", refused())],
                Err(
                    "east (east.example.org:443): cannot be reached; west (west.example.org:443): refuses the login",
                ),
            ),
        ] {
            let states: Vec<State> = states.into_iter().map(|(id, health)| state(id, health)).collect();
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(judge(&states), expected);
        }
    }
}
