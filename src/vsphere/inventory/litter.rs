//! What a watch leaves behind on the server.

use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use tracing::debug;

use crate::vsphere::types::{DestroyCollector, DestroyPropertyCollector, DestroyView};
use crate::vsphere::{Connection, Error, MoRef};

/// Collectors and views by the login they live in.
///
/// They go with their login. A watch that is given up within one would leave them there, where
/// they cost vCenter work for every change, and it has room for 32 event collectors only.
#[derive(Debug, Default)]
pub(super) struct Litter {
    objects: Mutex<Vec<(u64, MoRef)>>,
}

impl Litter {
    /// Remembers what was just made.
    pub(super) fn note(&self, connection: &Connection, object: &MoRef) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.push((connection.epoch(), object.clone()));
    }

    /// Removes what earlier watches left in this login; whoever uses it finds out about failures.
    pub(super) async fn sweep(&self, connection: &Connection) {
        let mut objects = std::mem::take(&mut *self.objects.lock().unwrap_or_else(PoisonError::into_inner));
        objects.retain(|(epoch, _)| *epoch == connection.epoch());
        let swept = objects.iter().map(|(_, object)| destroy(connection, object));
        for error in join_all(swept).await.into_iter().filter_map(Result::err) {
            debug!(vcenter = %connection.session().endpoint(), %error, "could not remove what an old watch left");
        }
    }
}

async fn destroy(connection: &Connection, object: &MoRef) -> Result<(), Error> {
    match &*object.kind {
        // Its filters, and a wait that hangs on it, go with it.
        "PropertyCollector" => connection.call(&DestroyPropertyCollector { collector: object }).await,
        "EventHistoryCollector" => connection.call(&DestroyCollector { collector: object }).await,
        _ => connection.call(&DestroyView { view: object }).await,
    }
}
