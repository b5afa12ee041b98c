//! Leader election on a Lease by the rules of client-go, so that managers of either kind exclude
//! each other, and what it gives to a leader: the right to write, for a while.
//!
//! `record` is what a Lease says, `decide` whose it is (pure), `lock` the requests, [`Elector`] the
//! rim. Who leads holds a [`Leadership`], which ends by itself unless the lease is renewed in time;
//! a client with its [`WriteGuard`] starts no write after that, whatever runs on it.
//!
//! Where it differs from client-go: the right to write ends `renew_deadline` after the last renewal
//! was *sent* (there: after the last failed series of tries began), another name in the Lease ends it
//! at once, and a standby tries again when the lease it has seen runs out, if that is sooner than
//! its next regular try.

mod clock;
mod decide;
mod elector;
mod guard;
mod identity;
mod leadership;
mod lock;
mod record;
mod settings;
#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use elector::{Elector, Standing};
pub use guard::{LeaseOver, WriteGuard};
pub use identity::identity;
pub use leadership::Leadership;
pub use settings::{Settings, SettingsError};
