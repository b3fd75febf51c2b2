//! The schema of outreach, as a chain of revisions.
//!
//! The first four revisions mirror the Alembic chain of the backend that
//! outreach replaces: on PostgreSQL each leaves exactly the schema that its
//! Alembic twin leaves. The revisions after them are outreach's own; they
//! harden the schema and never rename.
//!
//! The chain is run by the real `sea-orm-cli migrate` (through this crate's
//! binary), by `outreach migrate`, and by applications through [`Migrator`].
//! Whoever starts it, one run holds a lock and is one transaction.
//!
//! A released revision is never edited: what has to change gets a revision of
//! its own.
//!
//! ```no_run
//! use outreach_migration::{Migrator, MigratorTrait};
//!
//! # async fn example() -> Result<(), sea_orm::DbErr> {
//! let db = sea_orm::Database::connect("sqlite://outreach.db?mode=rwc").await?;
//! Migrator::up(&db, None).await?;
//! # Ok(())
//! # }
//! ```

mod alembic;
pub mod checksums;
mod column;
pub mod command;
mod duplicates;
pub mod ledger;
mod lock;
mod migrator;
pub mod plan;
pub mod properties;
mod revision;
pub mod run;
pub mod scripts;
mod shown;
pub mod snapshots;
pub mod stamp;

mod m20251201_000001_000000000000_create_base_tables;
mod m20251201_000002_4b9608290b5d_add_settings_table;
mod m20251201_000003_add_discovery_query_table;
mod m20251201_000004_556b79de2825_add_discovery_query_id_to_prospects;
mod m20260101_000001_unique_prospect_domain_and_discovery_query;
mod m20260101_000002_create_job_runs;
mod m20260101_000003_create_revision_checksums;
mod m20260101_000004_create_database_properties;
mod m20260101_000005_job_run_claims;

pub use lock::lock_in_txn;
pub use migrator::Migrator;
pub use revision::{REVISIONS, Revision};
pub use sea_orm_migration::{MigrationStatus, MigrationTrait, MigratorTrait};
pub use shown::shown;

/// The tables in which tools keep what is applied: SeaORM's and Alembic's. They
/// belong to no revision.
pub const LEDGERS: [&str; 2] = ["seaql_migrations", "alembic_version"];
