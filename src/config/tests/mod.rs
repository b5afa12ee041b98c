//! Whole files: what they mean, what is said about mistakes in them, and that secrets stay secret.

mod conversion;
mod effective;
mod environment;
mod features;
mod files;
mod gcfg_cases;
mod mistakes;
mod passwords;
mod samples;
mod shown;
mod yaml_cases;

use super::{ConfigError, Environment, Loaded, Options};

/// Reads a text with nothing in the environment.
fn load(text: &str, file: &str, options: Options) -> Result<Loaded, ConfigError> {
    super::load(text, file, options, &Environment::default())
}
