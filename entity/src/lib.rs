//! Rows of the outreach database as SeaORM entities, for PostgreSQL and SQLite.
//!
//! The modules of the tables are sea-orm-cli's output for the migrated
//! PostgreSQL database and are never edited; regenerating them changes nothing
//! unless a revision changed the schema. What belongs to a row by hand (typed
//! ids, statuses) lives in `outreach-domain` and `outreach-service`.
//!
//! ```
//! use outreach_entity::{jobs, prelude::Jobs};
//! use sea_orm::{DbBackend, EntityTrait, QueryFilter, QueryTrait};
//!
//! let newest = Jobs::find()
//!     .filter(jobs::COLUMN.status.eq("running"))
//!     .build(DbBackend::Postgres);
//! assert!(newest.sql.contains(r#""jobs"."status" = $1"#));
//! ```

#[expect(
    missing_docs,
    reason = "written by the generator, which documents nothing"
)]
mod generated;
mod revisions;
mod tables;

pub use generated::*;
pub use revisions::REVISIONS;
pub use tables::{Table, tables};
