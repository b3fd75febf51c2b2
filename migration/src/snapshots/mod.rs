//! The schema that each revision leaves, recorded for each database, so that a
//! live one can be held against it without running the chain.
//!
//! `cargo run --bin regenerate-snapshots` writes them from a real replay of the
//! chain, and a test holds them against one. The text is JSON: a `Schema` of
//! the crate `schema-audit`, without the ledgers.

mod recorded;

use std::fmt::Write as _;

use sea_orm::DbBackend;
use sha2::{Digest, Sha256};

/// The schema after a revision, as JSON; `None` for a name that is not in the
/// chain, a revision whose snapshot is not recorded yet, and other databases
/// than PostgreSQL and SQLite.
#[must_use]
pub fn snapshot(backend: DbBackend, revision: &str) -> Option<&'static str> {
    let (_, postgres, sqlite) = recorded::SNAPSHOTS
        .iter()
        .find(|(name, ..)| *name == revision)?;
    match backend {
        DbBackend::Postgres => Some(postgres),
        DbBackend::Sqlite => Some(sqlite),
        _ => None,
    }
}

/// The SHA-256 of a revision's snapshot, in hexadecimal. It tells another schema,
/// not another way to the same one: what a revision does to rows is not in it.
#[must_use]
pub fn checksum(backend: DbBackend, revision: &str) -> Option<String> {
    let digest = Sha256::digest(snapshot(backend, revision)?.as_bytes());
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}
