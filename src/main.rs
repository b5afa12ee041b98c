//! vsphere-cloud.
fn main() {}
