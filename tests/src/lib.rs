//! The harness of outreach's database tests.
//!
//! - [`TestDb`] is a database of its own for one test, on SQLite or PostgreSQL;
//!   [`matrix_tests!`] runs one test body on both, [`job_tests!`] in each way
//!   that jobs are claimed.
//! - [`PostgresServer`] finds a PostgreSQL for the tests or starts a private
//!   one from the machine's own programs; it can also be stopped hard and
//!   started again, or have a standby that takes its place.
//! - [`PgBouncer`] stands before a PostgreSQL and pools its connections by
//!   transaction.
//! - [`Proxy`] stands between a client and PostgreSQL and cuts or holds
//!   connections at exact points of the protocol, such as after a COMMIT and
//!   before its reply. It tells what was sent, and can change to another server.
//! - [`Outreach`] and [`Migration`] run the built programs in a cleaned
//!   environment, and kill them.
//! - [`chaos`] kills, stops and cuts off job workers at random, and holds what
//!   they did against what must be.
//!
//! Nothing here but [`chaos`] waits for a time to pass: every wait is for an event, with a
//! limit after which the test fails.

mod built_program;
pub mod chaos;
mod command;
mod generated_files;
mod job_db;
mod matrix;
mod pgbouncer;
mod postgres_programs;
mod postgres_server;
mod private_server;
mod proxy;
pub mod scripts;
mod server_process;
pub mod snapshots;
mod test_db;
mod unprivileged;
mod wire;

pub use command::{
    Migration, MigrationProgram, Output, Outreach, OutreachProgram, Program, ProgramName, Running,
};
pub use generated_files::{Files, GeneratedFiles, workspace};
pub use job_db::{JobDb, Strategy};
pub use matrix::TestOutcome;
pub use pgbouncer::PgBouncer;
pub use postgres_server::PostgresServer;

/// A client program of this machine's PostgreSQL, such as `psql`.
///
/// # Errors
///
/// Where there is none; the error says how to get it.
pub fn postgres_program(name: &str) -> anyhow::Result<std::path::PathBuf> {
    postgres_programs::PostgresPrograms::find()?.beside("postgres", name)
}

pub use proxy::{Fault, Proxy};
pub use test_db::{Row, TestDb};

#[cfg(test)]
mod self_tests;
