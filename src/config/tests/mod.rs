//! Whole files: what they mean, what is said about mistakes in them, and that secrets stay secret.

mod effective;
mod files;
mod gcfg_cases;
mod mistakes;
mod passwords;
mod yaml_cases;
