//! The generated entities against the migrated database.

mod columns;
mod round_trip;
