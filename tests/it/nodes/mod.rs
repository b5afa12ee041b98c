//! The node controller, end to end.
