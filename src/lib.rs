//! A cloud provider for Kubernetes on vSphere: one library, one binary, three workloads.
//!
//! # The map
//!
//! | module | what lives there | knows |
//! |---|---|---|
//! | [`config`] | `vsphere.conf` in both dialects, credentials, validation | nothing else of this crate |
//! | [`metrics`] | what is measured, for Prometheus | nothing else of this crate |
//! | [`vsphere`] | the vCenter client: SOAP codec, transport, session, inventory | `config`, `metrics` |
//! | [`cloud`] | the interfaces between the two halves, and their plain types; no I/O | nothing |
//! | [`provider`] | the interfaces implemented on vSphere | `config`, `vsphere`, `cloud` |
//! | [`k8s`] | slim Kubernetes types, patches, events | `metrics` |
//! | [`controllers`] | what the manager does: pure `decide`, I/O at the rim | `cloud`, `k8s`, `metrics` |
//! | [`fleet`] | the vCenters in use, and how they follow their configuration | `config`, `vsphere`, `provider`, `k8s`, `metrics` |
//! | [`check`] | finds what is wrong, and changes nothing | `config`, `vsphere`, `cloud`, `provider`, `k8s`, `controllers`, `fleet` |
//! | [`serve`] | the HTTPS server: health, metrics, who may read what | `metrics` |
//! | [`cli`] | the command line of each workload, and its wiring | everything |
//! | `simulation` | a test: controllers and election in virtual time through random failures | `cli`, `cloud`, `controllers`, `k8s` |
//!
//! Arrows point one way; `tests/it/architecture.rs` fails on one that does not.

pub mod check;
pub mod cli;
pub mod cloud;
pub mod config;
pub mod controllers;
pub mod fleet;
pub mod k8s;
pub mod metrics;
pub mod provider;
pub mod serve;
#[cfg(test)]
mod simulation;
pub mod vsphere;
