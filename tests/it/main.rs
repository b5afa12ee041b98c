//! The integration tests: one binary, a folder per capability, against the real kube-apiserver and
//! the vCenter simulator of `tests/testbed`, which is built on first need.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test may fail.

mod architecture;
mod check;
mod client;
mod config_command;
mod deployment;
mod leader;
mod lifecycle;
mod live;
mod nodes;
mod recovery;
mod serving;
mod support;
mod zones;
