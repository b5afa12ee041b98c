//! Whole files: what they mean, what is said about mistakes in them, and that secrets stay secret.

mod gcfg_cases;
