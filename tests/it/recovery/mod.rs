//! Recovery without a restart: one manager under load, and everything around it fails and comes back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A failed test is what they are for.
#![allow(clippy::print_stdout)] // How long it took: more than that it was in time.

mod address;
mod common;
mod expiry;
mod faults;
mod load;
mod pulse;
mod table;
mod trust;
mod unwritten;
