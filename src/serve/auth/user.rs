//! A user, as Kubernetes knows them.

use std::collections::BTreeMap;

/// Whoever has shown nothing.
const ANONYMOUS: &str = "system:anonymous";
/// The group of those who have shown nothing.
const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of those who have shown something that is good.
const AUTHENTICATED: &str = "system:authenticated";
/// The group that may do everything, without being asked about.
const MASTERS: &str = "system:masters";

/// Who somebody is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) groups: Vec<String>,
    /// Whatever else is known, for the API server to judge.
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Whoever has shown nothing.
    pub(super) fn anonymous() -> Self {
        Self { name: ANONYMOUS.to_owned(), groups: vec![UNAUTHENTICATED.to_owned()], ..Self::default() }
    }

    /// The same user, with the group that all have who have shown something good.
    pub(super) fn authenticated(mut self) -> Self {
        let special = [AUTHENTICATED, UNAUTHENTICATED];
        if self.name != ANONYMOUS && !self.groups.iter().any(|group| special.contains(&group.as_str())) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.name == ANONYMOUS
    }

    /// Whether they may do everything.
    pub(super) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }
}
