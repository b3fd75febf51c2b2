//! What the program does.

use std::{io, path::Path};

use secrecy::SecretString;

use super::{
    args::{Arguments, Command, Diff, DiffFormat, Inspect, InspectFormat},
    connect,
    error::ProgramError,
    side::{Kind, Side},
};
use crate::{
    compare::compare,
    inspect::{Scope, inspect},
    repair::{Dependent, Destructive, Options, dependents, prove_until, repair},
    report::{self, Proof, Report},
    schema::{Dialect, Schema},
    scratch::{ScratchOptions, interrupted},
};

/// What results are shown at that are in no file.
const NO_ARTIFACT: &str = "database";

/// What to print, and how to end.
pub(super) struct Outcome {
    pub(super) text: Vec<u8>,
    pub(super) status: u8,
}

impl Outcome {
    fn success(text: Vec<u8>) -> Self {
        Self { text, status: 0 }
    }
}

pub(super) fn run(arguments: Arguments) -> Result<Outcome, ProgramError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ProgramError::Runtime)?;
    match arguments.command {
        Command::Diff(arguments) => runtime.block_on(run_diff(arguments)),
        Command::Inspect(arguments) => runtime.block_on(run_inspect(arguments)),
        Command::JsonSchema => report::json_schema()
            .map(|text| Outcome::success(text.into_bytes()))
            .map_err(ProgramError::Json),
    }
}

async fn run_inspect(arguments: Inspect) -> Result<Outcome, ProgramError> {
    let side = Side::parse(&arguments.database)?;
    let schema = read(&side, arguments.schema.as_deref()).await?;
    let mut text = Vec::new();
    match arguments.format {
        InspectFormat::Json => report::json::write_value(&schema, &mut text),
        InspectFormat::Er => report::er::write(&schema, &mut text),
    }
    .map_err(ProgramError::Write)?;
    Ok(Outcome::success(text))
}

async fn run_diff(arguments: Diff) -> Result<Outcome, ProgramError> {
    let expected_side = Side::parse(&arguments.expected)?;
    let actual_side = Side::parse(&arguments.actual)?;
    refuse(&arguments, &expected_side, &actual_side)?;
    let name = arguments.schema.as_deref();
    let (expected, actual) = tokio::try_join!(
        read(&expected_side, name),
        read_with_dependents(&actual_side, name, arguments.repair)
    )?;
    let (actual, dependents) = actual;
    let mut report = Report::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        expected_side.label.as_str(),
        actual_side.label.as_str(),
    );
    let findings = compare(&expected, &actual);
    report.add_comparison(&expected, &actual, &findings);
    if arguments.repair {
        let options = Options {
            destructive: destructive(&arguments.destructive),
            dependents,
            ..Options::default()
        };
        report.repair = Some(repair(&expected, &actual, &findings, &options));
        if arguments.prove {
            report.proof = Some(proof(&arguments, &actual_side, &expected, &options).await?);
        }
    }
    let mut text = Vec::new();
    write(
        &report,
        arguments.format,
        artifact(&expected_side),
        &mut text,
    )
    .map_err(ProgramError::Write)?;
    Ok(Outcome {
        text,
        status: report.exit_status(),
    })
}

/// Refuses, before any database is asked, what cannot be done.
fn refuse(arguments: &Diff, expected: &Side, actual: &Side) -> Result<(), ProgramError> {
    let (expected, dialect) = (expected.dialect(), actual.dialect());
    if expected != dialect {
        return Err(ProgramError::Dialects {
            expected,
            actual: dialect,
        });
    }
    if arguments.prove && matches!(actual.kind, Kind::Snapshot { .. }) {
        let label = actual.label.clone();
        return Err(ProgramError::ProveOnSnapshot { label });
    }
    if arguments.scratch.is_some() && dialect == Dialect::Sqlite {
        return Err(ProgramError::ScratchOfSqlite);
    }
    Ok(())
}

async fn proof(
    arguments: &Diff,
    actual: &Side,
    expected: &Schema,
    options: &Options,
) -> Result<Proof, ProgramError> {
    let scratch = ScratchOptions {
        server: arguments.scratch.as_deref().map(SecretString::from),
    };
    let scope = scope(actual, arguments.schema.as_deref());
    let proof = prove_until(
        &actual.url,
        &scope,
        expected,
        options,
        &scratch,
        interrupted(),
    )
    .await?;
    Ok(Proof::from(&proof))
}

fn write(
    report: &Report,
    format: DiffFormat,
    artifact: &str,
    text: &mut Vec<u8>,
) -> io::Result<()> {
    match format {
        DiffFormat::Text => report::text::write(report, text),
        DiffFormat::Json => report::json::write(report, text),
        DiffFormat::Markdown => report::markdown::write(report, text),
        DiffFormat::Sarif => report::sarif::write(report, artifact, text),
        DiffFormat::Junit => report::junit::write(report, text),
        DiffFormat::Github => report::github::write(report, text),
    }
}

/// The file that results are shown at: the snapshot, if its path can be one in
/// a repository.
fn artifact(expected: &Side) -> &str {
    match &expected.kind {
        Kind::Snapshot { path, .. } if is_inside(path) => path.to_str().unwrap_or(NO_ARTIFACT),
        _ => NO_ARTIFACT,
    }
}

fn is_inside(path: &Path) -> bool {
    use std::path::Component;
    let mut components = path.components();
    components.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn destructive(labels: &[String]) -> Destructive {
    if labels.is_empty() {
        Destructive::Never
    } else if labels.iter().any(|label| label == "all") {
        Destructive::All
    } else {
        Destructive::Named(labels.iter().cloned().collect())
    }
}

/// The schema of a side; asks the database if it is one.
async fn read(side: &Side, name: Option<&str>) -> Result<Schema, ProgramError> {
    let (schema, _) = read_with_dependents(side, name, false).await?;
    Ok(schema)
}

/// The schema of a side, and if it is wanted what depends on its tables, which
/// a repair has to know.
async fn read_with_dependents(
    side: &Side,
    name: Option<&str>,
    wanted: bool,
) -> Result<(Schema, Vec<Dependent>), ProgramError> {
    let db = match &side.kind {
        Kind::Postgres(options) => connect::postgres(options, &side.label).await?,
        Kind::Sqlite(options) => connect::sqlite(options, &side.label).await?,
        Kind::Snapshot { schema, .. } => {
            return of_snapshot(side, schema, name).map(|schema| (schema, Vec::new()));
        }
    };
    let schema =
        inspect(&db, &scope(side, name))
            .await
            .map_err(|source| ProgramError::Inspect {
                label: side.label.clone(),
                source,
            })?;
    let mut found = Vec::new();
    if wanted && side.dialect() == Dialect::Postgres {
        found = dependents(&db, schema.name.as_deref())
            .await
            .map_err(|source| ProgramError::Dependents {
                label: side.label.clone(),
                source,
            })?;
    }
    // Nothing is pending; that the server did not take leave is no news.
    let _ = db.close().await;
    Ok((schema, found))
}

fn scope(side: &Side, name: Option<&str>) -> Scope {
    match (name, side.dialect()) {
        (Some(name), Dialect::Postgres) => Scope::Named(name.to_owned()),
        _ => Scope::All,
    }
}

fn of_snapshot(side: &Side, schema: &Schema, name: Option<&str>) -> Result<Schema, ProgramError> {
    let mut schema = schema.clone();
    let of_all = !schema.schemas.is_empty();
    let label = side.label.clone();
    match (schema.dialect, name, of_all) {
        (Dialect::Sqlite, ..) | (Dialect::Postgres, None, true) => {}
        (Dialect::Postgres, Some(name), false) => schema.name = Some(name.to_owned()),
        (Dialect::Postgres, None, false) => return Err(ProgramError::SnapshotOfOne { label }),
        (Dialect::Postgres, Some(_), true) => return Err(ProgramError::SnapshotOfAll { label }),
    }
    Ok(schema)
}
