//! Holds a live schema against what it should be: the migrations (as recorded
//! snapshots), SeaORM entities, or another database. Knows none of outreach's
//! tables; usable by any SeaORM project on PostgreSQL or SQLite.
//!
//! [`schema`] has the values, [`inspect`](mod@inspect) reads them from a
//! database, [`compare`](mod@compare) finds the differences.

pub mod attribution;
pub mod compare;
pub mod entities;
pub mod inspect;
pub mod repair;
pub mod schema;
