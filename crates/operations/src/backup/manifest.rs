//! What a backup says about itself, in a file beside it.

use chrono::{DateTime, Utc};
use schema_audit::schema::Dialect;
use serde::{Deserialize, Serialize};

use crate::contents::Contents;

/// The manifest of a backup: what it was made of, and what a restored one has to
/// be equal to. Written as JSON, in a file with the backup's name and
/// `.manifest.json` after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form; 1.
    pub format: u32,
    /// The version of outreach that made it.
    pub outreach: String,
    /// The kind of database.
    pub dialect: Dialect,
    /// The database's name: on PostgreSQL as the server knows it, on SQLite the
    /// file's name.
    pub database: String,
    /// The PostgreSQL schema that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The version of the server, or of SQLite.
    pub server_version: String,
    /// The newest applied revision, if our ledger is there and has one.
    pub revision: Option<String>,
    /// The rows of Alembic's ledger; `None` without one.
    pub alembic: Option<Vec<String>>,
    /// The environment that was stored in the database, if one was.
    pub environment: Option<String>,
    /// When it was made, by the database's clock.
    pub taken_at: DateTime<Utc>,
    /// SHA-256 of the inspected schema, in hexadecimal.
    pub schema_fingerprint: String,
    /// What the tables held, all of the schema's.
    pub contents: Contents,
    /// The length of the backup file in bytes.
    pub bytes: u64,
    /// SHA-256 of the backup file, in hexadecimal.
    pub sha256: String,
}
