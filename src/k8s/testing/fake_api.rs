//! An API server in memory, behind a real socket: Nodes with list, watch and JSON Patch,
//! Leases, and Events.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::http::{self, Request};
use super::json_patch::apply_json_patch;
use super::leases::Leases;

/// What goes wrong with a request.
pub(crate) enum Fault {
    /// It is refused with this status.
    Status(u16),
    /// It is never answered.
    Hang,
    /// Somebody else is faster: the named Node is changed just before.
    Before(String, fn(&mut Value)),
}

/// The API server. Dropping it stops nothing: it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct FakeApi {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    version: u64,
    nodes: BTreeMap<String, Value>,
    events: BTreeMap<String, Value>,
    attachments: BTreeMap<String, String>,
    history: Vec<(u64, Value)>,
    watchers: Vec<mpsc::UnboundedSender<Value>>,
    faults: Vec<(String, Fault)>,
    log: Vec<String>,
    leases: Leases,
    away: bool,
}

impl FakeApi {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let server = api.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(BufReader::new(stream)).await });
            }
        });
        api
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn client(&self) -> kube::Client {
        kube::Client::try_from(self.config()).unwrap()
    }

    pub(crate) fn config(&self) -> kube::Config {
        let mut config = kube::Config::new(self.url().parse().unwrap());
        config.default_retry = false;
        config
    }

    /// Lets the next request with this `METHOD path` go wrong.
    pub(crate) fn fault(&self, request: &str, fault: Fault) {
        self.state().faults.push((request.to_owned(), fault));
    }

    /// Creates or changes a Node, as somebody else would.
    pub(crate) fn put_node(&self, node: Value) {
        self.state().put_node(node);
    }

    pub(crate) fn delete_node(&self, name: &str) {
        self.state().delete_node(name, &Value::Null);
    }

    pub(crate) fn has_node(&self, name: &str) -> bool {
        self.state().nodes.contains_key(name)
    }

    pub(crate) fn node(&self, name: &str) -> Value {
        self.state().nodes[name].clone()
    }

    /// Attaches a volume to a Node, by the name of the VolumeAttachment.
    pub(crate) fn attach(&self, name: &str, node: &str) {
        self.state().attachments.insert(name.to_owned(), node.to_owned());
    }

    pub(crate) fn detach(&self, name: &str) {
        self.state().attachments.remove(name);
    }

    pub(crate) fn events(&self) -> BTreeMap<String, Value> {
        self.state().events.clone()
    }

    pub(crate) fn forget_events(&self) {
        self.state().events.clear();
    }

    /// Answers nothing from now on, or everything again.
    pub(crate) fn set_away(&self, away: bool) {
        self.state().away = away;
    }

    /// A Lease, by `namespace/name`.
    pub(crate) fn lease(&self, key: &str) -> Option<Value> {
        self.state().leases.get(key)
    }

    /// Changes a Lease's spec, as somebody else would; `None` deletes it.
    pub(crate) fn set_lease(&self, key: &str, spec: Option<Value>) {
        self.state().leases.set(key, spec);
    }

    /// All requests that change something, as `METHOD path`.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.state().log.iter().filter(|line| !line.starts_with("GET")).cloned().collect()
    }

    /// The number of requests whose `METHOD path` contains this.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.state().log.iter().filter(|line| line.contains(part)).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(self, mut stream: BufReader<TcpStream>) -> io::Result<()> {
        while let Some(request) = http::read_request(&mut stream).await? {
            if request.parameter("watch").is_some() {
                return self.watch(&request, stream).await;
            }
            let answer = self.state().answer(&request);
            let Some((status, body)) = answer else { return std::future::pending().await };
            http::write_reply(&mut stream, status, &body).await?;
        }
        Ok(())
    }

    async fn watch(&self, request: &Request, mut stream: BufReader<TcpStream>) -> io::Result<()> {
        let since = request.parameter("resourceVersion").and_then(|v| v.parse().ok()).unwrap_or(0);
        let (sender, mut receiver) = mpsc::unbounded_channel();
        {
            let mut state = self.state();
            for (_, event) in state.history.iter().filter(|(version, _)| *version > since) {
                sender.send(event.clone()).ok();
            }
            state.watchers.push(sender);
        }
        http::begin_stream(&mut stream).await?;
        while let Some(event) = receiver.recv().await {
            http::write_line(&mut stream, &event).await?;
        }
        Ok(())
    }
}

impl State {
    /// `None` is no answer at all.
    fn answer(&mut self, request: &Request) -> Option<(u16, Value)> {
        let line = format!("{} {}", request.method, request.path);
        self.log.push(line.clone());
        if self.away {
            return None;
        }
        if let Some(index) = self.faults.iter().position(|(request, _)| *request == line) {
            match self.faults.remove(index).1 {
                Fault::Status(status) => return Some(failure(status, "as the test wants it")),
                Fault::Hang => return None,
                Fault::Before(name, change) => {
                    let mut node = self.nodes[&name].clone();
                    change(&mut node);
                    self.put_node(node);
                }
            }
        }
        Some(self.perform(request))
    }

    fn perform(&mut self, request: &Request) -> (u16, Value) {
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
                (200, self.put_node(patched))
            }
            Err(why) => failure(422, &why),
        }
    }

    fn delete_node(&mut self, name: &str, options: &Value) -> (u16, Value) {
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

    fn put_node(&mut self, mut node: Value) -> Value {
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
}

pub(super) fn found(object: Option<&Value>) -> (u16, Value) {
    object.map_or_else(|| failure(404, "NotFound"), |object| (200, object.clone()))
}

pub(super) fn failure(status: u16, message: &str) -> (u16, Value) {
    let reason = match status {
        403 => "Forbidden",
        404 => "NotFound",
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
