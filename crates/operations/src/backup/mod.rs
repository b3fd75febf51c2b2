//! Backups that are read back before anybody relies on them.

mod manifest;

pub use manifest::Manifest;
