//! Whether a vCenter can be used as it is configured now, before anything depends on it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;

use super::member::Member;
use super::{Options, Unusable, sources};
use crate::config::{Credentials, Vcenter};
use crate::vsphere::inventory::{Health, Inventory};
use crate::vsphere::{Error, Session};

/// How long credentials may take to be read: the API server, or a disk.
const READING: Duration = Duration::from_secs(5);

/// How long a new vCenter may take until it can be asked: TLS, a login through SSO, datacenters.
const CONNECTING: Duration = Duration::from_secs(20);

/// A vCenter that did not answer may do so soon.
const RETRY: Duration = Duration::from_secs(10);

/// A refused login counts towards the account's lock: once in this time it does no harm.
const RETRY_LOGIN: Duration = Duration::from_mins(5);

/// When what has failed like this is tried again.
pub(super) fn retry_after(error: &Error) -> Duration {
    match error {
        Error::InvalidLogin { .. } | Error::LoginOnHold { .. } => RETRY_LOGIN,
        _ => RETRY,
    }
}

/// Tries what is to change of a vCenter in use: its certificates, and its credentials by a login of
/// its own, which ends at once. Returns those that were accepted, if there are others than before.
pub(super) async fn reconfigured(
    vcenter: &Vcenter,
    member: &Member,
    trust: bool,
    credentials: bool,
    options: &Options,
) -> Result<Option<Arc<Credentials>>, Unusable> {
    let tried = async {
        if !credentials {
            let (_sender, none) = watch::channel(Err("only the certificate is tried".to_owned()));
            return Session::new(vcenter, none)?.probe().await.map(|()| None);
        }
        let offered = tokio::time::timeout(READING, sources::follow(vcenter, &options.client).next()).await;
        let offered = match offered {
            Ok(Some(offered)) => offered.map_err(Error::NoCredentials)?,
            _ => return Err(Error::NoCredentials("they could not be read in time".to_owned())),
        };
        if member.keeper.holds(&offered) && !trust {
            return Ok(None);
        }
        let offered = Arc::new(offered);
        login(vcenter, Arc::clone(&offered)).await?;
        Ok(Some(offered))
    };
    tried.await.map_err(|error| Unusable { vcenter: vcenter.id.clone(), error })
}

/// One login and logout.
pub(super) async fn login(vcenter: &Vcenter, credentials: Arc<Credentials>) -> Result<(), Error> {
    let (_sender, feed) = watch::channel(Ok(credentials));
    let session = Session::new(vcenter, feed)?;
    let connected = session.connect().await.map(drop);
    session.close().await;
    connected
}

/// Waits until a new vCenter can be asked.
pub(super) async fn connected(inventory: &Inventory) -> Result<(), Error> {
    let mut health = inventory.health();
    // Credentials that are not there may still be on their way.
    let settled = health
        .wait_for(|health| !matches!(health, Health::Connecting | Health::Down(Error::NoCredentials(_))));
    match tokio::time::timeout(CONNECTING, settled).await {
        Ok(Ok(health)) => match &*health {
            Health::Down(error) => Err(error.clone()),
            Health::Up | Health::Connecting => Ok(()),
        },
        Ok(Err(_)) => Err(Error::Unreachable("the inventory has ended".to_owned())),
        Err(_) => match &*inventory.health().borrow() {
            Health::Down(error) => Err(error.clone()),
            Health::Up | Health::Connecting => {
                Err(Error::Timeout { method: "Login", seconds: CONNECTING.as_secs() })
            }
        },
    }
}
