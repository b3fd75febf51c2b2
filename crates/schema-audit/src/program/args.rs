//! The arguments.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Holds the schema of a database against another: PostgreSQL or SQLite.
///
/// Exit status: 0 the same, 1 findings, 2 could not look. Databases are only
/// read. A SOURCE is a URL (`postgres://…`, `sqlite:PATH`) or a file that
/// `inspect --format json` made.
#[derive(Debug, Parser)]
#[command(name = "schema-audit", version)]
pub(super) struct Arguments {
    /// Write to this file instead of standard output
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what differs between what should be there and what is there
    Diff(Diff),
    /// Print the schema of a database
    Inspect(Inspect),
    /// Print the JSON Schema of the report that `diff --format json` writes
    JsonSchema,
}

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// What should be there: a URL, or a file made by `inspect --format json`
    pub(super) expected: String,
    /// What is there: a URL, or a file made by `inspect --format json`
    pub(super) actual: String,
    /// Look at this schema alone, on both sides (PostgreSQL) [default: all]
    #[arg(long, value_name = "NAME")]
    pub(super) schema: Option<String>,
    /// How to say it
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DiffFormat,
    /// Plan SQL that makes ACTUAL what EXPECTED is; nothing is run
    #[arg(long)]
    pub(super) repair: bool,
    /// Run the repair on a scratch copy of the schema and compare again
    #[arg(long, requires = "repair")]
    pub(super) prove: bool,
    /// The PostgreSQL server to make the scratch copy on [default: ACTUAL's own]
    #[arg(long, value_name = "URL", requires = "prove")]
    pub(super) scratch: Option<String>,
    /// Put statements that destroy data into the repair: those that mend this
    /// finding (`code object`, as the plan names it), or `all`. May be repeated
    #[arg(long, value_name = "LABEL", requires = "repair")]
    pub(super) destructive: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The database: a URL
    pub(super) database: String,
    /// Look at this schema alone (PostgreSQL) [default: all]
    #[arg(long, value_name = "NAME")]
    pub(super) schema: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: InspectFormat,
}

/// How a comparison is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum DiffFormat {
    /// For people at a terminal
    #[default]
    Text,
    /// Everything; see `schema-audit json-schema`
    Json,
    /// An audit report
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for the test views of CI servers
    Junit,
    /// Annotations of a GitHub workflow
    Github,
}

/// How a schema is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum InspectFormat {
    /// A snapshot that `diff` reads
    #[default]
    Json,
    /// A diagram in Mermaid
    Er,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_arguments_holds_together() {
        Arguments::command().debug_assert();
    }
}
