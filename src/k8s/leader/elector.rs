//! The rim: asks for the lease, keeps it, gives it back.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{OptionFuture, join};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::decide::{Observed, Verdict, claim, pause, release};
use super::leadership::{Leadership, Term};
use super::lock::{Lock, LockError};
use super::settings::{Settings, SettingsError};
use crate::k8s::{EventRecorder, NodeEvent, Subject};

/// How long giving the lease back may take: who stops must not wait for an API server that is away.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// The `source.component` of the Events on the Lease, as upstream names it.
const COMPONENT: &str = "cloud-controller-manager";

/// Whether we lead.
#[derive(Clone, Debug)]
pub enum Standing {
    /// No; this one does, as far as is known.
    Standby(Option<String>),
    /// Yes.
    Leading(Leadership),
}

/// A candidate for a lease. Its client must have no [`WriteGuard`](super::WriteGuard).
pub struct Elector {
    settings: Settings,
    recorder: Arc<EventRecorder>,
    lock: Lock,
    clock: Clock,
    observed: Option<Observed>,
    /// The Lease may name us, as far as we know.
    claimed: bool,
    term: Option<Term>,
    standing: watch::Sender<Standing>,
}

/// Why the lease is not ours after a try.
#[derive(Debug)]
enum Refusal {
    Held { by: String, left: Duration },
    Failed(LockError),
}

impl From<LockError> for Refusal {
    fn from(error: LockError) -> Self {
        Self::Failed(error)
    }
}

impl Elector {
    /// A candidate; it does nothing yet.
    pub fn new(client: Client, settings: Settings) -> Result<Self, SettingsError> {
        Self::with_clock(client, settings, Clock::boot())
    }

    /// One that goes by another clock, for tests.
    pub(crate) fn with_clock(
        client: Client,
        settings: Settings,
        clock: Clock,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self {
            lock: Lock::new(client.clone(), &settings),
            settings,
            recorder: Arc::new(EventRecorder::new(client, COMPONENT)),
            clock,
            observed: None,
            claimed: false,
            term: None,
            standing: watch::Sender::new(Standing::Standby(None)),
        })
    }

    /// Whether we lead, as it changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Waits until the lease is ours; the first try is made at once.
    ///
    /// May be abandoned at any time; [`release`](Self::release) then gives back what was won meanwhile.
    pub async fn acquire(&mut self) -> Leadership {
        let lease = format!("{}/{}", self.settings.namespace, self.settings.name);
        info!(lease, identity = self.settings.identity, "waiting for the lease");
        let mut failing = false;
        loop {
            let held = match self.campaign().await {
                Ok(sent) => {
                    info!(lease, "the lease is ours: leading");
                    return self.begin(sent);
                }
                Err(Refusal::Held { by, left }) => {
                    self.tell_leader(&by);
                    failing = false;
                    Some(left)
                }
                Err(Refusal::Failed(error)) => {
                    // Once, not with every try.
                    if failing {
                        debug!(lease, %error, "the lease cannot be had");
                    } else {
                        warn!(lease, %error, "the lease cannot be had; trying again");
                    }
                    failing = true;
                    None
                }
            };
            tokio::time::sleep(pause(self.settings.retry_period, held, fastrand::f64())).await;
        }
    }

    /// Renews the lease until it is lost. Returns at once if it is not ours.
    ///
    /// Must run all the time that somebody acts as the leader, also while they come to rest.
    pub async fn keep(&mut self) {
        let Some(leadership) = self.term.as_ref().map(Term::leadership) else { return };
        let why = loop {
            tokio::time::sleep(self.settings.retry_period.min(leadership.remaining())).await;
            let outcome = tokio::select! {
                // First: who was frozen must not go on as if nothing had been.
                biased;
                () = leadership.over() => break "it could not be renewed in time".to_owned(),
                outcome = self.renew() => outcome,
            };
            match outcome {
                Ok(sent) => {
                    if let Some(term) = &self.term {
                        term.extend(sent + self.settings.renew_deadline);
                    }
                    debug!("lease renewed");
                }
                Err(Refusal::Held { by, .. }) if by.is_empty() => break "somebody has emptied it".to_owned(),
                Err(Refusal::Held { by, .. }) => break format!("it is {by}'s now"),
                Err(Refusal::Failed(error)) => {
                    warn!(%error, left = ?leadership.remaining(), "the lease could not be renewed; trying again");
                }
            }
        };
        warn!("the lease is lost: {why}");
        self.end();
        if let Some(telling) = self.telling("stopped leading") {
            tokio::spawn(telling);
        }
    }

    /// Ends the leadership and gives the lease back, so that the next leader need not wait for it to
    /// run out. For when whoever acted as the leader has come to rest.
    pub async fn release(&mut self) {
        let led = self.term.is_some();
        self.end();
        if !self.claimed {
            return;
        }
        let telling = OptionFuture::from(self.telling("stopped leading").filter(|_| led));
        let telling = tokio::time::timeout(RELEASE_PATIENCE, telling);
        let released = tokio::time::timeout(RELEASE_PATIENCE, self.give_back());
        match join(released, telling).await.0 {
            Ok(Ok(())) => info!("the lease is given back"),
            Ok(Err(error)) => warn!(%error, "the lease could not be given back; it runs out by itself"),
            Err(_) => warn!("the lease could not be given back in time; it runs out by itself"),
        }
    }

    /// One try to take the lease; when the request was sent that did.
    async fn campaign(&mut self) -> Result<Duration, Refusal> {
        match self.look().await? {
            Verdict::Held { by, left } => Err(Refusal::Held { by, left }),
            Verdict::Free | Verdict::Ours => Ok(self.put().await?),
        }
    }

    /// One try to renew the lease. Usually one request: nobody else has written to it.
    async fn renew(&mut self) -> Result<Duration, Refusal> {
        match self.put().await {
            Ok(sent) => return Ok(sent),
            Err(error) => debug!(%error, "the lease is not as it was; looking at it"),
        }
        match self.look().await? {
            Verdict::Ours => Ok(self.put().await?),
            // Deleted, and nobody has created it since: it may be made anew.
            Verdict::Free if self.observed.is_none() => Ok(self.put().await?),
            // Somebody took it away from us.
            Verdict::Free => Err(Refusal::Held { by: String::new(), left: Duration::ZERO }),
            Verdict::Held { by, left } => Err(Refusal::Held { by, left }),
        }
    }

    /// Looks at the lease.
    async fn look(&mut self) -> Result<Verdict, LockError> {
        let record = self.lock.get().await?;
        // After the answer: a change is never younger than this.
        let now = self.clock.now();
        self.observed = record.map(|record| Observed::after(self.observed.take(), record, now));
        let verdict = self.observed.as_ref().map(|seen| seen.judge(&self.settings.identity, now));
        self.claimed = matches!(verdict, Some(Verdict::Ours));
        Ok(verdict.unwrap_or(Verdict::Free))
    }

    /// Writes our name into the lease; when the request was sent.
    async fn put(&mut self) -> Result<Duration, LockError> {
        let before = self.observed.as_ref().map(|observed| &observed.record);
        let Settings { identity, lease_duration, .. } = &self.settings;
        let record = claim(before, identity, *lease_duration, Timestamp::now());
        let sent = self.clock.now();
        let claimed = std::mem::replace(&mut self.claimed, true);
        let outcome = self.lock.put(&record).await;
        if outcome.as_ref().is_err_and(LockError::is_refusal) {
            self.claimed = claimed;
        }
        outcome?;
        self.observed = Some(Observed::after(None, record, self.clock.now()));
        Ok(sent)
    }

    async fn give_back(&mut self) -> Result<(), LockError> {
        // A look first: the version that we know may be old.
        if self.look().await? == Verdict::Ours
            && let Some(observed) = &self.observed
        {
            self.lock.put(&release(&observed.record, Timestamp::now())).await?;
        }
        self.claimed = false;
        Ok(())
    }

    fn begin(&mut self, sent: Duration) -> Leadership {
        let term = Term::begin(sent + self.settings.renew_deadline, self.clock.clone());
        let leadership = term.leadership();
        self.term = Some(term);
        self.standing.send_replace(Standing::Leading(leadership.clone()));
        if let Some(telling) = self.telling("became leader") {
            tokio::spawn(telling);
        }
        leadership
    }

    /// Ends the term, if there is one.
    fn end(&mut self) {
        if self.term.take().is_some() {
            self.standing.send_replace(Standing::Standby(None));
        }
    }

    /// Tells of us in an Event on the Lease, if there is one, in client-go's words.
    fn telling(&self, what: &str) -> Option<impl Future<Output = ()> + Send + use<>> {
        let Settings { namespace, name, identity, .. } = &self.settings;
        let lease = Subject::lease(namespace, name).with_uid(self.lock.uid()?);
        let event = NodeEvent::normal("LeaderElection", format!("{identity} {what}"));
        let recorder = Arc::clone(&self.recorder);
        Some(async move { recorder.record_about(&lease, &event).await })
    }

    fn tell_leader(&self, leader: &str) {
        self.standing.send_if_modified(|standing| {
            if matches!(standing, Standing::Standby(Some(known)) if known == leader) {
                return false;
            }
            info!(leader, "standing by: somebody else leads");
            *standing = Standing::Standby(Some(leader.to_owned()));
            true
        });
    }
}
