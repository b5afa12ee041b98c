//! An API server in memory, behind a real socket, with faults by order.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};

use super::http::{self, Request};
use super::objects::{Objects, failure};

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
    objects: Objects,
    faults: Vec<(String, Fault)>,
    log: Vec<String>,
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
        self.state().objects.put_node(node);
    }

    pub(crate) fn delete_node(&self, name: &str) {
        self.state().objects.delete_node(name, &Value::Null);
    }

    pub(crate) fn has_node(&self, name: &str) -> bool {
        self.state().objects.nodes.contains_key(name)
    }

    pub(crate) fn node(&self, name: &str) -> Value {
        self.state().objects.nodes[name].clone()
    }

    /// Attaches a volume to a Node, by the name of the VolumeAttachment.
    pub(crate) fn attach(&self, name: &str, node: &str) {
        self.state().objects.attachments.insert(name.to_owned(), node.to_owned());
    }

    pub(crate) fn detach(&self, name: &str) {
        self.state().objects.attachments.remove(name);
    }

    pub(crate) fn events(&self) -> BTreeMap<String, Value> {
        self.state().objects.events.clone()
    }

    pub(crate) fn forget_events(&self) {
        self.state().objects.events.clear();
    }

    /// Answers nothing from now on, or everything again.
    pub(crate) fn set_away(&self, away: bool) {
        self.state().away = away;
    }

    /// A Lease, by `namespace/name`.
    pub(crate) fn lease(&self, key: &str) -> Option<Value> {
        self.state().objects.leases.get(key)
    }

    /// Changes a Lease's spec, as somebody else would; `None` deletes it.
    pub(crate) fn set_lease(&self, key: &str, spec: Option<Value>) {
        self.state().objects.leases.set(key, spec);
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
        let watch = self.state().objects.watch(since);
        let mut receiver = watch.ok_or_else(|| io::Error::other("nothing is ever forgotten here"))?;
        http::begin_stream(&mut stream).await?;
        while let Some(event) = receiver.recv().await {
            http::write_line(&mut stream, &event).await?;
        }
        Ok(())
    }
}

impl State {
    /// Answers as the test wants it; `None` is no answer at all.
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
                    let mut node = self.objects.nodes[&name].clone();
                    change(&mut node);
                    self.objects.put_node(node);
                }
            }
        }
        Some(self.objects.perform(request))
    }
}
