//! The command line as a whole.

mod help;
mod mistakes;
mod spellings;
mod upstream;

use std::ffi::OsString;

use crate::cli::{Workload, ccm};

/// The arguments of `vsphere-cloud ccm --cloud-config=f` and these.
fn given(args: &[&str]) -> Result<ccm::Args, clap::Error> {
    let args = ["vsphere-cloud", "ccm", "--cloud-config=f"].iter().chain(args);
    parse(&args.copied().collect::<Vec<_>>())
}

fn parse(args: &[&str]) -> Result<ccm::Args, clap::Error> {
    crate::cli::parse(args.iter().map(OsString::from)).map(|cli| match cli.workload {
        Workload::Ccm(args) => *args,
        Workload::Check(_) | Workload::Config(_) => panic!("not the manager"),
    })
}

/// What is printed about this mistake.
fn mistake(args: &[&str]) -> String {
    given(args).map_or_else(|error| error.to_string(), |args| panic!("accepted: {args:?}"))
}
