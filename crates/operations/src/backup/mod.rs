//! Backups that are read back before anybody relies on them.
//!
//! [`create`] writes one, with a [`Manifest`] beside it; [`verify`] restores it
//! to a scratch database and compares; [`restore`] brings it back into an empty
//! database, and [`restore_replacing`] in the place of what is there. [`list`]
//! and [`prune`] look after a folder of them.
//!
//! One law: a backup has its final name once it is complete, and what is killed
//! leaves the original.

mod create;
mod difference;
mod error;
mod facts;
mod folder;
mod manifest;
mod name;
mod partial;
mod pg_dump;
mod progress;
mod restore;
mod verify;

use std::path::PathBuf;

pub use self::{
    create::create,
    difference::Difference,
    error::BackupError,
    folder::{Listing, Pruned, list, prune},
    manifest::Manifest,
    progress::{Progress, Step},
    restore::{RestoreOptions, check, restore, restore_replacing},
    verify::{Verification, verify},
};

/// Where a backup is written.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// The folder; it is made, for its owner alone, if it is not there.
    pub directory: PathBuf,
}

/// A complete backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The backup file. Its manifest has the same name with `.manifest.json`
    /// after it.
    pub path: PathBuf,
    /// What its manifest says.
    pub manifest: Manifest,
}
