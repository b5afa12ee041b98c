//! What the manager does: pure decisions, with I/O at the rim.

pub mod node;
