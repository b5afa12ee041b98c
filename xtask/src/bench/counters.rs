//! What vCenter counted, in the bench's terms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::testbed::Requests;

/// Where sessions for tags are made, in either root.
const REST_LOGINS: [&str; 2] = ["POST /rest/com/vmware/cis/session", "POST /api/session"];

/// Methods that bring further pages, and the news.
const PAGES: [&str; 2] = ["WaitForUpdatesEx", "ContinueRetrievePropertiesEx"];

/// Requests of one contestant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// All but the pages.
    pub(super) besides_pages: u64,
    /// `WaitForUpdatesEx` and `ContinueRetrievePropertiesEx`: further pages of what was asked for, whose
    /// number follows from the number of machines, and the long poll for changes.
    pub(super) pages: u64,
    pub(super) soap_logins: u64,
    pub(super) rest_logins: u64,
    /// Every method by its count.
    pub(super) by_method: BTreeMap<String, u64>,
}

impl Counted {
    pub(super) fn of(requests: &Requests) -> Self {
        let by_method = requests.by_method().into_iter();
        let pages = PAGES.into_iter().map(|method| requests.soap(method)).sum();
        Self {
            besides_pages: requests.total.saturating_sub(pages),
            pages,
            soap_logins: requests.soap("Login") + requests.soap("LoginByToken"),
            rest_logins: rest_logins(requests),
            by_method: by_method.map(|(method, count)| (method.to_owned(), count)).collect(),
        }
    }
}

/// The same path with a query asks about a session that there is.
fn rest_logins(requests: &Requests) -> u64 {
    let of = |path: &str| {
        let all = requests.rest.get(path).copied().unwrap_or(0);
        let query = format!("{path}?");
        let others: u64 =
            requests.rest_actions.iter().filter(|(key, _)| key.starts_with(&query)).map(|(_, n)| n).sum();
        all.saturating_sub(others)
    };
    REST_LOGINS.into_iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_told_from_questions_about_sessions() {
        let requests: Requests = serde_json::from_str(
            r#"{
                "soap": {"Login": 1, "WaitForUpdatesEx": 7, "ContinueRetrievePropertiesEx": 3, "FindAllByUuid": 2},
                "rest": {"POST /rest/com/vmware/cis/session": 5, "POST /api/session": 1},
                "restActions": {"POST /rest/com/vmware/cis/session?~action=get": 3, "POST /x?~action=get": 9},
                "http": {"GET /sdk/vimServiceVersions.xml": 1},
                "total": 20
            }"#,
        )
        .unwrap();
        let counted = Counted::of(&requests);
        assert_eq!((counted.besides_pages, counted.pages), (10, 10));
        assert_eq!((counted.soap_logins, counted.rest_logins), (1, 3));
        assert_eq!(counted.by_method["FindAllByUuid"], 2);
    }
}
