//! The flags of `vsphere-cloud ccm`: upstream's, in upstream's spelling, and a few of our own.
//!
//! | file | what |
//! |---|---|
//! | `api`, `cloud`, `controllers`, `node`, `lifecycle`, `leader` | flags that do something, by what they concern |
//! | [`serving`](super::serving) | those of the HTTPS server |
//! | `gates` | `--feature-gates`: read, without effect |
//! | `ignored` | a table of the flags that are accepted without effect, each with the reason |
//! | `go` | how Go's flags are written: `--flag`, `--flag=T`, `1m30s` |
//! | `hints` | what to do about a mistake |

pub(super) mod api;
pub(super) mod cloud;
pub(super) mod controllers;
pub(super) mod gates;
pub(super) mod go;
pub(super) mod hints;
pub(super) mod ignored;
pub(super) mod leader;
pub(super) mod lifecycle;
pub(super) mod node;
#[cfg(test)]
mod tests;
