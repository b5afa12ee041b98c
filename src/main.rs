//! The binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    vsphere_cloud::cli::main(std::env::args_os())
}
