//! Everything a developer runs, and the testbed behind it.
//!
//! * [`testbed`]: a real Kubernetes control plane, a simulated vCenter and the product as
//!   processes of this machine. The integration tests use it too.

pub mod testbed;

/// Prepares the process: TLS needs one provider of cryptography, chosen once.
///
/// May be called any number of times; the testbed calls it by itself.
pub fn init() {
    // An error means that somebody was faster, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
