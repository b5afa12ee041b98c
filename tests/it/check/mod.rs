//! `vsphere-cloud check`: it finds what is wrong, and changes nothing.

mod access;
mod command;
mod common;
mod nodes;
