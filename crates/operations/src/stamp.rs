//! Says in the ledgers that a database is at a revision, after a look that it is.
//!
//! For a ledger that was lost or mended by hand. No revision is run and no row
//! but those of the ledgers is changed.

use outreach_migration::{
    LEDGERS, REVISIONS, Revision, ledger, properties,
    run::{self, RunError, RunOptions},
    shown,
    stamp::set_in_txn,
};
use schema_audit::{
    compare::{Finding, Severity, compare},
    inspect::{InspectError, Scope, inspect_in_txn},
    schema::Schema,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseExecutor, DbErr, TransactionTrait};

use crate::expected::{ExpectedError, expected};

/// What a stamp does, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamp {
    /// What `seaql_migrations` says before it, by name; `None` without one.
    pub applied_before: Option<Vec<String>>,
    /// What it says afterwards, oldest first.
    pub applied_after: Vec<&'static str>,
    /// What `alembic_version` says before it; `None` without one, and then none is
    /// made.
    pub alembic_before: Option<Vec<String>>,
    /// What it says afterwards, where there is one.
    pub alembic_after: Option<&'static str>,
}

impl Stamp {
    /// Whether the ledgers say so already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let ours = self.applied_before.as_ref();
        let theirs = self.alembic_before.as_ref();
        ours.is_some_and(|before| before.iter().eq(self.applied_after.iter()))
            && theirs.is_none_or(|before| before.iter().eq(self.alembic_after.iter()))
    }
}

/// Why a database was not stamped. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StampError {
    /// The schema is not what the revision leaves.
    #[error(
        "the schema is not that of {}: {}. Nothing was changed; `outreach adopt` recognises and \
         repairs a database, and `outreach audit --revision` explains the differences",
        name(*.revision), list(.differences)
    )]
    Differs {
        /// The revision; `None` for the empty database.
        revision: Option<&'static str>,
        /// How it differs.
        differences: Vec<Finding>,
    },
    /// The recorded schema can't be had.
    #[error(transparent)]
    Expected(#[from] ExpectedError),
    /// The schema can't be read.
    #[error("the schema can't be read")]
    Inspect(#[from] InspectError),
    /// The lock was not to be had, or the database refused.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The database can't be read.
    #[error("the database can't be read")]
    Database(#[from] DbErr),
}

fn name(revision: Option<&str>) -> String {
    revision.map_or_else(
        || "an empty database".to_owned(),
        |name| format!("`{name}`"),
    )
}

/// The first differences; there may be hundreds.
fn list(differences: &[Finding]) -> String {
    const NAMED: usize = 8;
    let mut text: Vec<String> = differences
        .iter()
        .take(NAMED)
        .map(|finding| {
            let object = shown(&finding.object.to_string());
            format!("{} `{object}`", finding.code)
        })
        .collect();
    if differences.len() > NAMED {
        text.push(format!("and {} more", differences.len() - NAMED));
    }
    text.join("; ")
}

/// What [`stamp`](fn@stamp) would do. Writes nothing.
///
/// # Errors
///
/// As [`stamp`](fn@stamp).
pub async fn plan_stamp(
    db: &DatabaseConnection,
    revision: Option<&'static Revision>,
    ignored: &[String],
) -> Result<Stamp, StampError> {
    let txn = db.begin().await?;
    let looked = look(&txn, revision, ignored).await;
    let _ = txn.rollback().await;
    looked
}

/// Makes the ledgers say that `revision` is the newest one that is applied;
/// `None` is the empty database. The schema is compared with what that revision
/// leaves first, in the same transaction and under the lock of the chain. Tables
/// that are named in `ignored`, or marked in the database, are left out of the
/// comparison. Commits.
///
/// # Errors
///
/// [`StampError::Differs`] when the schema is another one.
///
/// ```no_run
/// use outreach_migration::run::RunOptions;
/// use outreach_operations::{expected::find_revision, stamp::stamp};
///
/// # async fn example(db: &sea_orm::DatabaseConnection) -> Result<(), Box<dyn std::error::Error>> {
/// let revision = find_revision("556b79de2825")?;
/// stamp(db, Some(revision), &[], &RunOptions::default()).await?;
/// # Ok(())
/// # }
/// ```
pub async fn stamp(
    db: &DatabaseConnection,
    revision: Option<&'static Revision>,
    ignored: &[String],
    options: &RunOptions,
) -> Result<Stamp, StampError> {
    let txn = run::begin(&DatabaseExecutor::Connection(db), options).await?;
    let done = async {
        let stamp = look(&txn, revision, ignored).await?;
        set_in_txn(&txn, stamp.applied_after.len()).await?;
        Ok(stamp)
    }
    .await;
    match done {
        Ok(stamp) => {
            run::commit(txn).await?;
            Ok(stamp)
        }
        Err(error) => {
            let _ = txn.rollback().await;
            Err(error)
        }
    }
}

async fn look<C: ConnectionTrait>(
    db: &C,
    revision: Option<&'static Revision>,
    ignored: &[String],
) -> Result<Stamp, StampError> {
    let marked = properties::read(db).await?.ignored_tables;
    let mut live = inspect_in_txn(db, &Scope::Current).await?;
    live.tables.retain(|table| {
        let name = &table.name.name;
        !LEDGERS.contains(&name.as_str()) && !ignored.contains(name) && !marked.contains(name)
    });
    let differences = differences(db, revision, &live)?;
    if !differences.is_empty() {
        return Err(StampError::Differs {
            revision: revision.map(|revision| revision.name),
            differences,
        });
    }
    let count = revision
        .and_then(|revision| REVISIONS.iter().position(|one| one == revision))
        .map_or(0, |place| place + 1);
    let applied = &REVISIONS[..count];
    let applied_before = if ledger::table_exists(db, LEDGERS[0]).await? {
        Some(ledger::applied(db).await?)
    } else {
        None
    };
    Ok(Stamp {
        applied_before,
        applied_after: applied.iter().map(|one| one.name).collect(),
        alembic_before: ledger::alembic(db).await?,
        alembic_after: applied.iter().rev().find_map(|one| one.alembic),
    })
}

fn differences<C: ConnectionTrait>(
    db: &C,
    revision: Option<&'static Revision>,
    live: &Schema,
) -> Result<Vec<Finding>, StampError> {
    let expected = match revision {
        Some(revision) => expected(db.get_database_backend(), revision)?,
        None => Schema {
            tables: Vec::new(),
            ..live.clone()
        },
    };
    let mut findings = compare(&expected, live);
    findings.retain(|finding| finding.severity > Severity::Info);
    Ok(findings)
}
