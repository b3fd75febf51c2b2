//! The chain of revisions, on both databases.

mod alembic;
mod chain;
mod commands;
mod connection_errors;
mod crash;
mod duplicates_data;
pub(crate) mod facts;
mod lock;
mod merging;
mod readiness;
mod schema;
mod snapshots;
pub(crate) mod support;
mod tenants;
