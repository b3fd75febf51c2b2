//! Records the schema that each revision leaves: runs the chain on an empty
//! PostgreSQL and an empty SQLite database, inspects both after each revision,
//! and writes what is there into `migration/snapshots`, with the list of them in
//! `migration/src/snapshots/recorded.rs`.
//!
//! With `--check` it writes nothing and says whether the repository holds
//! exactly that.

#![expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]

use std::process::ExitCode;

use clap::Parser;
use outreach_tests::snapshots::{SNAPSHOTS, replay};

/// Records the schema after each revision of the chain.
#[derive(Debug, Parser)]
struct Arguments {
    /// Write nothing; list what differs from the repository and exit with 1
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let wanted = replay().await?;
    let folder = SNAPSHOTS.path()?;
    if !arguments.check {
        SNAPSHOTS.write(&folder, &wanted)?;
        println!("wrote {} files into {}", wanted.len(), SNAPSHOTS.folder);
        return Ok(ExitCode::SUCCESS);
    }
    let differences = SNAPSHOTS.differences(&wanted, &SNAPSHOTS.read(&folder)?);
    if differences.is_empty() {
        println!("{} recorded files are up to date", wanted.len());
        return Ok(ExitCode::SUCCESS);
    }
    for difference in &differences {
        println!("{difference}");
    }
    println!("out of date: run `cargo run --bin regenerate-snapshots`");
    Ok(ExitCode::FAILURE)
}
