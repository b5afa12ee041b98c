//! The vCenter client against the simulator.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "in a test, that is how things are told"
)]

mod common;
mod faults;
mod front;
mod inventory;
mod proxy;
mod recovery;
mod scale;
mod session;
mod sharing;
mod tls;
mod wire;
