//! Servers that tests share.
