//! A login that is shared by all who need one.
//!
//! Invariants:
//! - Single-flight: whoever needs a login while one is under way waits for that one and shares its
//!   outcome, failure included.
//! - A login that has begun goes on to its end, whether or not those who asked for it still wait: one
//!   that nobody sees the end of would leave a session behind that nobody ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Error;

/// The current login of one service. Clones are the same.
#[derive(Debug)]
pub(super) struct CurrentLogin<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    login: Option<Arc<T>>,
    /// The outcome that those who waited for the same login share.
    failed: Option<(Instant, Error)>,
}

impl<T> Default for CurrentLogin<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { login: None, failed: None })))
    }
}

impl<T> Clone for CurrentLogin<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static> CurrentLogin<T> {
    /// The current login unless it is `stale`; `log_in` makes one if there is none.
    pub(super) async fn get(
        &self,
        stale: impl Fn(&T) -> bool,
        log_in: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Arc<T>, Error> {
        let asked = Instant::now();
        let mut state = self.0.clone().lock_owned().await;
        if let Some(login) = &state.login
            && !stale(login)
        {
            return Ok(login.clone());
        }
        if let Some((at, error)) = &state.failed
            && *at >= asked
        {
            return Err(error.clone());
        }
        state.login = None;
        let made = tokio::spawn(async move {
            let outcome = log_in.await.map(Arc::new);
            match &outcome {
                Ok(login) => (state.login, state.failed) = (Some(login.clone()), None),
                Err(error) => state.failed = Some((Instant::now(), error.clone())),
            }
            outcome
        });
        made.await.unwrap_or_else(|_| Err(Error::Unreachable("the login was given up".to_owned())))
    }

    /// Takes it away from everybody; a login that is under way for longer is not waited for.
    pub(super) async fn take(&self, patience: Duration) -> Option<Arc<T>> {
        timeout(patience, self.0.lock()).await.ok()?.login.take()
    }

    /// Nobody is given it any longer, if it is this one. Says whether it was.
    pub(super) async fn forget(&self, is: impl Fn(&T) -> bool) -> bool {
        self.0.lock().await.login.take_if(|login| is(login)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const LONG: Duration = Duration::from_secs(1);

    /// The n-th login, after a while; the first one fails if told so.
    fn number(made: &Arc<AtomicUsize>, fails: bool) -> impl Future<Output = Result<usize, Error>> + use<> {
        let made = made.clone();
        async move {
            sleep(LONG).await;
            let number = made.fetch_add(1, Ordering::SeqCst);
            if fails && number == 0 { Err(Error::NotAuthenticated) } else { Ok(number) }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_share_what_came_of_it() {
        for fails in [true, false] {
            let (current, made) = (CurrentLogin::default(), Arc::<AtomicUsize>::default());
            let outcomes = join_all((0..5).map(|_| current.get(|_| false, number(&made, fails)))).await;
            let expected = if fails { Err(Error::NotAuthenticated) } else { Ok(Arc::new(0)) };
            assert_eq!(outcomes, vec![expected; 5]);
            assert_eq!(made.load(Ordering::SeqCst), 1);
            sleep(LONG).await;
            // A failure is no obstacle to whoever asks later, and a login that is good is kept.
            let later = current.get(|_| false, number(&made, fails)).await;
            assert_eq!(later, Ok(Arc::new(usize::from(fails))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_login_is_replaced_and_another_one_is_not() {
        let (current, made) = (CurrentLogin::default(), Arc::<AtomicUsize>::default());
        for (stale, expected) in [(9, 0), (0, 1), (0, 1), (1, 2)] {
            let login = current.get(|login| *login == stale, number(&made, false)).await;
            assert_eq!(login, Ok(Arc::new(expected)), "{stale}");
        }
        assert!(!current.forget(|login| *login == 1).await);
        assert!(current.forget(|login| *login == 2).await);
        assert_eq!(current.take(LONG).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_that_nobody_waits_for_any_longer_is_made_and_can_be_ended() {
        let (current, made) = (CurrentLogin::default(), Arc::<AtomicUsize>::default());
        let given_up = timeout(LONG / 2, current.get(|_| false, number(&made, false))).await;
        assert!(given_up.is_err());
        assert_eq!(current.take(LONG / 4).await, None, "it is still under way");
        assert_eq!(current.take(LONG).await, Some(Arc::new(0)));
        assert_eq!(current.take(LONG).await, None);
    }
}
