//! One watch on Nodes and one copy of them, for all controllers.
//!
//! Not kube's own shared store: a subscriber to that one stalls when a Node is deleted before the
//! subscriber got to it, and a slow subscriber holds up the others.

use std::mem;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::{Stream, StreamExt, stream};
use kube::Client;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::Event;

use super::ledger::Ledger;
use crate::k8s::{Node, Presence, departures, watch_nodes};

type Listener = mpsc::UnboundedSender<ObjectRef<Node>>;
type Farewell = Box<dyn FnMut(&str) + Send>;

/// The watch before it runs: controllers attach themselves first, so that none misses anything.
pub(super) struct NodeFeed {
    store: Store<Node>,
    writer: reflector::store::Writer<Node>,
    listeners: Vec<Listener>,
    farewells: Vec<Farewell>,
    presence: Presence,
}

impl Default for NodeFeed {
    fn default() -> Self {
        Self::of(Presence::default())
    }
}

impl NodeFeed {
    /// From the API server whose presence this is.
    pub(super) fn of(presence: Presence) -> Self {
        let (store, writer) = reflector::store();
        Self { store, writer, listeners: Vec::new(), farewells: Vec::new(), presence }
    }

    /// The Nodes that could not be written, each time that the API server is back. A watch that goes on
    /// where it was tells nothing of them.
    pub(super) fn unwritten(
        &self,
        ledger: Arc<Ledger>,
    ) -> impl Stream<Item = ObjectRef<Node>> + Send + use<> {
        let names = self.presence.returns().map(move |()| ledger.failing());
        names.flat_map(stream::iter).map(|name| ObjectRef::new(&name))
    }

    /// All Nodes as they are now.
    pub(super) fn store(&self) -> Store<Node> {
        self.store.clone()
    }

    /// Which Nodes may have changed; the store has them already.
    ///
    /// The channel has no limit, because its reader is a scheduler that keeps each name once.
    pub(super) fn subscribe(&mut self) -> impl Stream<Item = ObjectRef<Node>> + Send + use<> {
        let (listener, names) = mpsc::unbounded();
        self.listeners.push(listener);
        names
    }

    /// Calls `farewell` with the name of every Node that has disappeared, before the store forgets it.
    pub(super) fn on_departure(&mut self, farewell: impl FnMut(&str) + Send + 'static) {
        self.farewells.push(Box::new(farewell));
    }

    /// Watches until `controllers` are done.
    pub(super) async fn run_while(
        mut self,
        client: Client,
        keep_label: impl Fn(&str) -> bool + Send + 'static,
        controllers: impl Future<Output = ()>,
    ) {
        let mut farewells = mem::take(&mut self.farewells);
        let gone = move |name: &str| farewells.iter_mut().for_each(|farewell| farewell(name));
        let events = departures(watch_nodes(client, keep_label), gone);
        let (store, mut listeners) = (self.store, self.listeners);
        let watch = events.for_each(move |event| {
            self.writer.apply_watcher_event(&event);
            match &event {
                Event::Apply(node) => tell(&mut listeners, &ObjectRef::from_obj(node)),
                // What changed while the watch was down is not told: all of them may have.
                Event::InitDone => {
                    let mut nodes = store.state();
                    // The store's order is a matter of chance, and a run is to be repeatable.
                    nodes.sort_unstable_by(|a, b| a.name().cmp(b.name()));
                    for node in nodes {
                        tell(&mut listeners, &ObjectRef::from_obj(&*node));
                    }
                }
                Event::Init | Event::InitApply(_) | Event::Delete(_) => {}
            }
            std::future::ready(())
        });
        tokio::select! {
            biased;
            () = controllers => {}
            () = watch => {}
        }
    }
}

fn tell(listeners: &mut Vec<Listener>, node: &ObjectRef<Node>) {
    // One that has stopped listening is not spoken to again.
    listeners.retain(|listener| listener.unbounded_send(node.clone()).is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::testing::FakeApi;
    use serde_json::json;
    use std::sync::Mutex;

    #[tokio::test]
    async fn every_subscriber_hears_of_every_node_that_is_in_the_store_by_then() {
        let api = FakeApi::start().await;
        let node = |name: &str| json!({"metadata": {"name": name, "uid": name}});
        api.put_node(node("a"));
        let mut feed = NodeFeed::default();
        let (mut first, mut second, silent) = (feed.subscribe(), feed.subscribe(), feed.subscribe());
        drop(silent);
        let store = feed.store();
        let departed = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&departed);
        feed.on_departure(move |name| log.lock().unwrap().push(name.to_owned()));
        let listeners = async {
            assert_eq!(first.next().await.unwrap().name, "a");
            assert!(store.get(&ObjectRef::new("a")).is_some());
            api.delete_node("a");
            api.put_node(node("b"));
            assert_eq!(first.next().await.unwrap().name, "b");
            assert_eq!(store.len(), 1);
            assert_eq!(*departed.lock().unwrap(), ["a"]);
            let names = [second.next().await.unwrap().name, second.next().await.unwrap().name];
            assert_eq!(names, ["a", "b"]);
        };
        feed.run_while(api.client(), |_| false, listeners).await;
    }
}
