//! The vCenter client. It knows nothing of Kubernetes.
//!
//! Four layers, each unaware of the ones above: [`soap`] turns messages into bytes and back,
//! `transport` moves bytes, [`session`](Session) keeps one login alive, [`inventory`] knows the
//! machines.

mod certificate;
mod current_login;
mod error;
pub mod inventory;
mod login_guard;
mod moref;
mod rest;
mod session;
mod session_manager;
pub mod soap;
mod tags;
mod tls;
mod transport;
pub mod types;
mod version;

pub use certificate::{Presented, presented};
pub use error::Error;
pub use moref::MoRef;
pub use session::{Connection, CredentialFeed, Session};
pub use tags::{Attached, Category, Tag, Tags};
pub use transport::Endpoint;
