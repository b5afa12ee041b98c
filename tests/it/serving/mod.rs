//! The manager's HTTPS server: health, metrics, and who may read what.

mod access;
mod certificates;
mod common;
mod exposition;
mod health;
mod metrics;
