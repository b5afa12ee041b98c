//! The vCenter client. It knows nothing of Kubernetes.

pub mod inventory;
mod moref;

pub use moref::MoRef;
