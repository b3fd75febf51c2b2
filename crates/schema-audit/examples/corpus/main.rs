//! Runs the comparison on pairs of schemas whose differences are known, and says
//! how many of them it finds.
//!
//! `PATH/manifest.json` lists the cases: `{"cases": [{"id", "dialect", "expect",
//! "findings": [{"category", "object"}]}]}`; `PATH/<id>/a.sql` and `b.sql` each
//! build one database. What is expected:
//!
//! - `drift`, `drift-extended`: each listed finding, in both directions;
//! - `soft`: information only;
//! - `equal-…`: silence.
//!
//! With `--prove`, each database that differs is repaired to be what the other one
//! is, and nothing may be left but what is refused.
//!
//! Whatever is expected, a file that is loaded twice must give silence.
//!
//! The URL must be that of a role that may create databases and roles, on a
//! server that nobody else uses: some cases create roles. `psql` must be on the
//! path. Databases are dropped at once.

#![expect(
    clippy::print_stdout,
    reason = "the report is what this program is for"
)]

mod build;
mod case;
mod judge;
mod prove;
mod report;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Parser;
use schema_audit::{
    compare::compare,
    inspect::{Scope, inspect},
    repair::Destructive,
    schema::Schema,
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    build::Builder,
    case::{Case, Manifest, Side},
    judge::{Pair, Verdict},
    report::Report,
};

/// Runs the comparison on pairs of schemas whose differences are known.
#[derive(Debug, Parser)]
struct Options {
    /// The folder with manifest.json and a folder for each case.
    path: PathBuf,
    /// A database to create others from; without it PostgreSQL's cases are left
    /// out.
    #[arg(long, value_name = "URL")]
    postgres: Option<url::Url>,
    /// Runs only the cases whose names contain this.
    #[arg(long, value_name = "SUBSTRING", default_value = "")]
    only: String,
    /// How many cases to run at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// Repairs each database that differs, and compares again.
    #[arg(long)]
    prove: bool,
    /// Leaves out of those repairs what destroys data: what is left out, and
    /// nothing else, must stay as it is.
    #[arg(long, requires = "prove")]
    destroy_nothing: bool,
    /// Prints all findings of each case.
    #[arg(long)]
    findings: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let manifest = options.path.join("manifest.json");
    let text = std::fs::read_to_string(&manifest)
        .with_context(|| format!("could not read {}", manifest.display()))?;
    let manifest: Manifest = serde_json::from_str(&text)?;
    let builder = Arc::new(Builder::new(
        options.path.clone(),
        options.postgres.clone(),
    )?);
    let cases: Vec<_> = manifest
        .cases
        .into_iter()
        .filter(|case| case.id.contains(&options.only) && builder.can_build(case))
        .collect();
    let report = run(builder, cases, &options).await?;
    print!("{report}");
    Ok(ExitCode::from(u8::from(report.failed())))
}

async fn run(builder: Arc<Builder>, cases: Vec<Case>, options: &Options) -> anyhow::Result<Report> {
    let turns = Arc::new(Semaphore::new(options.jobs.max(1)));
    let mut running = JoinSet::new();
    let destructive = if options.destroy_nothing {
        Destructive::Never
    } else {
        Destructive::All
    };
    let prove = options.prove.then_some(destructive);
    for case in cases {
        let (builder, turns) = (Arc::clone(&builder), Arc::clone(&turns));
        let prove = prove.clone();
        running.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let pair = look(&builder, &case, prove.as_ref()).await;
            (case, pair)
        });
    }
    let mut report = Report::default();
    while let Some(done) = running.join_next().await {
        let (case, pair) = done?;
        if let (true, Ok(pair)) = (options.findings, &pair) {
            println!("{}\n{pair}", case.id);
        }
        let verdict = pair.map(|pair| Verdict::of(&case, &pair));
        report.add(case, verdict);
    }
    Ok(report)
}

/// Builds the case's databases and compares them.
async fn look(builder: &Builder, case: &Case, prove: Option<&Destructive>) -> anyhow::Result<Pair> {
    let a = schema(builder, case, Side::A).await?;
    let a_again = schema(builder, case, Side::A).await?;
    let b = schema(builder, case, Side::B).await?;
    let b_again = schema(builder, case, Side::B).await?;
    let mut twice = compare(&a, &a_again);
    twice.extend(compare(&b, &b_again));
    let faults = match prove {
        Some(destructive) if case.is_drift() => {
            Some(prove::faults(builder, case, &a, &b, destructive).await?)
        }
        _ => None,
    };
    Ok(Pair {
        forward: compare(&a, &b),
        backward: compare(&b, &a),
        twice,
        faults,
    })
}

async fn schema(builder: &Builder, case: &Case, side: Side) -> anyhow::Result<Schema> {
    let database = builder.build(case, side).await?;
    let schema = match database.connect().await {
        Ok(connection) => {
            let schema = inspect(&connection, &Scope::All).await;
            connection.close().await?;
            schema.context("could not be inspected")
        }
        Err(error) => Err(error),
    };
    database.drop().await?;
    schema
}
