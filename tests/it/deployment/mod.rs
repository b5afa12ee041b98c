//! What an administrator installs: manifests, their rights, the image; and the way from upstream and
//! back.

mod image;
mod manifests;
mod objects;
pub(crate) mod pod;
mod rights;
mod takeover;
mod upstream;
