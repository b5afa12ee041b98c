//! The whole controller against an API server in memory and a machine room of our making.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::cloud::{Existence, Instance, InstanceError, MachineRecord, NodeIdentity, Power};
use crate::controllers::lifecycle::fixtures::*;
use crate::controllers::lifecycle::{CONFIRM_ANNOTATION, run};
use crate::k8s::testing::{FakeApi, Fault};

mod volumes;

/// Whether machines exist, by node name. A question about any other is never answered.
struct Machines {
    answers: Mutex<BTreeMap<String, Existence>>,
    /// What is the case now where that is something else.
    now: Mutex<BTreeMap<String, Existence>>,
    /// Nodes whose machines cannot be found.
    lost: Mutex<Vec<String>>,
    asked: Mutex<Vec<(String, Option<MachineRecord>)>>,
    asking: AtomicUsize,
    most_at_once: AtomicUsize,
    changes: broadcast::Sender<String>,
}

impl Machines {
    fn set(&self, name: &str, answer: Existence) {
        self.answers.lock().unwrap().insert(name.to_owned(), answer);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Instances for Machines {
    fn instance(&self, node: &NodeIdentity) -> Option<Result<Instance, InstanceError>> {
        let lost = self.lost.lock().unwrap().contains(&node.name);
        lost.then(|| Err(InstanceError::NotFound("1 vCenter answered".to_owned())))
    }

    async fn existence(&self, node: &NodeIdentity) -> Existence {
        self.asked.lock().unwrap().push((node.name.clone(), node.record.as_deref().cloned()));
        let asking = self.asking.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(asking, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().get(&node.name).cloned();
        let Some(answer) = answer else { return std::future::pending().await };
        self.asking.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    async fn existence_now(&self, node: &NodeIdentity) -> Existence {
        let now = self.now.lock().unwrap().get(&node.name).cloned();
        match now {
            Some(answer) => answer,
            None => self.existence(node).await,
        }
    }

    fn changes(&self) -> BoxStream<'static, String> {
        let receiver = self.changes.subscribe();
        futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await.ok()?, receiver)))
            .boxed()
    }

    fn forget(&self, _: &str) {}
}

struct Cluster {
    api: FakeApi,
    machines: Arc<Machines>,
    options: Options,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

/// Everything in milliseconds, but for what must not come into play.
fn hurried() -> Options {
    Options {
        monitor_period: Duration::from_millis(20),
        confirm_after: Duration::from_millis(100),
        absence_window: Duration::from_millis(200),
        ..Options::default()
    }
}

impl Cluster {
    async fn start(nodes: impl IntoIterator<Item = (Value, Option<Existence>)>, options: Options) -> Self {
        let api = FakeApi::start().await;
        let mut answers = BTreeMap::new();
        for (node, answer) in nodes {
            let name = slim(&node).name().to_owned();
            answers.extend(answer.map(|answer| (name, answer)));
            api.put_node(node);
        }
        let machines = Arc::new(Machines {
            answers: Mutex::new(answers),
            now: Mutex::default(),
            lost: Mutex::default(),
            asked: Mutex::default(),
            asking: AtomicUsize::default(),
            most_at_once: AtomicUsize::default(),
            changes: broadcast::Sender::new(16),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { stopped.await.unwrap_or_default() };
        let controller = run(api.client(), Arc::clone(&machines), options.clone(), shutdown);
        let running = tokio::spawn(controller);
        Self { api, machines, options, stop, running }
    }

    async fn with(node: Value, answer: Existence) -> Self {
        Self::start([(node, Some(answer))], hurried()).await
    }

    /// The Events' reasons, in the order of the alphabet: their times are whole seconds.
    fn reasons(&self) -> Vec<String> {
        let events = self.api.events();
        let ours = |event: &Value| event["source"]["component"] == "cloud-node-lifecycle-controller";
        assert!(events.values().all(ours), "{events:#?}");
        let mut reasons: Vec<String> =
            events.values().map(|event| event["reason"].as_str().unwrap().to_owned()).collect();
        reasons.sort();
        reasons
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut node = self.api.node(name);
        change(&mut node);
        self.api.put_node(node);
    }

    fn count(&self, count: Count) -> u64 {
        self.options.counters.get(count)
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
    tokio::time::sleep(Duration::from_millis(500)).await;
}

fn ready(node: &mut Value, status: &str) {
    node["status"]["conditions"] = json!([{"type": "Ready", "status": status}]);
}

const NODE: &str = "/api/v1/nodes/node-1";

#[test]
fn what_waits_for_an_answer_is_small() {
    // When a vCenter is away, thousands of these may wait at the same time.
    fn size<F: Future>(_: impl FnOnce(Arc<Node>, Arc<Context<Machines>>) -> F) -> usize {
        size_of::<F>()
    }
    let size = size(reconcile::<Machines>);
    assert!(size <= 2048, "{size} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_taint_is_set_and_removed_with_one_patch_each() {
    let cluster = Cluster::with(node("node-1", "Unknown"), exists(Power::On)).await;
    eventually("asked", || cluster.machines.asked() > 2).await;
    assert_eq!(cluster.api.writes(), Vec::<String>::new());
    cluster.machines.set("node-1", exists(Power::Off(Duration::ZERO)));
    let taints = || cluster.api.node("node-1")["spec"]["taints"].clone();
    eventually("tainted", || taints() == json!([shutdown_taint()])).await;
    settle().await;
    // Running again is not enough: the kubelet has to say so.
    cluster.machines.set("node-1", exists(Power::On));
    settle().await;
    assert_eq!(taints(), json!([shutdown_taint()]));
    cluster.change("node-1", |node| ready(node, "True"));
    eventually("untainted", || taints() == json!([])).await;
    let asked = cluster.machines.asked();
    settle().await;
    assert!(cluster.machines.asked() <= asked + 1, "a Node that works is not asked for");
    assert_eq!(cluster.api.writes(), [format!("PATCH {NODE}"), format!("PATCH {NODE}")]);
    assert_eq!((cluster.count(Count::Tainted), cluster.count(Count::Untainted)), (1, 1));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_heard_between_two_looks() {
    let options = Options { monitor_period: Duration::from_mins(10), ..hurried() };
    let cluster = Cluster::start([(node("node-1", "Unknown"), Some(exists(Power::On)))], options).await;
    eventually("asked", || cluster.machines.asked() == 1).await;
    cluster.machines.set("node-1", exists(Power::Suspended));
    settle().await;
    assert_eq!(cluster.machines.asked(), 1);
    cluster.machines.changes.send("node-1".to_owned()).unwrap();
    eventually("tainted", || cluster.count(Count::Tainted) == 1).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_taints_are_not_lost_in_a_race() {
    let cluster = Cluster::with(node("node-1", "Unknown"), exists(Power::On)).await;
    cluster.api.fault(
        &format!("PATCH {NODE}"),
        Fault::Before("node-1".to_owned(), |node| {
            node["spec"]["taints"] = json!([{"key": "example.org/mine", "effect": "NoExecute"}]);
        }),
    );
    cluster.machines.set("node-1", exists(Power::Off(Duration::ZERO)));
    let expected = json!([{"key": "example.org/mine", "effect": "NoExecute"}, shutdown_taint()]);
    eventually("tainted", || cluster.api.node("node-1")["spec"]["taints"] == expected).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_machine_is_gone_is_deleted_after_the_confirmation() {
    let cluster = Cluster::with(node("node-1", "Unknown"), gone()).await;
    eventually("deleted", || !cluster.api.has_node("node-1")).await;
    eventually("told", || cluster.reasons() == ["DeletingNode"]).await;
    settle().await;
    assert_eq!(cluster.api.count(&format!("DELETE {NODE}")), 1);
    let event = cluster.api.events().into_values().next().unwrap();
    let message = event["message"].as_str().unwrap();
    assert!(message.starts_with("Deleting node node-1 because it does not exist in the cloud provider"));
    assert!(message.ends_with("vm-12 does not exist"), "{message}");
    let record: MachineRecord = serde_json::from_str(RECORD).unwrap();
    let asked = cluster.machines.asked.lock().unwrap().clone();
    assert_eq!(asked, [("node-1".to_owned(), Some(record.clone())), ("node-1".to_owned(), Some(record))]);
    assert_eq!((cluster.count(Count::Deleted), cluster.count(Count::Tripped)), (1, 0));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_record_it_takes_four_looks() {
    let mut unrecorded = node("node-1", "Unknown");
    unrecorded["metadata"]["annotations"] = json!({});
    let cluster = Cluster::with(unrecorded, absent()).await;
    eventually("deleted", || !cluster.api.has_node("node-1")).await;
    let asked = cluster.machines.asked.lock().unwrap().clone();
    assert_eq!(asked, vec![("node-1".to_owned(), None); 4]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_speaks_up_before_the_delete_arrives_is_kept() {
    let cluster = Cluster::with(node("node-1", "Unknown"), exists(Power::On)).await;
    cluster
        .api
        .fault(&format!("DELETE {NODE}"), Fault::Before("node-1".to_owned(), |node| ready(node, "True")));
    cluster.machines.set("node-1", gone());
    eventually("tried", || cluster.api.count(&format!("DELETE {NODE}")) == 1).await;
    settle().await;
    assert!(cluster.api.has_node("node-1"));
    assert_eq!(cluster.api.count(&format!("DELETE {NODE}")), 1);
    assert_eq!(cluster.reasons(), Vec::<String>::new());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_changed_otherwise_is_decided_anew_and_deleted_as_it_is_then() {
    let cluster = Cluster::with(node("node-1", "Unknown"), exists(Power::On)).await;
    cluster.api.fault(
        &format!("DELETE {NODE}"),
        Fault::Before("node-1".to_owned(), |node| node["metadata"]["labels"] = json!({"a": "b"})),
    );
    cluster.machines.set("node-1", gone());
    eventually("deleted", || !cluster.api.has_node("node-1")).await;
    eventually("told", || cluster.reasons() == ["DeletingNode"]).await;
    assert!(cluster.api.count(&format!("DELETE {NODE}")) >= 2);
    assert_eq!(cluster.count(Count::DeletionsFailed), 0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_deletion_is_told_and_tried_again() {
    let cluster = Cluster::with(node("node-1", "Unknown"), exists(Power::On)).await;
    cluster.api.fault(&format!("DELETE {NODE}"), Fault::Status(403));
    cluster.machines.set("node-1", gone());
    eventually("told", || cluster.reasons() == ["DeletingNode", "DeletingNodeFailed"]).await;
    assert!(!cluster.api.has_node("node-1"));
    assert_eq!((cluster.count(Count::DeletionsFailed), cluster.count(Count::Deleted)), (1, 1));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_skip_the_node_stays_and_taints_are_set() {
    let options = Options { skip_deletion: true, ..hurried() };
    let nodes = [
        (node("node-1", "Unknown"), Some(gone())),
        (node("node-2", "Unknown"), Some(exists(Power::Off(Duration::ZERO)))),
    ];
    let cluster = Cluster::start(nodes, options).await;
    eventually("tainted", || cluster.count(Count::Tainted) == 1).await;
    eventually("told", || cluster.reasons() == ["NodeDeletionSkipped"]).await;
    settle().await;
    assert_eq!(cluster.api.count("DELETE"), 0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_at_once_are_held_until_somebody_vouches() {
    let nodes = [
        (node("node-1", "Unknown"), Some(gone())),
        (node("node-2", "Unknown"), Some(gone())),
        (node("node-3", "True"), None),
    ];
    let cluster = Cluster::start(nodes, hurried()).await;
    eventually("told", || cluster.reasons() == ["NodeDeletionHeld", "NodeDeletionHeld"]).await;
    settle().await;
    assert_eq!(cluster.api.writes().len(), 2, "nothing but the Events");
    let counts = [Count::Tripped, Count::Held, Count::DeletionsHeld].map(|count| cluster.count(count));
    assert_eq!(counts, [1, 2, 2]);
    cluster.change("node-2", |node| node["metadata"]["annotations"][CONFIRM_ANNOTATION] = "true".into());
    eventually("deleted", || !cluster.api.has_node("node-2")).await;
    settle().await;
    assert!(cluster.api.has_node("node-1"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_silent_is_held_while_the_machines_of_those_that_work_are_missing_too() {
    let works = (2..=12).map(|number| (node(&format!("node-{number}"), "True"), None));
    let silent = (node("node-1", "Unknown"), Some(exists(Power::On)));
    let cluster = Cluster::start(works.chain([silent]), hurried()).await;
    eventually("asked", || cluster.machines.asked() > 0).await;
    cluster.machines.lost.lock().unwrap().extend((2..=12).map(|number| format!("node-{number}")));
    cluster.machines.set("node-1", gone());
    eventually("told", || cluster.reasons() == ["NodeDeletionHeld"]).await;
    settle().await;
    let counts = [Count::Tripped, Count::Held, Count::Deleted].map(|count| cluster.count(count));
    assert_eq!(counts, [1, 1, 0]);
    assert_eq!(cluster.api.writes().len(), 1, "nothing but the Event");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_goes_when_the_proof_has_held_for_long() {
    let options = Options { held_for: Duration::from_millis(600), ..hurried() };
    let nodes = (0..3).map(|number| (node(&format!("node-{number}"), "Unknown"), Some(gone())));
    let cluster = Cluster::start(nodes, options).await;
    eventually("held", || cluster.count(Count::DeletionsHeld) == 3).await;
    assert_eq!(cluster.count(Count::Deleted), 0);
    eventually("deleted", || cluster.count(Count::Deleted) == 3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_machine_is_told_and_nothing_is_written() {
    let cluster = Cluster::with(node("node-1", "Unknown"), replaced()).await;
    eventually("told", || cluster.reasons() == ["ProviderIDMismatch"]).await;
    settle().await;
    assert_eq!(cluster.api.writes().len(), 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_asked_for_at_once_but_not_more_than_allowed_and_the_rest_goes_on() {
    let silent = (0..100).map(|number| (node(&format!("node-{number}"), "Unknown"), None));
    let works = (tainted(node("works", "True")), None);
    let cluster = Cluster::start(silent.chain([works]), hurried()).await;
    eventually("asked", || cluster.machines.asked() == 64).await;
    eventually("untainted", || cluster.count(Count::Untainted) == 1).await;
    settle().await;
    assert_eq!(cluster.machines.most_at_once.load(Ordering::SeqCst), 64);
    // A Node that comes back does not wait for the answer that nobody gives.
    cluster.change("node-7", |node| {
        node["spec"]["taints"] = json!([shutdown_taint()]);
        ready(node, "True");
    });
    eventually("untainted", || cluster.count(Count::Untainted) == 2).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_somebody_else_deletes_is_forgotten() {
    let options = Options { skip_deletion: true, ..hurried() };
    let cluster = Cluster::start([(node("node-1", "Unknown"), Some(gone()))], options).await;
    eventually("asked", || cluster.machines.asked() >= 2).await;
    cluster.api.delete_node("node-1");
    settle().await;
    let asked = cluster.machines.asked();
    settle().await;
    assert_eq!(cluster.machines.asked(), asked);
    cluster.stop().await;
}
