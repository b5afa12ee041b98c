//! Everything a developer runs, and the testbed behind it.
//!
//! * [`testbed`]: a real Kubernetes control plane, a simulated vCenter and the product as
//!   processes of this machine. The integration tests use it too.
//! * [`demo`]: `cargo xtask demo`, the product at work in a minute.
//! * [`mod@bench`]: `cargo xtask bench`, the product measured against its peers.

pub mod bench;
pub mod demo;
pub mod mutants;
mod progress;
mod terminal;
pub mod testbed;

/// Prepares the process: TLS needs one provider of cryptography, chosen once.
///
/// May be called any number of times; the testbed calls it by itself.
pub fn init() {
    // An error means that somebody was faster, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Builds the testbed's programs with a display of how far it is; with `all`, also those that only a
/// few tests need.
pub async fn build_testbed(all: bool) -> anyhow::Result<testbed::Binaries> {
    progress::build(&mut terminal::Terminal::new(), all).await
}
