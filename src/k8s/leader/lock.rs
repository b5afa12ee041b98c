//! The requests about a Lease: get, create, update, which is all that upstream's roles permit.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::record::Record;
use super::settings::Settings;

/// A Lease, and the version of it that was seen last.
#[derive(Debug)]
pub(super) struct Lock {
    api: Api<Lease>,
    name: String,
    patience: Duration,
    object: Option<Lease>,
}

/// Why a request about the Lease came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error("no answer from the API server in {0:?}")]
    TimedOut(Duration),
}

impl LockError {
    /// Whether it is certain that nothing was written.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(_)))
    }
}

impl Lock {
    pub(super) fn new(client: Client, settings: &Settings) -> Self {
        Self {
            api: Api::namespaced(client, &settings.namespace),
            name: settings.name.clone(),
            patience: settings.request_deadline(),
            object: None,
        }
    }

    /// What it says; `None` if there is none.
    pub(super) async fn get(&mut self) -> Result<Option<Record>, LockError> {
        self.object = in_time(self.patience, self.api.get_opt(&self.name)).await?;
        Ok(self.object.as_ref().map(|lease| Record::of(lease.spec.as_ref())))
    }

    /// Writes it: creates it if the last look found none, else replaces exactly what was seen.
    pub(super) async fn put(&mut self, record: &Record) -> Result<(), LockError> {
        let parameters = PostParams::default();
        let spec = Some(record.to_spec());
        let written = if let Some(seen) = &self.object {
            let lease = Lease { metadata: seen.metadata.clone(), spec };
            in_time(self.patience, self.api.replace(&self.name, &parameters, &lease)).await?
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            in_time(self.patience, self.api.create(&parameters, &Lease { metadata, spec })).await?
        };
        self.object = Some(written);
        Ok(())
    }

    /// The Lease's uid, once it was seen.
    pub(super) fn uid(&self) -> Option<&str> {
        self.object.as_ref()?.metadata.uid.as_deref()
    }
}

async fn in_time<T>(
    patience: Duration,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, LockError> {
    match tokio::time::timeout(patience, call).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(LockError::TimedOut(patience)),
    }
}
