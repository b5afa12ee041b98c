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
        let written = match &self.object {
            Some(seen) => {
                let lease = Lease { metadata: seen.metadata.clone(), spec: Some(record.to_spec()) };
                in_time(self.patience, self.api.replace(&self.name, &parameters, &lease)).await?
            }
            None => {
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                let lease = Lease { metadata, spec: Some(record.to_spec()) };
                in_time(self.patience, self.api.create(&parameters, &lease)).await?
            }
        };
        self.object = Some(written);
        Ok(())
    }

    /// The metadata as last seen, for Events about it.
    pub(super) fn metadata(&self) -> Option<&ObjectMeta> {
        self.object.as_ref().map(|lease| &lease.metadata)
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
