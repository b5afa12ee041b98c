//! What a client asked of the simulated vCenter, counted.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Requests since the start or the last reset, those with injected faults included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Requests {
    /// SOAP calls by method.
    pub soap: BTreeMap<String, u64>,
    /// REST calls by HTTP method and path, ids taken out.
    pub rest: BTreeMap<String, u64>,
    /// REST calls with a query, by HTTP method, path and query; they are in `rest` too.
    pub rest_actions: BTreeMap<String, u64>,
    /// Everything else.
    pub http: BTreeMap<String, u64>,
    /// All of them.
    pub total: u64,
    /// Refused user names or passwords.
    pub failed_logins: u64,
    /// Bytes of the answers' bodies.
    pub bytes_out: u64,
}

impl Requests {
    /// How often a SOAP method was called.
    pub fn soap(&self, method: &str) -> u64 {
        self.soap.get(method).copied().unwrap_or(0)
    }

    /// How often REST calls were made whose key (such as `POST /api/session`) has `part` in it.
    pub fn rest(&self, part: &str) -> u64 {
        self.rest.iter().filter(|(key, _)| key.contains(part)).map(|(_, count)| count).sum()
    }

    /// All requests but the long polls, which come and go with time and changes.
    pub fn total_without_polls(&self) -> u64 {
        self.total - self.soap("WaitForUpdatesEx").min(self.total)
    }

    /// What came on top of `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let minus = |now: &BTreeMap<String, u64>, then: &BTreeMap<String, u64>| {
            let left = now
                .iter()
                .map(|(key, count)| (key, count.saturating_sub(then.get(key).copied().unwrap_or(0))));
            left.filter(|(_, count)| *count > 0).map(|(key, count)| (key.clone(), count)).collect()
        };
        Self {
            soap: minus(&self.soap, &earlier.soap),
            rest: minus(&self.rest, &earlier.rest),
            rest_actions: minus(&self.rest_actions, &earlier.rest_actions),
            http: minus(&self.http, &earlier.http),
            total: self.total.saturating_sub(earlier.total),
            failed_logins: self.failed_logins.saturating_sub(earlier.failed_logins),
            bytes_out: self.bytes_out.saturating_sub(earlier.bytes_out),
        }
    }

    /// Every method with its count, the most frequent first.
    pub fn by_method(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> = [&self.soap, &self.rest, &self.http]
            .into_iter()
            .flatten()
            .map(|(method, count)| (method.as_str(), *count))
            .collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{
        "soap": {"Login": 1, "WaitForUpdatesEx": 7, "FindAllByUuid": 2},
        "rest": {"POST /rest/com/vmware/cis/session": 1, "GET /rest/com/vmware/cis/tagging/tag/id:{id}": 3},
        "restActions": {"POST /x?~action=y": 1},
        "http": {"GET /sdk/vimServiceVersions.xml": 1},
        "total": 15, "failedLogins": 0, "bytesOut": 12345, "later": {}
    }"#;

    #[test]
    fn counters_are_read() {
        let requests: Requests = serde_json::from_str(ANSWER).unwrap();
        assert_eq!(requests.soap("Login"), 1);
        assert_eq!(requests.soap("Logout"), 0);
        assert_eq!(requests.rest("cis"), 4);
        assert_eq!(requests.rest("tagging"), 3);
        assert_eq!(requests.total_without_polls(), 8);
        assert_eq!(requests.by_method()[0], ("WaitForUpdatesEx", 7));
        assert_eq!(requests.by_method().iter().map(|(_, count)| count).sum::<u64>(), requests.total);
        assert_eq!(serde_json::from_str::<Requests>("{}").unwrap().total_without_polls(), 0);
    }

    #[test]
    fn a_difference_has_only_what_came_on_top() {
        let earlier: Requests = serde_json::from_str(ANSWER).unwrap();
        let mut now = earlier.clone();
        now.soap.insert("Login".into(), 3);
        now.total += 2;
        let new = now.since(&earlier);
        assert_eq!(new.by_method(), [("Login", 2)]);
        assert_eq!((new.total, new.bytes_out), (2, 0));
    }
}
