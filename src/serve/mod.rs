//! The HTTPS server for administrators and machines: health, metrics, the configuration in use.
//!
//! [`Server::start`] listens before anything else happens, so that health can be asked from the first
//! moment on. Who may read what is delegated to the API server, see [`auth`]; the paths of health are
//! for everybody and need nobody's help.

pub mod auth;
mod connections;
pub mod health;
mod listen;
mod pages;
mod server;
pub mod tls;

pub use listen::ListenError;
pub use pages::Pages;
pub use server::{Options, Server, StartError};
