//! Managed object references.

use std::fmt;
use std::sync::Arc;

/// A reference to an object in one vCenter: its type and its id there, as in `VirtualMachine:vm-12`.
///
/// An id says nothing without its vCenter, and it is not stable: a VM that is unregistered and
/// registered again gets a new one. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MoRef {
    /// The managed object type, as in `VirtualMachine`.
    pub kind: Arc<str>,
    /// The id, as in `vm-12`.
    pub id: Arc<str>,
}

impl MoRef {
    /// A reference from its two parts.
    pub fn new(kind: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }
}

impl fmt::Display for MoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}
