//! What is known of this cluster's machines.

mod vm;

pub use vm::{ConnectionState, GuestNic, PowerState, Vm};
