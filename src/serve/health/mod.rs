//! Health: checks by name, in the three groups that Kubernetes asks for.
//!
//! Whoever has something to say registers a closure that only looks into memory: a check never
//! waits. Liveness is for what a restart would heal, so nothing of vCenter belongs there.

mod output;
mod query;
mod watchdog;

use std::sync::{Arc, PoisonError, RwLock};

use crate::metrics;

pub use output::Report;
pub use query::Query;
pub use watchdog::LeaseWatchdog;

/// What a check found: `Ok` with something to add for `?verbose`, mostly empty, or why not.
///
/// Both texts are shown to whoever asks, without any authentication: nothing secret belongs in them.
pub type Outcome = Result<String, String>;

type Check = Arc<dyn Fn() -> Outcome + Send + Sync>;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `/healthz`: whether all is well; upstream's, and older than the others.
    Healthz,
    /// `/livez`: whether a restart would not help.
    Livez,
    /// `/readyz`: whether it can do its work.
    Readyz,
}

impl Group {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Healthz, Self::Livez, Self::Readyz];

    /// Its name in paths and texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthz => "healthz",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
        }
    }
}

/// The checks of this process. Clones share them.
#[derive(Clone)]
pub struct Health {
    checks: Arc<RwLock<Vec<Registered>>>,
    metrics: metrics::Health,
}

struct Registered {
    name: String,
    groups: Vec<Group>,
    check: Check,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("names", &self.names(None)).finish_non_exhaustive()
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new(metrics::Health::default())
    }
}

impl Health {
    /// With the one check that everything has: `ping`, which always passes.
    pub fn new(metrics: metrics::Health) -> Self {
        let this = Self { checks: Arc::default(), metrics };
        this.register(Group::ALL, "ping", || Ok(String::new()));
        this
    }

    /// Adds a check to these groups, in place of one of the same name.
    ///
    /// `check` must return at once, from memory.
    pub fn register(
        &self,
        groups: &[Group],
        name: impl Into<String>,
        check: impl Fn() -> Outcome + Send + Sync + 'static,
    ) {
        let new = Registered { name: name.into(), groups: groups.to_vec(), check: Arc::new(check) };
        let mut checks = self.checks.write().unwrap_or_else(PoisonError::into_inner);
        match checks.iter_mut().find(|check| check.name == new.name) {
            Some(old) => *old = new,
            None => checks.push(new),
        }
    }

    /// Removes a check.
    pub fn remove(&self, name: &str) {
        self.checks.write().unwrap_or_else(PoisonError::into_inner).retain(|check| check.name != name);
    }

    /// From now on this process is not ready; the last thing to say.
    pub fn shut_down(&self) {
        self.register(&[Group::Readyz], "shutdown", || Err("the process is shutting down".to_owned()));
    }

    /// Makes all checks of a group.
    pub fn ask(&self, group: Group, query: &Query) -> Report {
        let results: Vec<(String, Outcome)> = self
            .of(group)
            .into_iter()
            .filter(|(name, _)| !query.excludes(name))
            .map(|(name, check)| {
                let outcome = self.make(group, &name, &check);
                (name, outcome)
            })
            .collect();
        output::report(group, &self.names(Some(group)), &results, query)
    }

    /// Makes one check; `None` if there is none of this name.
    pub fn ask_one(&self, group: Group, name: &str) -> Option<Report> {
        let (name, check) = self.of(group).into_iter().find(|(known, _)| known == name)?;
        Some(output::single(&self.make(group, &name, &check)))
    }

    /// The names of the checks, of one group or of all, in the order they were registered.
    pub fn names(&self, group: Option<Group>) -> Vec<String> {
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = checks.iter().filter(|check| group.is_none_or(|group| check.groups.contains(&group)));
        wanted.map(|check| check.name.clone()).collect()
    }

    fn of(&self, group: Group) -> Vec<(String, Check)> {
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = checks.iter().filter(|check| check.groups.contains(&group));
        wanted.map(|check| (check.name.clone(), Arc::clone(&check.check))).collect()
    }

    fn make(&self, group: Group, name: &str, check: &Check) -> Outcome {
        let outcome = check();
        self.metrics.checked(group.as_str(), name, outcome.is_ok());
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_asked_in_its_groups_only_and_replaced_by_name() {
        let health = Health::default();
        health.register(&[Group::Readyz], "vcenters", || Err("main: unreachable".to_owned()));
        assert_eq!(health.ask(Group::Livez, &Query::default()).status, 200);
        assert_eq!(health.ask(Group::Readyz, &Query::default()).status, 500);
        assert!(health.ask_one(Group::Livez, "vcenters").is_none());
        assert_eq!(health.ask_one(Group::Readyz, "vcenters").unwrap().status, 500);
        health.register(&[Group::Readyz], "vcenters", || Ok(String::new()));
        assert_eq!(health.ask(Group::Readyz, &Query::default()).status, 200);
        health.remove("vcenters");
        assert_eq!(health.names(Some(Group::Readyz)), ["ping"]);
    }

    #[test]
    fn who_shuts_down_lives_but_is_not_ready() {
        let health = Health::default();
        health.shut_down();
        assert_eq!(health.ask(Group::Livez, &Query::default()).status, 200);
        assert_eq!(health.ask(Group::Healthz, &Query::default()).status, 200);
        let report = health.ask(Group::Readyz, &Query::default());
        assert_eq!(report.status, 500);
        assert!(
            report.body.contains("[-]shutdown failed: the process is shutting down\n"),
            "{}",
            report.body
        );
    }

    #[test]
    fn what_is_excluded_is_not_even_asked() {
        let health = Health::default();
        health.register(Group::ALL, "trap", || unreachable!("it is excluded"));
        assert_eq!(health.ask(Group::Healthz, &Query::parse("exclude=trap")).status, 200);
    }
}
