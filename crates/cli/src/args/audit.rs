//! Commands that look: `audit` and `verify`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use outreach_migration::Revision;

use crate::audit::parse_revision;

const AUDIT_HELP: &str = "\
The database is only read. `--prove` and `--format markdown` make a scratch copy of its schema
without rows (a temporary database on the same server, which needs the right to create databases
and pg_dump; a temporary file for SQLite) and remove it at the end.

Exit status:
  0  clean; information alone is clean
  1  findings
  2  could not look";

const VERIFY_HELP: &str = "\
The database is only read. What has to write runs on a scratch copy of its schema without rows:
a temporary database on the same server (needs the right to create databases, and pg_dump), or a
temporary file for SQLite. It is removed at the end.

Exit status:
  0  every line is ticked
  1  a line has a cross
  2  a line could not be looked at, or the database could not be reached";

#[derive(Debug, Args)]
#[command(
    after_help = AUDIT_HELP,
    group = ArgGroup::new("repairing").args(["repair", "prove"]).multiple(true)
)]
pub(crate) struct Audit {
    /// Hold the schema against this revision, by its name or Alembic id, without
    /// the ledgers and the entities [default: the newest, with both]
    #[arg(long, value_name = "REV", value_parser = parse_revision)]
    pub(crate) revision: Option<&'static Revision>,

    /// Look at the rows too: statuses, domains, counters, references
    #[arg(long)]
    pub(crate) data: bool,

    /// How to say it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: AuditFormat,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Leave out a table that is not outreach's; may be repeated
    #[arg(long, value_name = "TABLE")]
    pub(crate) ignore: Vec<String>,

    /// Print SQL that mends the schema; nothing is run
    #[arg(long)]
    pub(crate) repair: bool,

    /// Run the repair on a scratch copy of the schema, and audit that again
    #[arg(long)]
    pub(crate) prove: bool,

    /// The PostgreSQL server to make the scratch copy on [default: the database's own]
    #[arg(
        long,
        value_name = "URL",
        requires = "prove",
        env = "SCRATCH_DATABASE_URL",
        hide_env_values = true
    )]
    pub(crate) scratch: Option<String>,

    /// Put statements into the repair that destroy data: those for this finding
    /// (`code object`, as the plan names it), or `all`; may be repeated
    #[arg(long, value_name = "FINDING", requires = "repairing")]
    pub(crate) destructive: Vec<String>,

    /// Draw the schema as a Mermaid diagram instead
    #[arg(long, value_name = "WHICH", num_args = 0..=1, default_missing_value = "both")]
    pub(crate) er: Option<Diagram>,
}

/// How an audit is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// For people at a terminal
    #[default]
    Text,
    /// Everything, by the JSON Schema that `schema-audit json-schema` prints
    Json,
    /// An audit report with the checklist of `outreach verify`
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for the test views of CI servers
    Junit,
    /// Annotations of a GitHub workflow
    Github,
}

/// Which schema is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Diagram {
    /// Both, as Markdown
    Both,
    /// What is there
    Live,
    /// What should be there
    Expected,
}

#[derive(Debug, Args)]
#[command(after_help = VERIFY_HELP)]
pub(crate) struct Verify {
    /// Print the checklist as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
