//! Leases as the API server keeps them: with optimistic locking.

use std::collections::BTreeMap;

use serde_json::Value;

use super::objects::{failure, found};

/// All Leases, by `namespace/name`.
#[derive(Default)]
pub(crate) struct Leases {
    version: u64,
    objects: BTreeMap<String, Value>,
}

impl Leases {
    /// Answers a request for `…/namespaces/<namespace>/leases[/<name>]`.
    pub(super) fn answer(
        &mut self,
        method: &str,
        namespace: &str,
        name: Option<&str>,
        body: &Value,
    ) -> (u16, Value) {
        let named = name.or_else(|| body["metadata"]["name"].as_str()).unwrap_or_default();
        let key = format!("{namespace}/{named}");
        match method {
            "GET" => found(self.objects.get(&key)),
            "POST" if self.objects.contains_key(&key) => failure(409, "AlreadyExists"),
            "POST" => (201, self.put(namespace, &key, body)),
            "PUT" => match self.objects.get(&key) {
                None => failure(404, "NotFound"),
                Some(old) if old["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] => {
                    failure(409, "somebody else was faster")
                }
                Some(_) => (200, self.put(namespace, &key, body)),
            },
            _ => failure(403, "upstream's roles permit get, create and update"),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.objects.get(key).cloned()
    }

    /// Changes a Lease's spec, as somebody else would; `None` deletes it.
    pub(crate) fn set(&mut self, key: &str, spec: Option<Value>) {
        let Some(spec) = spec else {
            self.objects.remove(key);
            return;
        };
        let (namespace, name) = key.split_once('/').unwrap_or_default();
        let mut object = self.objects.get(key).cloned().unwrap_or_default();
        object["metadata"]["name"] = name.into();
        object["spec"] = spec;
        self.put(namespace, key, &object);
    }

    fn put(&mut self, namespace: &str, key: &str, object: &Value) -> Value {
        self.version += 1;
        let mut object = object.clone();
        object["metadata"]["namespace"] = namespace.into();
        object["metadata"]["uid"] = key.into();
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(key.to_owned(), object.clone());
        object
    }
}
