//! The provider whose configuration can change while it works.
//!
//! Each configuration makes a generation of [`VsphereInstances`]; one follows the other without
//! anybody noticing but by the answers. What was known of a machine stays known as long as its
//! vCenter stays. An answer that a generation gave while it was being replaced is not passed on:
//! another vCenter may know better.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::watch;

use super::instances::VsphereInstances;
use super::shared::VcenterHandle;
use crate::cloud::{Existence, Instance, InstanceError, Instances, NodeIdentity};
use crate::config::Nodes;

/// The machines of whichever vCenters are configured now.
#[derive(Debug)]
pub struct CurrentInstances {
    generation: watch::Sender<VsphereInstances>,
}

impl CurrentInstances {
    /// Starts looking after Nodes; `nodes` tells which addresses are meant.
    pub fn start(vcenters: Vec<VcenterHandle>, nodes: Nodes) -> Self {
        Self { generation: watch::Sender::new(VsphereInstances::start(vcenters, nodes)) }
    }

    /// From now on these vCenters and rules count; every Node is looked at again.
    ///
    /// A Node whose machine is in a vCenter that stays (the same inventory) keeps it; the others are
    /// looked for in all of them.
    pub fn replace(&self, vcenters: Vec<VcenterHandle>, nodes: Nodes) {
        self.generation.send_modify(|current| *current = current.followed_by(vcenters, nodes));
    }
}

impl CurrentInstances {
    /// The answer of the current generation, unless another one follows it meanwhile.
    async fn unless_replaced<F: Future<Output = Existence>>(
        &self,
        ask: impl FnOnce(VsphereInstances) -> F,
    ) -> Existence {
        let mut generation = self.generation.subscribe();
        let current = generation.borrow_and_update().clone();
        tokio::select! {
            biased;
            Ok(()) = generation.changed() => {
                Existence::Unknown("the configuration has just changed".to_owned())
            }
            answer = ask(current) => answer,
        }
    }
}

impl Instances for CurrentInstances {
    fn instance(&self, node: &NodeIdentity) -> Option<Result<Instance, InstanceError>> {
        self.generation.borrow().instance(node)
    }

    async fn existence(&self, node: &NodeIdentity) -> Existence {
        self.unless_replaced(async move |current| current.existence(node).await).await
    }

    async fn existence_now(&self, node: &NodeIdentity) -> Existence {
        self.unless_replaced(async move |current| current.existence_now(node).await).await
    }

    fn changes(&self) -> BoxStream<'static, String> {
        let mut generation = self.generation.subscribe();
        let first = generation.borrow_and_update().clone();
        let begun = (first.changes(), generation);
        stream::unfold(begun, |(mut changes, mut generation)| async move {
            tokio::select! {
                biased;
                replaced = generation.changed() => {
                    // The last listeners outlive the provider by a moment.
                    replaced.ok()?;
                    let current = generation.borrow_and_update().clone();
                    // Listened to first, so that nothing is missed; then everybody is named once.
                    let changes = current.changes();
                    Some((current.names(), (changes, generation)))
                }
                name = changes.next() => Some((vec![name?], (changes, generation))),
            }
        })
        .flat_map(stream::iter)
        .boxed()
    }

    fn forget(&self, node_name: &str) {
        self.generation.borrow().forget(node_name);
    }
}
