//! JSON Patch (RFC 6902) as a value: built by pure code, compared in tests, sent at the rim.
//!
//! Why this kind of patch: its `test` operations are evaluated by the API server under the same
//! lock as the write. A change by somebody else in between makes the whole patch fail instead of
//! being overwritten, and unlike a resourceVersion it fails for nothing else, so the kubelet's
//! heartbeats do not get in the way.

use kube::api::Patch;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Pointer(String);

impl Pointer {
    /// The pointer through these unescaped keys; a label's key is one of them, slash and all.
    pub fn new<I>(keys: I) -> Self
    where
        I: IntoIterator,
        I::Item: fmt::Display,
    {
        keys.into_iter().fold(Self(String::new()), Self::then)
    }

    /// The unescaped keys.
    pub fn keys(&self) -> impl Iterator<Item = String> + '_ {
        self.0.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~"))
    }

    /// This pointer, one key deeper.
    #[must_use]
    pub fn then(mut self, key: impl fmt::Display) -> Self {
        self.0.push('/');
        // The order matters: a tilde that stands for a slash must not be escaped again.
        self.0.push_str(&key.to_string().replace('~', "~0").replace('/', "~1"));
        self
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// The patch fails unless the value is there; `null` asks for absence.
    Test {
        /// Where.
        path: Pointer,
        /// What must be there.
        value: Value,
    },
    /// Sets a key of an object, present or not.
    Add {
        /// Where.
        path: Pointer,
        /// What.
        value: Value,
    },
    /// Sets a key that must be present.
    Replace {
        /// Where.
        path: Pointer,
        /// What.
        value: Value,
    },
    /// Removes a key or an element.
    Remove {
        /// Where.
        path: Pointer,
    },
}

/// A sequence of operations that applies as a whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct JsonPatch(Vec<Operation>);

impl JsonPatch {
    /// A patch that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a `test`; `None` or `null` asks for absence.
    pub fn test(&mut self, path: Pointer, value: impl Into<Value>) -> &mut Self {
        self.push(Operation::Test { path, value: value.into() })
    }

    /// Appends an `add`.
    pub fn add(&mut self, path: Pointer, value: impl Into<Value>) -> &mut Self {
        self.push(Operation::Add { path, value: value.into() })
    }

    /// Appends a `replace`.
    pub fn replace(&mut self, path: Pointer, value: impl Into<Value>) -> &mut Self {
        self.push(Operation::Replace { path, value: value.into() })
    }

    /// Appends a `remove`.
    pub fn remove(&mut self, path: Pointer) -> &mut Self {
        self.push(Operation::Remove { path })
    }

    /// Appends what sets a value if, and only if, what is there is what was observed.
    pub fn swap(&mut self, path: Pointer, observed: Option<Value>, wanted: impl Into<Value>) -> &mut Self {
        match observed {
            Some(observed) => self.test(path.clone(), observed).replace(path, wanted),
            None => self.test(path.clone(), Value::Null).add(path, wanted),
        }
    }

    /// This patch, unless it only tests: then there is nothing to send.
    pub fn into_effective(self) -> Option<Self> {
        let changes = self.0.iter().any(|operation| !matches!(operation, Operation::Test { .. }));
        changes.then_some(self)
    }

    /// The operations in order.
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// As the client wants it.
    pub fn to_kube(&self) -> Result<Patch<()>, serde_json::Error> {
        Ok(Patch::Json(serde_json::from_value(serde_json::to_value(self)?)?))
    }

    fn push(&mut self, operation: Operation) -> &mut Self {
        self.0.push(operation);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::testing::apply_json_patch;
    use serde_json::json;

    #[test]
    fn keys_are_escaped() {
        let pointer = Pointer::new(["metadata", "labels", "example.org/a~b"]);
        assert_eq!(serde_json::to_value(pointer).unwrap(), json!("/metadata/labels/example.org~1a~0b"));
    }

    #[test]
    fn it_is_the_wire_format() {
        let mut patch = JsonPatch::new();
        patch
            .test(Pointer::new(["a"]), Value::Null)
            .add(Pointer::new(["a"]), "x")
            .remove(Pointer::new(["b"]));
        patch.replace(Pointer::new(["c"]).then(0), 1);
        assert_eq!(
            serde_json::to_value(&patch).unwrap(),
            json!([
                {"op": "test", "path": "/a", "value": null},
                {"op": "add", "path": "/a", "value": "x"},
                {"op": "remove", "path": "/b"},
                {"op": "replace", "path": "/c/0", "value": 1},
            ])
        );
        let Patch::Json(sent) = patch.to_kube().unwrap() else { panic!("no JSON Patch") };
        assert_eq!(serde_json::to_value(sent).unwrap(), serde_json::to_value(&patch).unwrap());
    }

    #[test]
    fn a_swap_applies_only_to_what_was_observed() {
        let path = || Pointer::new(["a"]);
        let mut absent = JsonPatch::new();
        absent.swap(path(), None, "new");
        let mut present = JsonPatch::new();
        present.swap(path(), Some(json!("old")), "new");
        for (patch, document, expected) in [
            (&absent, json!({}), Some(json!({"a": "new"}))),
            (&absent, json!({"a": "other"}), None),
            (&present, json!({"a": "old"}), Some(json!({"a": "new"}))),
            (&present, json!({"a": "other"}), None),
            (&present, json!({}), None),
        ] {
            let outcome = apply_json_patch(&document, &serde_json::to_value(patch).unwrap()).ok();
            assert_eq!(outcome, expected, "{document}");
        }
    }

    #[test]
    fn tests_alone_are_nothing_to_send() {
        let mut patch = JsonPatch::new();
        patch.test(Pointer::new(["metadata", "uid"]), "u");
        assert_eq!(patch.clone().into_effective(), None);
        patch.remove(Pointer::new(["a"]));
        assert!(patch.into_effective().is_some());
    }
}
