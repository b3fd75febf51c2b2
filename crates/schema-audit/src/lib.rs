//! Holds a live schema against what it should be: the migrations (as recorded
//! snapshots), SeaORM entities, or another database. Knows none of outreach's
//! tables; usable by any SeaORM project on PostgreSQL or SQLite.
//!
//! [`schema`] has the values, [`inspect`](mod@inspect) reads them from a
//! database, [`compare`](mod@compare) finds the differences, [`report`] says them.

pub mod attribution;
pub mod compare;
pub mod entities;
pub mod history;
pub mod inspect;
#[cfg(feature = "cli")]
pub mod program;
pub mod repair;
pub mod report;
pub mod schema;
pub mod scratch;
