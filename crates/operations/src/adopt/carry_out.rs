//! Carries a plan out: a backup that is read back, then one transaction.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use outreach_migration::{REVISIONS, run::RunOptions};
use outreach_service::{
    connect::{DatabaseOptions, open},
    sql::{is_connection_lost, sqlstate},
};
use schema_audit::inspect::InspectError;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbBackend, DbErr};
use secrecy::SecretString;

use super::{
    AdoptError, Plan, Report, State,
    saved::back_up,
    session::{Session, blockers},
    work::{Outcome, Work},
};
use crate::backup::{Backup, Step};

/// How a plan is carried out.
#[derive(Debug, Clone)]
pub struct Adoption {
    pub(super) backup_dir: PathBuf,
    pub(super) run: RunOptions,
    pub(super) scratch: Option<SecretString>,
}

impl Adoption {
    /// Backups go into this folder. A lock is waited for 5 s, a statement may
    /// take 10 min.
    #[must_use]
    pub fn new(backup_dir: impl Into<PathBuf>) -> Self {
        Self {
            backup_dir: backup_dir.into(),
            run: RunOptions::default(),
            scratch: None,
        }
    }

    /// How long a table that another session holds (PostgreSQL) or another writer
    /// (SQLite) is waited for, how long a statement may take (PostgreSQL), and
    /// which environment is stored.
    #[must_use]
    pub fn run_options(mut self, options: RunOptions) -> Self {
        self.run = options;
        self
    }

    /// The PostgreSQL server that the backup is read back on, by the URL of any
    /// database there; the database's own server if none is named.
    #[must_use]
    pub fn scratch_server(mut self, url: Option<SecretString>) -> Self {
        self.scratch = url;
        self
    }

    /// The folder of the backups.
    #[must_use]
    pub fn backup_dir(&self) -> &Path {
        &self.backup_dir
    }
}

/// What [`carry_out`] is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The backup is made and read back.
    BackingUp(Step),
    /// It is there.
    BackedUp(PathBuf),
    /// The tables are locked.
    Locking,
    /// They are compared with the backup.
    Comparing,
    /// Their rows are counted and hashed.
    Counting,
    /// So many statements mend the tables.
    Repairing(usize),
    /// The revisions are recorded and run.
    Migrating,
    /// The outcome is looked at before it is kept.
    Auditing,
    /// It is kept.
    Committing,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BackingUp(_) => f.write_str("making a backup and reading it back"),
            Self::BackedUp(path) => write!(f, "the backup is `{}`", path.display()),
            Self::Locking => f.write_str("locking the tables"),
            Self::Comparing => f.write_str("comparing the tables with the backup"),
            Self::Counting => f.write_str("counting and hashing the rows"),
            Self::Repairing(statements) => write!(f, "mending the tables: {statements} statements"),
            Self::Migrating => f.write_str("recording and running the revisions"),
            Self::Auditing => f.write_str("looking at the outcome"),
            Self::Committing => f.write_str("keeping it"),
        }
    }
}

/// Who is told what is about to be done.
pub(super) type Listener<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Carries a plan out. First a backup is made and read back, except of an empty
/// database; then one transaction compares the tables with it, mends them, fills
/// the ledgers and runs the later revisions, holds the outcome against the newest revision and the
/// rows against those of before, and commits. Nobody else can read or write the
/// tables meanwhile (PostgreSQL), or write the file (SQLite).
///
/// Killed at any point it leaves the database as it was, and perhaps a backup.
/// A plan with [nothing to do](Plan::is_done) does nothing.
///
/// # Errors
///
/// [`AdoptError`]; nothing is changed then, except that the outcome is not known
/// with [`AdoptError::UnknownOutcome`].
pub async fn carry_out(
    options: &DatabaseOptions,
    plan: &Plan,
    adoption: &Adoption,
    progress: Listener<'_>,
) -> Result<Report, AdoptError> {
    if !plan.is_possible() {
        let conflicts = plan.conflicts.len();
        return Err(AdoptError::Refused { conflicts });
    }
    if plan.is_done() {
        return Ok(report(plan, Outcome::default(), None));
    }
    let backup = if plan.state == State::Empty {
        None
    } else {
        let backup = Box::pin(back_up(options, adoption, progress)).await?;
        progress(Progress::BackedUp(backup.path.clone()));
        Some(backup)
    };
    let options = options
        .clone()
        .max_connections(1)
        .busy_timeout(adoption.run.lock_timeout);
    let db = open(&options).await.map_err(AdoptError::Connect)?;
    let outcome = in_one_transaction(&db, plan, adoption, backup.as_ref(), progress).await;
    // The connection goes either way; SQLite writes its log into the file.
    let _ = db.close().await;
    let backup = backup.map(|backup| backup.path);
    let outcome = outcome.map_err(|error| error.with_backup(backup.as_ref()))?;
    Ok(report(plan, outcome, backup))
}

async fn in_one_transaction(
    db: &DatabaseConnection,
    plan: &Plan,
    adoption: &Adoption,
    backup: Option<&Backup>,
    progress: Listener<'_>,
) -> Result<Outcome, AdoptError> {
    let rebuilds = !plan.repairs.is_empty();
    let txn = Session::begin(db, rebuilds).await?;
    let work = Work {
        txn: &txn,
        plan,
        adoption,
        backup,
        progress,
    };
    let outcome = match work.run().await {
        Ok(outcome) => outcome,
        Err(error) => {
            // A connection that is gone takes its transaction with it.
            let _ = txn.rollback().await;
            return Err(name_blockers(db, rolled_back(error)).await);
        }
    };
    progress(Progress::Committing);
    commit(txn).await?;
    Ok(outcome)
}

async fn commit(txn: DatabaseTransaction) -> Result<(), AdoptError> {
    let committed = txn.commit().await;
    committed.map_err(|source| {
        if is_connection_lost(&source) {
            AdoptError::UnknownOutcome {
                backup: None,
                source,
            }
        } else {
            failed("the commit")(source)
        }
    })
}

/// Says of a failed look that what it was part of is taken back.
fn rolled_back(error: AdoptError) -> AdoptError {
    match error {
        AdoptError::Read(source) | AdoptError::Inspect(InspectError::Query { source, .. }) => {
            failed("reading the database")(source)
        }
        error => error,
    }
}

/// A statement that failed; nothing of the transaction is kept.
pub(super) fn failed(doing: impl Into<String>) -> impl FnOnce(DbErr) -> AdoptError {
    let doing = doing.into();
    |source| AdoptError::Failed {
        doing,
        backup: None,
        source,
    }
}

/// Says who has what was waited for in vain: only known once the failed
/// transaction is over.
async fn name_blockers(db: &DatabaseConnection, error: AdoptError) -> AdoptError {
    let AdoptError::Failed { doing, source, .. } = error else {
        return error;
    };
    let state = sqlstate(&source).unwrap_or_default();
    let is_sqlite = db.get_database_backend() == DbBackend::Sqlite;
    let waited = match state.as_str() {
        "55P03" => blockers(db).await,
        "5" | "517" | "261" if is_sqlite => "another process writes to the file".to_owned(),
        _ => {
            return AdoptError::Failed {
                doing,
                backup: None,
                source,
            };
        }
    };
    AdoptError::Locked {
        waited: format!("{doing} waited in vain: {waited}"),
        backup: None,
        source,
    }
}

fn report(plan: &Plan, outcome: Outcome, backup: Option<PathBuf>) -> Report {
    let before = match plan.state {
        State::Ours { pending, .. } => REVISIONS.len() - pending,
        _ => 0,
    };
    let of = |action| {
        let steps = plan.steps.iter().filter(move |step| step.action == action);
        steps.map(|step| step.revision)
    };
    Report {
        revision: REVISIONS.last().map_or("", |revision| revision.name),
        alembic: outcome.alembic,
        backup,
        repairs: plan.repairs.len(),
        fills: outcome.fills,
        dropped: plan.dropped.clone(),
        recorded: of(super::Action::Baseline).skip(before).collect(),
        applied: of(super::Action::Apply).collect(),
        tables: outcome.tables,
    }
}
