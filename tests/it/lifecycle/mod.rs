//! The node lifecycle, end to end: nodes whose machines are switched off, and nodes whose machines
//! are gone, or only seem to be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A failed test is what they are for.

mod breaker;
mod clock;
mod common;
mod deletion;
mod doubt;
mod power;
mod stale;
mod states;
mod twins;
mod volumes;
