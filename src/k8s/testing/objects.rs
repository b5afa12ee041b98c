//! What an API server keeps, and how it answers: Nodes with list, watch and JSON Patch, Leases,
//! VolumeAttachments, and Events. No I/O.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::http::Request;
use super::json_patch::apply_json_patch;
use super::leases::Leases;

/// The objects of a cluster.
#[derive(Default)]
pub(crate) struct Objects {
    version: u64,
    pub(crate) nodes: BTreeMap<String, Value>,
    pub(crate) events: BTreeMap<String, Value>,
    /// The Node of each VolumeAttachment.
    pub(crate) attachments: BTreeMap<String, String>,
    pub(crate) leases: Leases,
    history: Vec<(u64, Value)>,
    /// Up to here the history is forgotten.
    compacted: u64,
    watchers: Vec<mpsc::UnboundedSender<Value>>,
}

impl Objects {
    /// Does what a request asks for; the status and the body of the answer.
    pub(crate) fn perform(&mut self, request: &Request) -> (u16, Value) {
        let leases = "/apis/coordination.k8s.io/v1/namespaces/";
        if let Some((namespace, rest)) =
            request.path.strip_prefix(leases).and_then(|path| path.split_once("/leases"))
        {
            let name = rest.strip_prefix('/');
            return self.leases.answer(&request.method, namespace, name, &request.body);
        }
        if request.path == "/apis/storage.k8s.io/v1/volumeattachments" {
            return self.list_attachments(request);
        }
        let parts: Vec<&str> = request.path.trim_start_matches("/api/v1/").split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["nodes"]) => self.list(request),
            ("GET", ["nodes", name]) => found(self.nodes.get(*name)),
            ("PATCH", ["nodes", name, rest @ ..]) => self.patch_node(name, rest == ["status"], &request.body),
            ("DELETE", ["nodes", name]) => self.delete_node(name, &request.body),
            ("POST", ["namespaces", _, "events"]) => {
                let name = request.body["metadata"]["name"].as_str().unwrap().to_owned();
                if self.events.contains_key(&name) {
                    return failure(409, "AlreadyExists");
                }
                self.events.insert(name, request.body.clone());
                (201, request.body.clone())
            }
            ("PATCH", ["namespaces", _, "events", name]) => {
                let event = self.events.get_mut(*name);
                if let (Some(Value::Object(event)), Value::Object(changes)) = (event, &request.body) {
                    event.extend(changes.clone());
                }
                found(self.events.get(*name))
            }
            _ => failure(404, "NotFound"),
        }
    }

    fn list(&self, request: &Request) -> (u16, Value) {
        let nodes: Vec<&Value> = self.nodes.values().collect();
        self.page(request, &nodes)
    }

    fn list_attachments(&self, request: &Request) -> (u16, Value) {
        let object = |(name, node): (&String, &String)| json!({"metadata": {"name": name}, "spec": {"nodeName": node}});
        let objects: Vec<Value> = self.attachments.iter().map(object).collect();
        let objects: Vec<&Value> = objects.iter().collect();
        self.page(request, &objects)
    }

    fn page(&self, request: &Request, all: &[&Value]) -> (u16, Value) {
        let limit = request.parameter("limit").and_then(|v| v.parse().ok()).unwrap_or(usize::MAX);
        let start = request.parameter("continue").and_then(|v| v.parse().ok()).unwrap_or(0);
        let items: Vec<&Value> = all.iter().skip(start).take(limit).copied().collect();
        let end = start + items.len();
        let more = if end < all.len() { end.to_string() } else { String::new() };
        let metadata = json!({"resourceVersion": self.version.to_string(), "continue": more});
        (200, json!({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": items}))
    }

    fn patch_node(&mut self, name: &str, status: bool, patch: &Value) -> (u16, Value) {
        let Some(node) = self.nodes.get(name) else { return failure(404, "NotFound") };
        match apply_json_patch(node, patch) {
            Ok(mut patched) => {
                // As the real one: each of the two resources ignores changes to the other's part.
                let kept = if status { ["metadata", "spec"].as_slice() } else { &["status"] };
                for part in kept {
                    patched[*part] = node[*part].clone();
                }
                if has_a_taint_twice(&patched) {
                    return failure(422, "a taint is there twice");
                }
                (200, self.put_node(patched))
            }
            Err(why) => failure(422, &why),
        }
    }

    pub(crate) fn delete_node(&mut self, name: &str, options: &Value) -> (u16, Value) {
        let Some(node) = self.nodes.get(name) else { return failure(404, "NotFound") };
        if let Some(preconditions) = options["preconditions"].as_object()
            && preconditions.iter().any(|(key, value)| node["metadata"][key] != *value)
        {
            return failure(409, "a precondition failed");
        }
        let node = self.nodes.remove(name).unwrap_or_default();
        self.announce("DELETED", &node);
        (200, json!({"apiVersion": "v1", "kind": "Status", "status": "Success"}))
    }

    /// Creates or changes a Node; returns it with its new version.
    pub(crate) fn put_node(&mut self, mut node: Value) -> Value {
        self.version += 1;
        node["metadata"]["resourceVersion"] = self.version.to_string().into();
        let name = node["metadata"]["name"].as_str().unwrap().to_owned();
        let kind = if self.nodes.contains_key(&name) { "MODIFIED" } else { "ADDED" };
        self.nodes.insert(name, node.clone());
        self.announce(kind, &node);
        node
    }

    fn announce(&mut self, kind: &str, node: &Value) {
        if kind == "DELETED" {
            self.version += 1;
        }
        let event = json!({"type": kind, "object": node});
        self.history.push((self.version, event.clone()));
        self.watchers.retain(|watcher| watcher.send(event.clone()).is_ok());
    }

    /// What happens to Nodes after that version, as events of a watch; `None` if it is too long ago.
    pub(crate) fn watch(&mut self, since: u64) -> Option<mpsc::UnboundedReceiver<Value>> {
        if since < self.compacted {
            return None;
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        for (_, event) in self.history.iter().filter(|(version, _)| *version > since) {
            sender.send(event.clone()).ok();
        }
        self.watchers.push(sender);
        Some(receiver)
    }

    /// Ends all watches.
    pub(crate) fn end_watches(&mut self) {
        self.watchers.clear();
    }

    /// Forgets what has happened so far: who watches from an earlier version has to list again.
    pub(crate) fn compact(&mut self) {
        self.compacted = self.version;
        self.history.clear();
    }
}

fn has_a_taint_twice(node: &Value) -> bool {
    let taints = node["spec"]["taints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let same = |a: &Value, b: &Value| a["key"] == b["key"] && a["effect"] == b["effect"];
    taints.iter().enumerate().any(|(index, taint)| taints[..index].iter().any(|other| same(taint, other)))
}

pub(super) fn found(object: Option<&Value>) -> (u16, Value) {
    object.map_or_else(|| failure(404, "NotFound"), |object| (200, object.clone()))
}

pub(crate) fn failure(status: u16, message: &str) -> (u16, Value) {
    let reason = match status {
        403 => "Forbidden",
        404 => "NotFound",
        410 => "Expired",
        409 if message == "AlreadyExists" => "AlreadyExists",
        409 => "Conflict",
        422 => "Invalid",
        _ => "InternalError",
    };
    let body = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "message": message, "reason": reason, "code": status,
    });
    (status, body)
}
