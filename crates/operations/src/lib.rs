//! What operators do with a whole outreach database, as functions: recognise and
//! adopt an existing one, back it up and restore it, mark it as protected, and
//! reset it.
//!
//! One law: nothing is destroyed without a backup that has been read back, a list
//! of what goes, and an explicit yes.

pub mod adopt;
pub mod backup;
pub mod contents;
pub mod expected;
mod sql;
mod sqlite;
pub mod stamp;
