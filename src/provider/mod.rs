//! The cloud interfaces implemented on vSphere.

mod addresses;
mod afresh;
mod current;
mod desk;
mod examine;
mod existence;
mod identify;
mod instance_type;
mod instances;
mod ip;
mod resolver;
mod roster;
mod search;
mod shared;
mod static_addresses;
mod tell_apart;
mod zone;

#[cfg(test)]
mod fixtures;

pub use addresses::select;
pub use current::CurrentInstances;
pub use examine::Examined;
pub use instance_type::instance_type;
pub use instances::VsphereInstances;
pub use shared::VcenterHandle;
