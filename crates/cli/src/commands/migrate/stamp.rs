//! `outreach migrate stamp`.

use std::fmt::Write as _;

use outreach_migration::run::RunOptions;
use outreach_operations::stamp::{self, StampError};
use serde_json::json;

use super::args::Stamp;
use crate::{args::Connection, exit::Error, output};

pub(super) async fn run(
    connection: &Connection,
    arguments: &Stamp,
    options: &RunOptions,
    json: bool,
) -> Result<(), Error> {
    let db = super::open(connection, false).await?;
    let (revision, ignored) = (arguments.revision.0, &arguments.ignore);
    let stamped = if arguments.plan {
        stamp::plan_stamp(&db, revision, ignored).await
    } else {
        stamp::stamp(&db, revision, ignored, options).await
    };
    let stamped = stamped?;
    super::close(db).await?;
    if json {
        return output::print_json(&json!({
            "planned": arguments.plan,
            "seaql_migrations": {
                "before": stamped.applied_before,
                "after": stamped.applied_after,
            },
            "alembic_version": {
                "before": stamped.alembic_before,
                "after": stamped.alembic_after,
            },
        }));
    }
    let would = match (stamped.is_done(), arguments.plan) {
        (true, _) => "says already",
        (false, true) => "would say",
        (false, false) => "says",
    };
    let head = stamped.applied_after.last().unwrap_or(&"base");
    let mut text = format!("seaql_migrations {would}: {head}\n");
    if stamped.alembic_before.is_some() {
        let head = stamped.alembic_after.unwrap_or("base");
        let _ = writeln!(text, "alembic_version {would}: {head}");
    }
    output::print(&text)
}

impl From<StampError> for Error {
    fn from(error: StampError) -> Self {
        match error {
            StampError::Differs { .. } => Self::refused(error),
            StampError::Run(error) => error.into(),
            error => Self::failed(error),
        }
    }
}
