//! The whole controller against an API server in memory and a machine room of our making.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::cloud::NodeIdentity;
use crate::cloud::{Existence, MachineRecord};
use crate::controllers::node::fixtures::*;
use crate::controllers::node::run;
use crate::k8s::TAINT_UNINITIALIZED;
use crate::k8s::testing::{FakeApi, Fault};

/// Machines by node name. A Node without one is being looked for, as in a batch that is long in coming.
struct Machines {
    answers: Mutex<BTreeMap<String, Answer>>,
    changes: broadcast::Sender<String>,
    asked: AtomicUsize,
    forgotten: Mutex<Vec<String>>,
}

impl Machines {
    fn set(&self, node: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(node.to_owned(), answer);
        self.changes.send(node.to_owned()).ok();
    }

    fn answer(&self, node: &str) -> Option<Answer> {
        self.answers.lock().unwrap().get(node).cloned()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn forgotten(&self) -> Vec<String> {
        self.forgotten.lock().unwrap().clone()
    }
}

impl Instances for Machines {
    fn instance(&self, node: &NodeIdentity) -> Option<Answer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answer(&node.name)
    }

    async fn existence(&self, _: &NodeIdentity) -> Existence {
        Existence::Unknown("nobody asks here".to_owned())
    }

    fn changes(&self) -> BoxStream<'static, String> {
        let receiver = self.changes.subscribe();
        futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await.ok()?, receiver)))
            .boxed()
    }

    fn forget(&self, node_name: &str) {
        self.forgotten.lock().unwrap().push(node_name.to_owned());
    }
}

struct Cluster {
    api: FakeApi,
    machines: Arc<Machines>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Cluster {
    /// A running controller over these Nodes.
    async fn start(nodes: impl IntoIterator<Item = Value>) -> Self {
        Self::start_with(nodes, Options::default()).await
    }

    async fn start_with(nodes: impl IntoIterator<Item = Value>, options: Options) -> Self {
        let api = FakeApi::start().await;
        nodes.into_iter().for_each(|node| api.put_node(node));
        let machines = Arc::new(Machines {
            answers: Mutex::default(),
            changes: broadcast::Sender::new(1024),
            asked: AtomicUsize::new(0),
            forgotten: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { stopped.await.unwrap_or_default() };
        let controller = run(api.client(), Arc::clone(&machines), options, shutdown);
        let running = tokio::spawn(controller);
        Self { api, machines, stop, running }
    }

    /// Lets somebody else change `node-1` just before this request is served.
    fn before(&self, request: &str, change: fn(&mut Value)) {
        self.api.fault(request, Fault::Before("node-1".to_owned(), change));
    }

    fn writes(&self, part: &str) -> usize {
        self.api.writes().iter().filter(|line| line.contains(part)).count()
    }

    fn initialised(&self, name: &str) -> bool {
        !slim(&self.api.node(name)).is_uninitialized() && self.writes("POST") > 0
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(2), self.running).await.expect("it comes to rest").unwrap();
    }
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

/// Long enough for anything that should not happen to happen.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}

fn found() -> Instance {
    instance(&["int:10.0.0.1"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_initialisation_is_two_patches_and_an_event() {
    let cluster = Cluster::start([registered("node-1")]).await;
    cluster.machines.set("node-1", Ok(found()));
    eventually("initialised", || cluster.initialised("node-1")).await;
    settle().await;
    let node = "/api/v1/nodes/node-1";
    let expected = [
        format!("PATCH {node}/status"),
        format!("PATCH {node}"),
        "POST /api/v1/namespaces/default/events".to_owned(),
    ];
    assert_eq!(cluster.api.writes(), expected);
    let node = cluster.api.node("node-1");
    assert_eq!(node["spec"], json!({"providerID": format!("vsphere://{UUID}"), "taints": []}));
    assert_eq!(node["status"]["addresses"], entries(&[("Hostname", "node-1"), ("InternalIP", "10.0.0.1")]));
    assert_eq!(cluster.api.count("GET /api/v1/nodes/"), 0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_wait_are_asked_for_at_once() {
    let cluster = Cluster::start((0..300).map(|number| registered(&format!("node-{number}")))).await;
    eventually("all asked", || cluster.machines.asked() == 300).await;
    assert_eq!(cluster.api.count("GET /api/v1/nodes"), 6, "pages of 50");
    for number in 0..300 {
        cluster.machines.set(&format!("node-{number}"), Ok(found()));
    }
    eventually("all initialised", || cluster.writes("POST") == 300).await;
    settle().await;
    assert_eq!(cluster.api.writes().len(), 900);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_kept_and_who_waits_for_an_answer_does_not_count() {
    let options =
        Options { concurrency: std::num::NonZeroUsize::MIN.saturating_add(1), ..Options::default() };
    let cluster =
        Cluster::start_with((0..9).map(|number| registered(&format!("node-{number}"))), options).await;
    for number in 0..5 {
        cluster.api.fault(&format!("PATCH /api/v1/nodes/node-{number}/status"), Fault::Hang);
    }
    eventually("all asked", || cluster.machines.asked() == 9).await;
    for number in 0..5 {
        cluster.machines.set(&format!("node-{number}"), Ok(found()));
    }
    eventually("two being written", || cluster.writes("PATCH") == 2).await;
    settle().await;
    assert_eq!(cluster.writes("PATCH"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_told_is_told_before_the_end() {
    let cluster = Cluster::start((0..40).map(|number| registered(&format!("node-{number}")))).await;
    for number in 0..40 {
        cluster.machines.set(&format!("node-{number}"), Ok(found()));
    }
    eventually("all written", || cluster.writes("PATCH") == 80).await;
    let api = cluster.api.clone();
    cluster.stop().await;
    assert_eq!(api.count("POST"), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_upstream_initialised_cost_nothing() {
    let cluster = Cluster::start([initialised("node-1"), initialised("node-2")]).await;
    cluster.machines.set("node-1", Ok(found()));
    cluster.machines.set("node-2", Ok(found()));
    eventually("asked", || cluster.machines.asked() >= 2).await;
    settle().await;
    assert_eq!(cluster.api.writes(), Vec::<String>::new());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_costs_each_of_them_one_patch_once() {
    let record =
        MachineRecord { vcenter: "vc-1".into(), vm: "vm-12".into(), instance_uuid: None, folder: None };
    let cluster = Cluster::start([initialised("node-1")]).await;
    let before = cluster.api.node("node-1");
    cluster.machines.set("node-1", Ok(Instance { record: Some(record.clone()), ..found() }));
    eventually("asked for the Node as it was written", || cluster.machines.asked() >= 2).await;
    settle().await;
    assert_eq!(cluster.api.writes(), ["PATCH /api/v1/nodes/node-1"]);
    let mut after = cluster.api.node("node-1");
    assert_eq!(crate::controllers::identity::record(&slim(&after)), Some(record));
    after["metadata"].as_object_mut().unwrap().remove("annotations");
    after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
    assert_eq!(after, before);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_writers_taint_survives_and_is_decided_on_at_once() {
    let cluster = Cluster::start([registered("node-1")]).await;
    cluster.before("PATCH /api/v1/nodes/node-1/status", |node| {
        node["status"]["addresses"] = entries(&[("InternalIP", "10.0.0.5")]);
    });
    cluster.before("PATCH /api/v1/nodes/node-1", |node| {
        let taints = node["spec"]["taints"].as_array_mut().unwrap();
        taints.insert(0, json!({"key": "example.org/mine", "effect": "NoExecute"}));
    });
    cluster.machines.set("node-1", Ok(found()));
    eventually("initialised", || cluster.initialised("node-1")).await;
    settle().await;
    let node = cluster.api.node("node-1");
    assert_eq!(node["spec"]["taints"], json!([{"key": "example.org/mine", "effect": "NoExecute"}]));
    assert_eq!(node["status"]["addresses"], entries(&[("Hostname", "node-1"), ("InternalIP", "10.0.0.1")]));
    assert_eq!(
        (cluster.writes("/status"), cluster.writes("nodes/node-1"), cluster.writes("POST")),
        (2, 4, 1)
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_without_a_change_is_tried_again_after_a_pause() {
    let cluster = Cluster::start([registered("node-1")]).await;
    for status in [422, 409, 500, 403] {
        cluster.api.fault("PATCH /api/v1/nodes/node-1/status", Fault::Status(status));
    }
    cluster.machines.set("node-1", Ok(found()));
    eventually("initialised", || cluster.initialised("node-1")).await;
    settle().await;
    assert_eq!(cluster.writes("PATCH /api/v1/nodes/node-1"), 4 + 2);
    assert_eq!(cluster.api.count("GET /api/v1/nodes/node-1"), 2, "only after a 422 and a 409");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_replaced_in_between_is_not_mistaken_for_the_old_one() {
    let cluster = Cluster::start([registered("node-1")]).await;
    cluster.before("PATCH /api/v1/nodes/node-1/status", |node| node["metadata"]["uid"] = "another".into());
    cluster.machines.set("node-1", Ok(found()));
    eventually("initialised", || cluster.initialised("node-1")).await;
    let event = cluster.api.events().into_values().next().unwrap();
    assert_eq!(event["involvedObject"]["uid"], "another");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_leads_to_exactly_that_node() {
    let mut late = silent();
    late.host_name = None;
    let cluster = Cluster::start([registered("node-1"), registered("node-2")]).await;
    cluster.machines.set("node-1", Ok(late.clone()));
    cluster.machines.set("node-2", Ok(late));
    eventually("told", || cluster.api.events().len() == 2).await;
    settle().await;
    let (asked, writes) = (cluster.machines.asked(), cluster.api.writes().len());
    assert_eq!(writes, 4, "of each the providerID and an Event");
    assert!(slim(&cluster.api.node("node-2")).provider_id().is_some());

    cluster.machines.set("node-2", Ok(found()));
    eventually("initialised", || cluster.initialised("node-2") && cluster.writes("POST") == 3).await;
    settle().await;
    assert!(slim(&cluster.api.node("node-1")).is_uninitialized());
    assert_eq!(cluster.machines.asked() - asked, 2, "for the change, and for the Node as written");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_told_once_and_not_polled() {
    let cluster = Cluster::start([registered("node-1")]).await;
    eventually("asked", || cluster.machines.asked() == 1).await;
    cluster.machines.set("node-1", Err(InstanceError::NotFound("1 vCenter answered".to_owned())));
    eventually("told", || cluster.api.events().len() == 1).await;
    settle().await;
    // Once to begin the search, once more when there is an answer.
    assert_eq!((cluster.machines.asked(), cluster.api.writes().len()), (2, 1));
    // The kubelet's heartbeat brings the Node again, but nothing new is to be said.
    let mut node = cluster.api.node("node-1");
    node["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    cluster.api.put_node(node);
    eventually("asked again", || cluster.machines.asked() >= 3).await;
    settle().await;
    assert_eq!(cluster.api.writes().len(), 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_gone_is_forgotten() {
    let cluster = Cluster::start([registered("node-1"), initialised("node-2")]).await;
    cluster.machines.set("node-2", Ok(found()));
    eventually("both asked", || cluster.machines.asked() >= 2).await;
    settle().await;
    let asked = cluster.machines.asked();
    cluster.api.delete_node("node-2");
    eventually("forgotten", || cluster.machines.forgotten() == ["node-2"]).await;
    cluster.machines.changes.send("node-2".to_owned()).unwrap();
    settle().await;
    assert_eq!(cluster.machines.asked(), asked, "a change of a Node that is not there is nothing");
    // Gone while its answer is awaited: nothing is written to nobody.
    cluster.api.delete_node("node-1");
    eventually("forgotten", || cluster.machines.forgotten().len() == 2).await;
    cluster.machines.set("node-1", Ok(found()));
    settle().await;
    assert_eq!(cluster.api.writes(), Vec::<String>::new());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_as_it_is_when_the_answer_arrives_counts() {
    let cluster = Cluster::start([registered("node-1")]).await;
    eventually("asked", || cluster.machines.asked() == 1).await;
    let mut node = cluster.api.node("node-1");
    node["spec"]["taints"] = json!([
        {"key": "example.org/mine", "effect": "NoExecute"},
        {"key": TAINT_UNINITIALIZED, "effect": "NoSchedule"},
    ]);
    cluster.api.put_node(node);
    settle().await;
    cluster.machines.set("node-1", Ok(found()));
    eventually("initialised", || cluster.initialised("node-1")).await;
    settle().await;
    assert_eq!(cluster.api.writes().len(), 3, "no race was lost");
    cluster.stop().await;
}

#[tokio::test]
async fn the_order_to_stop_is_obeyed_while_answers_are_awaited() {
    let cluster = Cluster::start([registered("node-1")]).await;
    eventually("asked", || cluster.machines.asked() == 1).await;
    cluster.stop().await;
}
