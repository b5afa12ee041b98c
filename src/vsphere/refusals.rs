//! Refused logins: SSO locks an account after a few.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::config::Credentials;

/// Between tries after [`BEFORE_HOLD`] refused logins; SSO forgets failed tries after three minutes
/// by default.
const HOLD: Duration = Duration::from_mins(5);

/// SSO locks an account after five failed tries by default.
const BEFORE_HOLD: u32 = 2;

/// The refused logins in a row.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u32,
    /// What was refused last, and when.
    last: Option<(Arc<Credentials>, Instant)>,
}

/// Not to be tried yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OnHold {
    /// Refused logins in a row.
    pub(super) failures: u32,
    /// Until the next try.
    pub(super) left: Duration,
}

impl Refusals {
    /// Whether these credentials may be tried now; others than those refused last always may.
    pub(super) fn check(&mut self, credentials: &Credentials, now: Instant) -> Result<(), OnHold> {
        let Some((refused, at)) = &self.last else { return Ok(()) };
        if !same(refused, credentials) {
            *self = Self::default();
            return Ok(());
        }
        let left = (*at + HOLD).saturating_duration_since(now);
        if self.count < BEFORE_HOLD || left.is_zero() {
            return Ok(());
        }
        Err(OnHold { failures: self.count, left })
    }

    /// These were refused.
    pub(super) fn note(&mut self, credentials: Arc<Credentials>, now: Instant) {
        self.count += 1;
        self.last = Some((credentials, now));
    }

    /// They were accepted.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// By value: what is read again and has not changed is no reason to try again.
fn same(a: &Credentials, b: &Credentials) -> bool {
    a.user == b.user && a.password.expose_secret() == b.password.expose_secret()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn credentials(password: &str) -> Arc<Credentials> {
        Arc::new(Credentials { user: "u".into(), password: SecretString::from(password) })
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn after_two_refusals_there_is_one_try_every_five_minutes() {
        let start = Instant::now();
        let mut refusals = Refusals::default();
        let on_hold = |failures, left| Err(OnHold { failures, left: Duration::from_secs(left) });
        assert_eq!(refusals.check(&credentials("p"), start), Ok(()));
        refusals.note(credentials("p"), start);
        assert_eq!(refusals.check(&credentials("p"), after(start, 1)), Ok(()));
        refusals.note(credentials("p"), after(start, 1));
        assert_eq!(refusals.check(&credentials("p"), after(start, 1)), on_hold(2, 300));
        assert_eq!(refusals.check(&credentials("p"), after(start, 300)), on_hold(2, 1));
        assert_eq!(refusals.check(&credentials("p"), after(start, 301)), Ok(()));
        refusals.note(credentials("p"), after(start, 302));
        assert_eq!(refusals.check(&credentials("p"), after(start, 303)), on_hold(3, 299));
        assert_eq!(refusals.check(&credentials("p"), after(start, 602)), Ok(()));
        refusals.clear();
        refusals.note(credentials("p"), after(start, 900));
        assert_eq!(refusals.check(&credentials("p"), after(start, 900)), Ok(()), "counted from zero");
    }

    #[test]
    fn other_credentials_are_tried_at_once_and_the_same_ones_read_again_are_not() {
        let start = Instant::now();
        let mut refusals = Refusals::default();
        refusals.note(credentials("p"), start);
        refusals.note(credentials("p"), start);
        assert!(refusals.check(&credentials("p"), start).is_err());
        assert_eq!(refusals.check(&credentials("q"), start), Ok(()));
        refusals.note(credentials("q"), start);
        assert_eq!(refusals.check(&credentials("q"), start), Ok(()), "two tries again");
    }
}
