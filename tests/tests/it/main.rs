//! Database tests of outreach: one body on SQLite and on PostgreSQL.
//!
//! The modules are `cfg(test)` so that the lints know helpers beside the tests
//! for what they are.

#[cfg(test)]
mod adopt;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod data_checks;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod entities;
#[cfg(test)]
mod job_statements;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod migration;
#[cfg(test)]
mod prospects;
#[cfg(test)]
mod reset;
#[cfg(test)]
mod schema_audit;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transaction;
