//! The node controller, end to end: the product as a process between an API server and vCenters,
//! with the rights that upstream's manifests give it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A failed test is what they are for.

mod addresses;
mod ambiguity;
mod company;
mod credentials;
mod identity;
mod outages;
mod process;
mod registration;
