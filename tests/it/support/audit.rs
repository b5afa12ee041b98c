//! What the manager asked of the API server, as the API server's own audit log has it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

/// Everything that one user does is logged, after it is done.
pub(super) fn policy(user: &str) -> String {
    format!(
        "apiVersion: audit.k8s.io/v1\n\
         kind: Policy\n\
         omitStages: [RequestReceived, ResponseStarted]\n\
         rules:\n\
         - level: Metadata\n  \
           users: [{user:?}]\n"
    )
}

/// The log from some moment on.
#[derive(Debug)]
pub(super) struct Audit {
    path: PathBuf,
    from: usize,
}

impl Audit {
    /// From now on.
    pub(super) fn begin(path: PathBuf) -> Self {
        let from = std::fs::read(&path).map_or(0, |log| log.len());
        Self { path, from }
    }

    /// Writes so far, each with how often it was made: `patch nodes/status node-1`.
    ///
    /// One that was refused has the status code at its end. Of events only the verb counts.
    pub(super) fn writes(&self) -> BTreeMap<String, usize> {
        let log = std::fs::read(&self.path).unwrap_or_default();
        let log = String::from_utf8_lossy(log.get(self.from..).unwrap_or_default()).into_owned();
        let mut writes = BTreeMap::new();
        // The last line may be half written.
        for entry in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let verb = entry["verb"].as_str().unwrap_or_default();
            if ["get", "list", "watch"].contains(&verb) {
                continue;
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let object = &entry["objectRef"];
            let resource = [text(&object["resource"]), text(&object["subresource"])].join("/");
            let mut write = vec![verb.to_owned(), resource.trim_end_matches('/').to_owned()];
            if object["resource"] != "events" {
                write.push(text(&object["name"]));
            }
            let code = entry["responseStatus"]["code"].as_u64().unwrap_or_default();
            if code >= 300 {
                write.push(code.to_string());
            }
            *writes.entry(write.join(" ")).or_default() += 1;
        }
        writes
    }
}
