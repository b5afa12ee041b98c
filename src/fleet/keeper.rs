//! Keeps the credentials of one vCenter current. What is new is tried before it replaces what works.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{info, warn};

use super::sources::{self, Offers};
use super::{Notice, Notices, Options, trial};
use crate::config::{CredentialSource, Credentials, Vcenter};
use crate::vsphere::inventory::{Health, Inventory};
use crate::vsphere::{CredentialFeed, Error};

type Sender = watch::Sender<Result<Arc<Credentials>, String>>;

/// The task that does it; it ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    sender: Arc<Sender>,
    _task: Arc<Task>,
}

#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Keeper {
    /// The feed of a vCenter that has not begun yet.
    pub(super) fn channel(vcenter: &Vcenter) -> (Sender, CredentialFeed) {
        watch::channel(match &vcenter.credentials {
            CredentialSource::Inline { user, password } => {
                Ok(Arc::new(Credentials::Login { user: user.clone(), password: password.clone() }))
            }
            CredentialSource::Secret(secret) => Err(format!("Secret {secret} has not been read yet")),
            CredentialSource::Directory(directory) => {
                Err(format!("directory {} has not been read yet", directory.display()))
            }
        })
    }

    /// Begins to follow where the configuration says that the credentials are.
    pub(super) fn start(vcenter: &Vcenter, sender: Sender, inventory: Inventory, options: &Options) -> Self {
        Self::follow(vcenter, Arc::new(sender), inventory, options)
    }

    /// The credentials from elsewhere from now on; those that were tried are used at once.
    pub(super) fn succeeded(
        &self,
        vcenter: &Vcenter,
        tried: Option<Arc<Credentials>>,
        inventory: Inventory,
        options: &Options,
    ) -> Self {
        if let Some(tried) = tried {
            drop(self.sender.send_replace(Ok(tried)));
        }
        Self::follow(vcenter, Arc::clone(&self.sender), inventory, options)
    }

    fn follow(vcenter: &Vcenter, sender: Arc<Sender>, inventory: Inventory, options: &Options) -> Self {
        let keeping = Keeping {
            vcenter: vcenter.clone(),
            sender: Arc::clone(&sender),
            inventory,
            candidate: None,
            notices: options.notices.clone(),
        };
        let offers = sources::follow(vcenter, &options.client);
        let task = tokio::spawn(keeping.run(offers)).abort_handle();
        Self { sender, _task: Arc::new(Task(task)) }
    }

    /// Whether these are in use.
    pub(super) fn holds(&self, credentials: &Credentials) -> bool {
        matches!(&*self.sender.borrow(), Ok(current) if **current == *credentials)
    }
}

struct Keeping {
    vcenter: Vcenter,
    sender: Arc<Sender>,
    inventory: Inventory,
    /// Credentials that are not in use yet, and when they are tried again.
    candidate: Option<(Arc<Credentials>, tokio::time::Instant)>,
    notices: Notices,
}

/// What is done with new credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    /// They are used: there is nothing to lose.
    Use,
    /// They are tried first: those in use work.
    Try,
    /// vCenter cannot be asked, and whether those in use work is not known.
    Wait,
}

fn treatment(have_some: bool, health: &Health) -> Treatment {
    match health {
        _ if !have_some => Treatment::Use,
        Health::Up => Treatment::Try,
        Health::Connecting
        | Health::Down(Error::InvalidLogin { .. } | Error::LoginOnHold { .. } | Error::NoCredentials(_)) => {
            Treatment::Use
        }
        Health::Down(_) => Treatment::Wait,
    }
}

impl Keeping {
    async fn run(mut self, mut offers: Offers) {
        let mut health = self.inventory.health();
        let mut ended = false;
        loop {
            let retry_at = self.candidate.as_ref().map(|(_, at)| *at);
            let due = async {
                match retry_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                offer = offers.next(), if !ended => match offer {
                    Some(Ok(credentials)) => self.offered(credentials),
                    Some(Err(error)) => self.nothing(error),
                    None => ended = true,
                },
                Ok(()) = health.changed() => {}
                () = due => {}
            }
            self.consider().await;
        }
    }

    fn offered(&mut self, credentials: Credentials) {
        let current = matches!(&*self.sender.borrow(), Ok(current) if **current == credentials);
        self.candidate = (!current).then(|| (Arc::new(credentials), tokio::time::Instant::now()));
    }

    /// There are none that can be used. Those in use stay.
    fn nothing(&mut self, error: String) {
        let known = matches!(&*self.sender.borrow(), Err(known) if *known == error);
        if known {
            return;
        }
        if self.sender.borrow().is_ok() {
            warn!(%error, "the credentials cannot be read; the last good ones stay in use");
            self.tell(Notice::CredentialsRefused(error));
        } else {
            warn!(%error, "no credentials");
            drop(self.sender.send_replace(Err(error)));
        }
    }

    async fn consider(&mut self) {
        let Some((candidate, at)) = self.candidate.clone() else { return };
        let health = self.inventory.health().borrow().clone();
        let have_some = self.sender.borrow().is_ok();
        match treatment(have_some, &health) {
            Treatment::Use => self.adopt(candidate),
            Treatment::Wait => {}
            Treatment::Try if at > tokio::time::Instant::now() => {}
            Treatment::Try => match trial::login(&self.vcenter, Arc::clone(&candidate)).await {
                Ok(()) => self.adopt(candidate),
                Err(error) => {
                    let pause = trial::retry_after(&error);
                    let vcenter = self.inventory.endpoint();
                    warn!(%vcenter, %error, "the new credentials do not work (yet); the last good ones stay in use");
                    self.tell(Notice::CredentialsRefused(format!("vCenter {vcenter}: {error}")));
                    self.candidate = Some((candidate, tokio::time::Instant::now() + pause));
                }
            },
        }
    }

    fn adopt(&mut self, credentials: Arc<Credentials>) {
        self.candidate = None;
        let vcenter = self.inventory.endpoint().to_string();
        let account = credentials.account();
        if self.sender.send_replace(Ok(credentials)).is_ok() {
            info!(vcenter, account, "the credentials have changed");
            self.tell(Notice::CredentialsChanged(vcenter));
        }
    }

    fn tell(&self, notice: Notice) {
        // Nobody need listen.
        let _ = self.notices.send(notice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_is_not_given_up_for_what_may_not() {
        let refused = Health::Down(Error::InvalidLogin { user: "u".into() });
        let on_hold = Health::Down(Error::LoginOnHold { user: "u".into() });
        let away = Health::Down(Error::Unreachable("away".into()));
        for health in [&Health::Connecting, &Health::Up, &refused, &away] {
            assert_eq!(treatment(false, health), Treatment::Use, "{health:?}");
        }
        assert_eq!(treatment(true, &Health::Up), Treatment::Try);
        assert_eq!(treatment(true, &away), Treatment::Wait);
        for health in [&Health::Connecting, &refused, &on_hold] {
            assert_eq!(treatment(true, health), Treatment::Use, "{health:?}");
        }
    }
}
