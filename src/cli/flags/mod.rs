//! How flags are written.

pub(super) mod go;
