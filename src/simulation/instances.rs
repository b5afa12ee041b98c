//! The fake of [`Instances`]: it answers as the contract demands, from what can be seen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;

use super::clock::LocalClock;
use super::sight::Sight;
use super::world::{Shared, World};
use crate::cloud::{Existence, Instance, InstanceError, Instances, NodeIdentity};

/// The machines of all vCenters, as one leader sees them.
pub(super) struct Machines {
    world: Shared,
    clock: LocalClock,
    sight: Arc<Mutex<Sight>>,
}

impl Machines {
    /// A leader that begins.
    pub(super) fn new(world: Shared, clock: LocalClock) -> Self {
        let sight = Arc::new(Mutex::new(Sight::default()));
        world.lock().sights.push(Arc::downgrade(&sight));
        Self { world, clock, sight }
    }

    fn sight(&self) -> MutexGuard<'_, Sight> {
        lock(&self.sight)
    }

    /// The world, at the leader's time of day.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock()
    }
}

impl Machines {
    /// Asks both vCenters, which takes its time.
    async fn ask(&self, node: &NodeIdentity) -> Existence {
        let (before, after) = {
            let mut world = self.world();
            (world.luck.answer(), world.luck.answer())
        };
        sleep(before).await;
        let answer = {
            let mut world = self.world();
            if world.luck.fails() {
                Existence::Unknown("vCenter has lost the question".to_owned())
            } else {
                world.view(self.clock.now()).judge(node)
            }
        };
        // What was true when vCenter looked is heard only now.
        sleep(after).await;
        answer
    }
}

impl Instances for Machines {
    fn instance(&self, node: &NodeIdentity) -> Option<Result<Instance, InstanceError>> {
        let mut sight = self.sight();
        let known = sight.recall(node);
        if known.is_none() && sight.begins(node) {
            let (world, clock, node) = (self.world.clone(), self.clock.clone(), node.clone());
            let sight = Arc::downgrade(&self.sight);
            tokio::spawn(async move {
                let pause = world.lock().luck.answer();
                sleep(pause).await;
                if let Some(sight) = sight.upgrade() {
                    let world = world.lock();
                    lock(&sight).look(&node, world.view(clock.now()));
                }
            });
        }
        known
    }

    async fn existence(&self, node: &NodeIdentity) -> Existence {
        let remembered = {
            let world = self.world();
            self.sight().existence(node, world.view(self.clock.now()))
        };
        match remembered {
            Some(answer) => answer,
            None => self.ask(node).await,
        }
    }

    async fn existence_now(&self, node: &NodeIdentity) -> Existence {
        self.ask(node).await
    }

    fn changes(&self) -> BoxStream<'static, String> {
        let news = self.sight().news();
        stream::unfold(news, async |mut news| {
            loop {
                match news.recv().await {
                    Ok(name) => return Some((name, news)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }

    fn forget(&self, node_name: &str) {
        self.sight().forget(node_name);
    }
}

fn lock(sight: &Mutex<Sight>) -> MutexGuard<'_, Sight> {
    sight.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long vCenter takes when nothing is wrong with it.
pub(super) const QUICK: Duration = Duration::from_millis(40);
