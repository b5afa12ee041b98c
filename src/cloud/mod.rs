//! The interfaces between Kubernetes and the infrastructure, and their plain types.
//!
//! No I/O and no vendor in here: controllers know the infrastructure only through these
//! traits, and [`provider`](crate::provider) implements them.

mod existence;
mod instances;
mod provider_id;
mod zone;

pub use existence::{Existence, MACHINE_ANNOTATION, MachineRecord, Power, Proof};
pub use instances::{
    Address, AddressKind, Addresses, Candidate, Instance, InstanceError, Instances, Mismatch, NodeIdentity,
};
pub use provider_id::{PROVIDER_SCHEME, ProviderId, ProviderIdError, parse_uuid, swap_byte_order};
pub use zone::Zone;
