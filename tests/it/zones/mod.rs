//! Zones and regions, end to end: tags in vCenter become labels of nodes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A failed test is what they are for.

mod common;
mod places;
mod rest;
mod trouble;
