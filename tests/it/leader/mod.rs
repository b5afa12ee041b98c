//! Leader election, end to end: managers as processes around one Lease.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A failed test is what they are for.

mod common;
mod frozen;
mod loss;
mod turns;
mod upstream;
