//! Database tests of outreach: one body on SQLite and on PostgreSQL.

mod discovery;
mod jobs;
mod prospects;
mod support;
mod transaction;
