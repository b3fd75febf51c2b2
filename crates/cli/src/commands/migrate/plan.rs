//! `outreach migrate … --plan` and `--sql`.

use std::{fmt::Write as _, path::Path};

use outreach_migration::{
    REVISIONS, Revision,
    plan::{Plan, PlanError, PlannedRevision, plan},
    run::{Direction, RunOptions, Target},
    scripts::{OfflineError, OfflineOptions, RecordedStatement, offline},
};
use outreach_service::connect::{self, DatabaseOptions};
use sea_orm_migration::sea_orm::{DbBackend, DbErr};
use serde_json::{Value, json};

use super::args::{Dialect, Dry, Place};
use crate::{args::Connection, exit::Error, output};

/// Shows what a run would do.
pub(super) async fn show(
    connection: &Connection,
    direction: Direction,
    target: Target<'_>,
    json: bool,
) -> Result<(), Error> {
    let db = match super::open(connection, false).await {
        Ok(db) => db,
        // What would be done to the file that `up` makes.
        Err(_) if direction == Direction::Up && is_missing(connection)? => {
            let empty = DatabaseOptions::new("sqlite::memory:")?;
            connect::open(&empty).await?
        }
        Err(error) => return Err(error),
    };
    let plan = plan(&db, direction, target).await?;
    super::close(db).await?;
    if json {
        return output::print_json(&as_json(&plan));
    }
    output::print(&text(&plan))
}

fn is_missing(connection: &Connection) -> Result<bool, Error> {
    let options = connection.options()?;
    Ok(options
        .url()
        .sqlite_path()
        .is_some_and(|path| !Path::new(&path).exists()))
}

fn text(plan: &Plan) -> String {
    let mut text = format!(
        "-- The database is at {}.\n",
        plan.current.map_or("base", |revision| revision.name)
    );
    if let Some(reason) = &plan.protected {
        let _ = writeln!(text, "-- It is protected, and would refuse this: {reason}.");
    }
    if plan.steps.is_empty() {
        text.push_str("-- There is nothing to do.\n");
    }
    for step in &plan.steps {
        let word = match plan.direction {
            Direction::Up => "apply",
            Direction::Down => "take back",
        };
        let _ = writeln!(
            text,
            "\n-- {word} {}: {}",
            step.revision.name, step.revision.summary
        );
        for change in &step.rows {
            let rows = output::counted(change.rows, "row");
            let _ = writeln!(text, "--   {rows} of {} {}", change.table, change.change);
        }
        for statement in &step.statements {
            let _ = writeln!(text, "{};", statement.sql);
            notes(statement, &mut text);
        }
    }
    if plan.moves_alembic {
        text.push_str("\n-- alembic_version moves along.\n");
    }
    text
}

fn notes(statement: &RecordedStatement, text: &mut String) {
    for lock in &statement.locks {
        let _ = writeln!(
            text,
            "--   locks {} ({}): blocks {} by others",
            lock.table,
            lock.mode,
            lock.blocks()
        );
    }
    for table in &statement.rewrites {
        let _ = writeln!(text, "--   writes every row of {table} anew");
    }
}

fn as_json(plan: &Plan) -> Value {
    let direction = match plan.direction {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    let step = |step: &PlannedRevision| {
        json!({
            "name": step.revision.name,
            "summary": step.revision.summary,
            "statements": step.statements,
            "rows": step.rows,
        })
    };
    json!({
        "direction": direction,
        "current": plan.current.map(|revision| revision.name),
        "protected": plan.protected,
        "moves_alembic": plan.moves_alembic,
        "revisions": plan.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// Prints a script; nothing is connected to.
pub(super) fn script(
    connection: &Connection,
    direction: Direction,
    to: Option<Place>,
    dry: &Dry,
    run: RunOptions,
) -> Result<(), Error> {
    let database = connection.options()?;
    let sqlite = match dry.dialect {
        Some(dialect) => dialect == Dialect::Sqlite,
        None => database.is_sqlite(),
    };
    let backend = if sqlite {
        DbBackend::Sqlite
    } else {
        DbBackend::Postgres
    };
    let head: Option<&'static Revision> = REVISIONS.last();
    let (from, to) = match direction {
        Direction::Up => (
            dry.from.and_then(|place| place.0),
            to.map_or(head, |place| place.0),
        ),
        Direction::Down => {
            let from = dry.from.map_or(head, |place| place.0);
            (from, to.map_or_else(|| before(from), |place| place.0))
        }
    };
    let mut options = OfflineOptions::default().run(run);
    if let Some(schema) = database.schema_name().filter(|_| !sqlite) {
        options = options.schema(schema);
    }
    output::print(&offline(backend, direction, from, to, &options)?)
}

fn before(revision: Option<&Revision>) -> Option<&'static Revision> {
    let place = REVISIONS.iter().position(|one| Some(one) == revision)?;
    REVISIONS.get(place.checked_sub(1)?)
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Run(error) => error.into(),
            PlanError::Database(DbErr::Migration(reason)) => Self::refused_because(reason),
            error => Self::failed(error),
        }
    }
}

impl From<OfflineError> for Error {
    fn from(error: OfflineError) -> Self {
        Self::refused(error)
    }
}
