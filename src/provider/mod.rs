//! The cloud interfaces implemented on vSphere.

mod addresses;
mod instance_type;
mod ip;
mod static_addresses;

#[cfg(test)]
mod fixtures;

pub use addresses::select;
pub use instance_type::instance_type;
