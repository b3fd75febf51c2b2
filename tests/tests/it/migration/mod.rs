//! The chain of revisions, on both databases.

mod alembic;
mod all_schemas;
mod chain;
mod commands;
mod connection_errors;
mod crash;
mod duplicates_data;
pub(crate) mod facts;
mod lock;
mod merging;
mod plan;
mod protection;
mod readiness;
mod real_alembic;
mod run;
mod schema;
mod scripts;
mod snapshots;
mod stamp;
pub(crate) mod support;
mod tenants;

pub(crate) use alembic::CREATE_LEDGER as CREATE_ALEMBICS_LEDGER;
