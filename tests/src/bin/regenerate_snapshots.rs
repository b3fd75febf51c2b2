//! Records each revision: runs the chain on an empty PostgreSQL and an empty
//! SQLite database, and writes the schema that each revision leaves into
//! `migration/snapshots`, and the statements that it sends, with the locks that
//! they take, into `migration/scripts`. The lists of them are the files
//! `recorded.rs` in `migration/src`.
//!
//! With `--check` it writes nothing and says whether the repository holds
//! exactly that.

#![expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]

use std::process::ExitCode;

use clap::Parser;
use outreach_tests::{
    scripts::{self, SCRIPTS},
    snapshots::{self, SNAPSHOTS},
};

/// Records what each revision of the chain does and leaves.
#[derive(Debug, Parser)]
struct Arguments {
    /// Write nothing; list what differs from the repository and exit with 1
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut differences = Vec::new();
    let mut count = 0;
    for (kind, wanted) in [
        (SNAPSHOTS, snapshots::replay().await?),
        (SCRIPTS, scripts::record().await?),
    ] {
        let folder = kind.path()?;
        count += wanted.len();
        if arguments.check {
            differences.extend(kind.differences(&wanted, &kind.read(&folder)?));
        } else {
            kind.write(&folder, &wanted)?;
        }
    }
    if !arguments.check {
        println!("wrote {count} files into {}", SNAPSHOTS.folder);
        return Ok(ExitCode::SUCCESS);
    }
    if differences.is_empty() {
        println!("{count} recorded files are up to date");
        return Ok(ExitCode::SUCCESS);
    }
    for difference in &differences {
        println!("{difference}");
    }
    println!("out of date: run `cargo run --bin regenerate-snapshots`");
    Ok(ExitCode::FAILURE)
}
