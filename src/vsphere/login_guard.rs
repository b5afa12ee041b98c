//! Keeps refused logins from locking the account.
//!
//! SOAP and REST log in to the same account: they share one guard per vCenter.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Error;
use crate::config::Credentials;

/// Between tries after [`REFUSALS_BEFORE_HOLD`] refused logins; SSO forgets failed tries after
/// three minutes by default.
pub(super) const HOLD: Duration = Duration::from_mins(5);

/// SSO locks an account after five failed tries by default.
pub(super) const REFUSALS_BEFORE_HOLD: u32 = 2;

/// What is remembered of refused logins.
#[derive(Debug, Default)]
pub(super) struct LoginGuard {
    refusals: u32,
    /// The credentials that were refused last, and when.
    last: Option<(Arc<Credentials>, Instant)>,
}

impl LoginGuard {
    /// Whether a login with these credentials may be tried now.
    pub(super) fn permit(&mut self, credentials: &Arc<Credentials>, now: Instant) -> Result<(), Error> {
        let Some((refused, at)) = &self.last else { return Ok(()) };
        // By value: what is read again and has not changed is no reason to try again.
        if refused != credentials {
            // Others than those that were refused: a fresh start.
            *self = Self::default();
            return Ok(());
        }
        if self.refusals >= REFUSALS_BEFORE_HOLD && now.duration_since(*at) < HOLD {
            return Err(match &**credentials {
                Credentials::Login { user, .. } => Error::LoginOnHold { user: user.clone() },
                Credentials::SessionManager { .. } => Error::TicketRefused { account: credentials.account() },
            });
        }
        Ok(())
    }

    /// vCenter refused these credentials.
    pub(super) fn refused(&mut self, credentials: Arc<Credentials>, now: Instant) -> Error {
        self.refusals += 1;
        let error = match &*credentials {
            Credentials::Login { user, .. } => Error::InvalidLogin { user: user.clone() },
            Credentials::SessionManager { .. } => Error::TicketRefused { account: credentials.account() },
        };
        self.last = Some((credentials, now));
        error
    }

    /// vCenter accepted the credentials.
    pub(super) fn accepted(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Arc<Credentials> {
        with_password("p")
    }

    fn with_password(password: &str) -> Arc<Credentials> {
        Arc::new(Credentials::Login { user: "u".into(), password: password.to_owned().into() })
    }

    #[test]
    fn after_two_refusals_there_is_one_try_every_five_minutes() {
        let mut guard = LoginGuard::default();
        let bad = credentials();
        let start = Instant::now();
        for _ in 0..REFUSALS_BEFORE_HOLD {
            assert_eq!(guard.permit(&bad, start), Ok(()));
            guard.refused(bad.clone(), start);
        }
        let second = Duration::from_secs(1);
        assert!(matches!(guard.permit(&bad, start), Err(Error::LoginOnHold { .. })));
        assert!(matches!(guard.permit(&bad, start + HOLD - second), Err(Error::LoginOnHold { .. })));
        assert_eq!(guard.permit(&bad, start + HOLD), Ok(()));
        guard.refused(bad.clone(), start + HOLD);
        assert!(guard.permit(&bad, start + HOLD + second).is_err(), "one try, not two");
    }

    #[test]
    fn other_credentials_are_tried_at_once_and_get_two_tries_of_their_own() {
        let mut guard = LoginGuard::default();
        let now = Instant::now();
        let (old, new) = (credentials(), with_password("q"));
        guard.refused(old.clone(), now);
        guard.refused(old, now);
        assert!(guard.permit(&credentials(), now).is_err(), "the same ones, read again");
        assert_eq!(guard.permit(&new, now), Ok(()));
        guard.refused(new.clone(), now);
        assert_eq!(guard.permit(&new, now), Ok(()));
    }

    #[test]
    fn tickets_that_are_refused_count_too() {
        let mut guard = LoginGuard::default();
        let now = Instant::now();
        let manager =
            Arc::new(Credentials::SessionManager { url: "https://s/x".to_owned().into(), token: None });
        let refused = Error::TicketRefused { account: "session manager s".to_owned() };
        assert_eq!(guard.refused(manager.clone(), now), refused);
        assert_eq!(guard.permit(&manager, now), Ok(()));
        guard.refused(manager.clone(), now);
        assert_eq!(guard.permit(&manager, now), Err(refused));
        assert_eq!(guard.permit(&credentials(), now), Ok(()), "others are tried at once");
    }

    #[test]
    fn success_wipes_the_slate() {
        let mut guard = LoginGuard::default();
        let (now, same) = (Instant::now(), credentials());
        guard.refused(same.clone(), now);
        guard.accepted();
        guard.refused(same.clone(), now);
        assert_eq!(guard.permit(&same, now), Ok(()));
    }
}
