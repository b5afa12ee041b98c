//! What the manager asked of the API server, as the API server's own audit log has it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

/// Everything that service accounts do is logged, after it is done; of changes to Nodes, what is sent.
/// A watch is logged when it begins: it may outlive the test.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  userGroups: [system:serviceaccounts]
  verbs: [patch, update]
  resources:
  - {group: '', resources: [nodes, nodes/status]}
- level: Metadata
  userGroups: [system:serviceaccounts]
";

/// The log from some moment on.
#[derive(Debug)]
pub(super) struct Audit {
    path: PathBuf,
    from: usize,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// As in RBAC: `get`, `list`, `patch` and so on.
    pub(crate) verb: String,
    /// The API group; empty for the core.
    pub(crate) group: String,
    /// The resource, and with a slash the subresource.
    pub(crate) resource: String,
    /// Empty for what is in no namespace, and for all of them.
    pub(crate) namespace: String,
    /// Empty for all of them.
    pub(crate) name: String,
    /// The status code of the answer.
    pub(crate) code: u64,
    /// What was sent, if it concerns a Node.
    pub(crate) body: Value,
}

impl Audit {
    /// From now on.
    pub(super) fn begin(path: PathBuf) -> Self {
        let from = std::fs::read(&path).map_or(0, |log| log.len());
        Self { path, from }
    }

    /// What a user has asked for so far, by its name such as `system:serviceaccount:kube-system:x`.
    pub(super) fn requests(&self, user: &str) -> Vec<Request> {
        let log = std::fs::read(&self.path).unwrap_or_default();
        let log = String::from_utf8_lossy(log.get(self.from..).unwrap_or_default()).into_owned();
        // The last line may be half written.
        let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries
            .filter(|entry| entry["user"]["username"] == user && is_news(entry))
            .map(|entry| Request::of(&entry))
            .collect()
    }

    /// A user's writes so far, each with how often it was made: `patch nodes/status node-1`.
    ///
    /// One that was refused has the status code at its end. Of events only the verb counts.
    pub(super) fn writes(&self, user: &str) -> BTreeMap<String, usize> {
        let mut writes = BTreeMap::new();
        for request in self.requests(user) {
            if ["get", "list", "watch"].contains(&request.verb.as_str()) {
                continue;
            }
            let mut write = vec![request.verb, request.resource];
            if write[1] != "events" {
                write.push(request.name);
            }
            if request.code >= 300 {
                write.push(request.code.to_string());
            }
            *writes.entry(write.join(" ")).or_default() += 1;
        }
        writes
    }
}

/// A watch is told twice, at its beginning and at its end.
fn is_news(entry: &Value) -> bool {
    let began = entry["stage"] == "ResponseStarted";
    let refused = entry["responseStatus"]["code"].as_u64().is_some_and(|code| code >= 300);
    if entry["verb"] == "watch" { began || refused } else { !began }
}

impl Request {
    fn of(entry: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &entry["objectRef"];
        let resource = [text(&object["resource"]), text(&object["subresource"])].join("/");
        Self {
            verb: text(&entry["verb"]),
            group: text(&object["apiGroup"]),
            resource: resource.trim_end_matches('/').to_owned(),
            namespace: text(&object["namespace"]),
            name: text(&object["name"]),
            code: entry["responseStatus"]["code"].as_u64().unwrap_or_default(),
            body: entry["requestObject"].clone(),
        }
    }
}
