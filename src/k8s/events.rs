//! Events: how a user learns why something does not happen. Most are about a Node.
//!
//! They go to core/v1, because the roles that upstream's manifests grant know no `events.k8s.io`,
//! and they are created and patched but never read, for the same reason.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::Instant;

use super::Node;
use crate::metrics;

/// Where Events about cluster-scoped objects go.
const NAMESPACE: &str = "default";
/// The longest message that the API server takes.
const LONGEST_MESSAGE: usize = 1024;
/// The longest name that the API server takes.
const LONGEST_NAME: usize = 253;
/// A warning that stays true is repeated no sooner, however often the Node is looked at.
const QUIET: Duration = Duration::from_mins(5);
/// Nobody waits longer for an Event to be written.
const DEADLINE: Duration = Duration::from_secs(5);
/// How many Events are remembered; beyond, the oldest knowledge is dropped and costs a request.
const REMEMBERED: usize = 8192;

/// Good news or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Something has been done.
    Normal,
    /// Something needs attention.
    Warning,
}

/// What happens when the same is to be said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The Event's count and time move on.
    Count,
    /// Nothing: it was said once.
    Never,
}

/// What an Event is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject(ObjectReference);

impl Subject {
    /// A Lease; it need not exist. Its namespace is the Event's.
    pub fn lease(namespace: &str, name: &str) -> Self {
        Self(ObjectReference {
            api_version: Some("coordination.k8s.io/v1".to_owned()),
            kind: Some("Lease".to_owned()),
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            ..ObjectReference::default()
        })
    }

    /// The one with this uid: `kubectl describe` shows its Events only then.
    #[must_use]
    pub fn with_uid(mut self, uid: &str) -> Self {
        self.0.uid = Some(uid.to_owned());
        self
    }

    fn name(&self) -> &str {
        self.0.name.as_deref().unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.0.namespace.as_deref().unwrap_or(NAMESPACE)
    }
}

impl From<&Node> for Subject {
    fn from(node: &Node) -> Self {
        Self(ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: Some(node.name().to_owned()),
            uid: Some(node.uid().to_owned()),
            ..ObjectReference::default()
        })
    }
}

/// What is to be told about a Node, or another object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEvent {
    /// Good news or bad.
    pub kind: EventKind,
    /// One word in CamelCase, for machines.
    pub reason: &'static str,
    /// What happened and what to do, for people.
    pub message: String,
    /// What happens when it is said again.
    pub repeat: Repeat,
}

impl NodeEvent {
    /// Something has been done.
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind: EventKind::Normal, reason, message: message.into(), repeat: Repeat::Count }
    }

    /// Something needs attention.
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind: EventKind::Warning, ..Self::normal(reason, message) }
    }

    /// The same, to be said only once.
    #[must_use]
    pub fn once(self) -> Self {
        Self { repeat: Repeat::Never, ..self }
    }
}

/// Writes Events in the name of one component.
pub struct EventRecorder {
    client: Client,
    component: &'static str,
    quiet: Duration,
    seen: Mutex<HashMap<String, Seen>>,
    metrics: metrics::Events,
}

#[derive(Clone, Copy)]
struct Seen {
    count: i32,
    at: Instant,
}

impl EventRecorder {
    /// A recorder for this `source.component`.
    pub fn new(client: Client, component: &'static str) -> Self {
        Self { client, component, quiet: QUIET, seen: Mutex::default(), metrics: metrics::Events::default() }
    }

    /// The same, with what is written counted.
    #[must_use]
    pub fn observed(self, metrics: metrics::Events) -> Self {
        Self { metrics, ..self }
    }

    /// Writes an Event, or moves on the count of the same one written before.
    ///
    /// It never fails: an Event that cannot be written is logged, and nothing else suffers.
    pub async fn record(&self, node: &Node, event: &NodeEvent) {
        self.record_about(&node.into(), event).await;
    }

    /// The same about any object.
    pub async fn record_about(&self, subject: &Subject, event: &NodeEvent) {
        let api = Api::namespaced(self.client.clone(), subject.namespace());
        let object = self.object(subject, event, Timestamp::now());
        let name = object.metadata.name.clone().unwrap_or_default();
        let seen = self.recall(&name);
        if seen.is_some_and(|seen| event.repeat == Repeat::Never || self.too_soon(event, seen)) {
            return;
        }
        let write = self.write(&api, &name, &object, event.repeat, seen);
        let outcome = tokio::time::timeout(DEADLINE, write).await;
        self.metrics.told(self.component, event.reason, matches!(outcome, Ok(Ok(_))));
        match outcome {
            // Good news is seldom repeated, and one entry for every Node would be many.
            Ok(Ok(_)) if event.kind == EventKind::Normal => {}
            Ok(Ok(count)) => self.remember(name, count),
            Ok(Err(error)) => {
                tracing::warn!(about = subject.name(), reason = event.reason, %error, "an Event was not written");
            }
            Err(_) => {
                tracing::warn!(
                    about = subject.name(),
                    reason = event.reason,
                    "an Event was not written in time"
                );
            }
        }
    }

    /// Writes and returns the count that now stands.
    async fn write(
        &self,
        api: &Api<Event>,
        name: &str,
        object: &Event,
        repeat: Repeat,
        seen: Option<Seen>,
    ) -> Result<i32, kube::Error> {
        if let Some(seen) = seen {
            let count = seen.count.saturating_add(1);
            match bump(api, name, object, Some(count)).await {
                // An hour is all that Events live by default.
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                outcome => return outcome.map(|_| count),
            }
        }
        match api.create(&PostParams::default(), object).await {
            Ok(_) => Ok(1),
            Err(kube::Error::Api(status)) if status.is_already_exists() || status.is_conflict() => {
                if repeat == Repeat::Never {
                    return Ok(1);
                }
                // Written before we were started. Its count cannot be read, but a patch returns it.
                let existing = bump(api, name, object, None).await?;
                let count = existing.count.unwrap_or(1).saturating_add(1);
                bump(api, name, object, Some(count)).await?;
                Ok(count)
            }
            Err(error) => Err(error),
        }
    }

    fn object(&self, subject: &Subject, event: &NodeEvent, now: Timestamp) -> Event {
        let uid = subject.0.uid.as_deref().unwrap_or_default();
        let message = cut_at_char_boundary(&event.message, LONGEST_MESSAGE);
        Event {
            metadata: ObjectMeta {
                name: Some(event_name(subject.name(), &[uid, event.reason, message])),
                namespace: Some(subject.namespace().to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: subject.0.clone(),
            type_: Some(
                match event.kind {
                    EventKind::Normal => "Normal",
                    EventKind::Warning => "Warning",
                }
                .to_owned(),
            ),
            reason: Some(event.reason.to_owned()),
            message: Some(message.to_owned()),
            source: Some(EventSource { component: Some(self.component.to_owned()), host: None }),
            reporting_component: Some(self.component.to_owned()),
            count: Some(1),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            ..Event::default()
        }
    }

    fn too_soon(&self, event: &NodeEvent, seen: Seen) -> bool {
        event.kind == EventKind::Warning && seen.at.elapsed() < self.quiet
    }

    fn recall(&self, name: &str) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    fn remember(&self, name: String, count: i32) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            seen.retain(|_, seen| seen.at.elapsed() < self.quiet);
        }
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(name, Seen { count, at: Instant::now() });
    }
}

async fn bump(
    api: &Api<Event>,
    name: &str,
    object: &Event,
    count: Option<i32>,
) -> Result<Event, kube::Error> {
    let mut changes = json!({"lastTimestamp": object.last_timestamp});
    if let Some(count) = count {
        changes["count"] = count.into();
    }
    api.patch(name, &PatchParams::default(), &Patch::Merge(changes)).await
}

/// `<name>.<digest>`: the same thing said of the same object has the same name, in every process.
fn event_name(object_name: &str, parts: &[&str]) -> String {
    let digest = fnv1a(parts);
    let stem = cut_at_char_boundary(object_name, LONGEST_NAME - 17);
    // A name's labels may end neither in a dot nor in a hyphen.
    let stem = stem.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    format!("{stem}.{digest:016x}")
}

/// 64 bits of FNV-1a: the standard library's hashers promise no stability between releases.
fn fnv1a(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// At most `limit` bytes of a text, without half a character at the end.
pub fn cut_at_char_boundary(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::testing::{FakeApi, Fault};
    use serde_json::Value;

    fn node() -> Node {
        serde_json::from_value(json!({"metadata": {"name": "node-1", "uid": "u-1"}})).unwrap()
    }

    fn recorder(api: &FakeApi) -> EventRecorder {
        let mut recorder = EventRecorder::new(api.client(), "cloud-node-controller");
        recorder.quiet = Duration::ZERO;
        recorder
    }

    fn only(api: &FakeApi) -> Value {
        let events = api.events();
        assert_eq!(events.len(), 1, "{events:#?}");
        events.into_values().next().unwrap()
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut_at_char_boundary("abc", 3), "abc");
        assert_eq!(cut_at_char_boundary("abcd", 3), "abc");
        assert_eq!(cut_at_char_boundary("aää", 4), "aä");
        assert_eq!(cut_at_char_boundary("ä", 1), "");
    }

    #[test]
    fn names_are_stable_distinct_and_never_too_long() {
        let name = event_name("node-1", &["u-1", "Synced", "x"]);
        assert_eq!(name, event_name("node-1", &["u-1", "Synced", "x"]));
        assert_ne!(name, event_name("node-1", &["u-2", "Synced", "x"]));
        assert_ne!(event_name("n", &["a", "bc"]), event_name("n", &["ab", "c"]));
        let long = event_name(&format!("{}.{}", "a".repeat(235), "b".repeat(17)), &["u"]);
        assert!(long.len() <= LONGEST_NAME && !long.contains(".."), "{long}");
    }

    #[tokio::test]
    async fn an_event_says_what_users_of_describe_look_for() {
        let api = FakeApi::start().await;
        recorder(&api).record(&node(), &NodeEvent::normal("Synced", "Node synced successfully")).await;
        let event = only(&api);
        assert_eq!(event["metadata"]["namespace"], "default");
        assert_eq!(event["involvedObject"]["kind"], "Node");
        assert_eq!(event["involvedObject"]["uid"], "u-1");
        assert_eq!(event["source"]["component"], "cloud-node-controller");
        assert_eq!((&event["type"], &event["reason"]), (&json!("Normal"), &json!("Synced")));
        assert_eq!(event["count"], 1);
    }

    #[tokio::test]
    async fn a_repeat_moves_the_count_also_after_a_restart() {
        let api = FakeApi::start().await;
        let event = NodeEvent::warning("NoAddresses", "ä".repeat(600));
        let before = recorder(&api);
        before.record(&node(), &event).await;
        before.record(&node(), &event).await;
        assert_eq!(only(&api)["count"], 2);
        recorder(&api).record(&node(), &event).await;
        assert_eq!(only(&api)["count"], 3);
        assert_eq!(only(&api)["message"].as_str().unwrap().len(), 1024);
    }

    #[tokio::test]
    async fn a_warning_is_not_repeated_at_once_and_some_are_never() {
        let api = FakeApi::start().await;
        let mut recorder = recorder(&api);
        recorder.quiet = QUIET;
        for _ in 0..3 {
            recorder.record(&node(), &NodeEvent::warning("NoAddresses", "none")).await;
        }
        assert_eq!(api.count("events"), 1);
        for _ in 0..2 {
            let fresh = EventRecorder::new(api.client(), "cloud-node-controller");
            fresh.record(&node(), &NodeEvent::warning("ForeignProviderID", "aws").once()).await;
        }
        assert!(api.events().values().all(|event| event["count"] == 1));
    }

    #[tokio::test]
    async fn an_event_that_expired_is_written_anew() {
        let api = FakeApi::start().await;
        let recorder = recorder(&api);
        let event = NodeEvent::warning("NoAddresses", "none");
        recorder.record(&node(), &event).await;
        api.forget_events();
        recorder.record(&node(), &event).await;
        assert_eq!(only(&api)["count"], 1);
    }

    #[tokio::test]
    async fn a_failure_to_write_is_nobodys_problem() {
        let api = FakeApi::start().await;
        api.fault("POST /api/v1/namespaces/default/events", Fault::Status(403));
        recorder(&api).record(&node(), &NodeEvent::warning("NoAddresses", "none")).await;
        assert!(api.events().is_empty());
    }
}
