//! The configuration changes while the manager works.

mod common;
mod credentials;
mod file;
mod trust;
mod vcenters;
