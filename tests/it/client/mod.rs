//! The vCenter client against the simulator.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how things are told")]

mod common;
mod faults;
mod front;
mod inventory;
mod proxy;
mod recovery;
mod scale;
mod session;
mod tls;
mod wire;
