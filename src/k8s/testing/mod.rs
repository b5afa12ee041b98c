//! What tests of the Kubernetes side need: an API server in memory.

mod fake_api;
mod http;
mod json_patch;
mod leases;
mod objects;

pub(crate) use fake_api::{FakeApi, Fault};
pub(crate) use http::Request;
pub(crate) use json_patch::apply_json_patch;
pub(crate) use objects::{Objects, failure};
