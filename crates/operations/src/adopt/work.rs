//! What happens inside the transaction.

use std::{collections::BTreeMap, time::SystemTime};

use outreach_migration::{
    Migrator, MigratorTrait, REVISIONS, checksums, lock_in_txn,
    properties::{self, Property},
    run::{self, RunError, Target},
    snapshots,
};
use outreach_service::sql::sqlstate;
use schema_audit::{
    compare::{Finding, Severity, compare},
    history::{self, ChainRevision},
    inspect::{Scope, inspect_in_txn},
    schema::Schema,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};

use super::{
    AdoptError, Adoption, Fill, Plan, Progress, State, TableReport,
    carry_out::{Listener, failed},
    look::{ALEMBIC, Observed, read_alembic},
    plan::{Made, applied, without_schema},
    plan_in_txn,
    probe::number,
    recognise::newest_mirrored,
    rows::{self, Selections, changed},
    session::{limit, lock_tables},
};
use crate::{
    backup::Backup,
    contents::{self, Contents, ContentsError},
    expected::expected,
};

/// Why a table is left out of audits, as it is recorded.
const NOT_OURS: &str = "not outreach's; it was there when outreach took the database over";

/// What the transaction has come to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) alembic: Option<String>,
    pub(super) fills: Vec<Fill>,
    pub(super) tables: Vec<TableReport>,
}

/// The work of one transaction, which the caller ends.
pub(super) struct Work<'a> {
    pub(super) txn: &'a DatabaseTransaction,
    pub(super) plan: &'a Plan,
    pub(super) adoption: &'a Adoption,
    /// What was there before, if there was anything.
    pub(super) backup: Option<&'a Backup>,
    pub(super) progress: Listener<'a>,
}

impl Work<'_> {
    pub(super) async fn run(&self) -> Result<Outcome, AdoptError> {
        (self.progress)(Progress::Locking);
        let empty = self.plan.state == State::Empty;
        if !empty {
            self.lock().await?;
        }
        let made = plan_in_txn(self.txn).await?;
        if !made.plan.agrees_with(self.plan) {
            return Err(AdoptError::Changed);
        }
        let held = match self.backup {
            Some(backup) => self.compare_with(backup).await?,
            None => Contents::default(),
        };
        let orphans = self.orphans().await?;
        let (before, repaired, selections) = self.mend(&made, held).await?;
        (self.progress)(Progress::Migrating);
        let merged = rows::merged(self.txn).await.map_err(failed("counting"))?;
        if !empty {
            self.record(&made).await?;
        }
        let ran = run::up(self.txn, Target::End, &self.adoption.run).await;
        ran.map_err(|error| failed("running the revisions")(said(error)))?;
        self.set_aside_foreign().await?;
        (self.progress)(Progress::Auditing);
        let alembic = self.audit().await?;
        if self.orphans().await? > orphans {
            return Err(not_right("rows would point to rows that are not there"));
        }
        let end = self.contents(&selections.after).await?;
        let merged = since(
            merged,
            rows::merged(self.txn).await.map_err(failed("counting"))?,
        );
        let tables = rows::compare(&before, &repaired, &end, &merged);
        match rows::wrong(&tables) {
            Some(reason) => Err(not_right(reason)),
            None => Ok(Outcome {
                alembic,
                fills: made.plan.fills,
                tables,
            }),
        }
    }

    async fn lock(&self) -> Result<(), AdoptError> {
        // Another run of the chain is waited for as long as it takes.
        lock_in_txn(self.txn).await.map_err(failed("the lock"))?;
        limit(self.txn, &self.adoption.run)
            .await
            .map_err(failed("the lock"))?;
        match lock_tables(self.txn, &self.plan.tables).await {
            // A table is gone.
            Err(error) if sqlstate(&error).as_deref() == Some("42P01") => Err(AdoptError::Changed),
            locked => locked.map_err(failed("the lock of the tables")),
        }
    }

    /// The backup describes itself, so that reading it back can't tell a wrong
    /// copy: the locked tables can, and whatever was written since they were copied.
    /// Returns what they hold.
    async fn compare_with(&self, backup: &Backup) -> Result<Contents, AdoptError> {
        (self.progress)(Progress::Comparing);
        let differs = |what: String| AdoptError::NotInBackup { what, backup: None };
        // Those with rows of their own, which a partitioned table has not.
        let mut tables = contents::table_names(self.txn).await.map_err(uncounted)?;
        tables.retain(|table| self.plan.tables.contains(table));
        let held = contents::of(self.txn, &tables).await.map_err(uncounted)?;
        for table in &held.tables {
            if backup.manifest.contents.table(&table.table) != Some(table) {
                return Err(differs(format!("the rows of `{}`", table.table)));
            }
        }
        let there = inspect_in_txn(self.txn, &Scope::Current).await?;
        let saved = &backup.manifest.structure;
        let of = |schema: &Schema, name: &str| {
            let mut tables = schema.tables.iter();
            tables.find(|table| table.name.name == name).cloned()
        };
        match tables
            .iter()
            .find(|name| of(&there, name) != of(saved, name))
        {
            Some(name) => Err(differs(format!("the definition of `{name}`"))),
            None => Ok(held),
        }
    }

    /// Runs the repairs, and returns what the tables held before and after them:
    /// the same, or it is an error. What is known to be held is not counted again.
    async fn mend(
        &self,
        made: &Made,
        held: Contents,
    ) -> Result<(Contents, Contents, Selections), AdoptError> {
        let Some(revision) = made.recognition.revision else {
            let none = Selections {
                before: Vec::new(),
                after: Vec::new(),
            };
            return Ok((Contents::default(), Contents::default(), none));
        };
        let schema = expected(made.observed.backend, revision)?;
        let selections = rows::selections(made, &schema);
        (self.progress)(Progress::Counting);
        let (mut before, unknown) = rows::known(held, &selections.before);
        before.add(self.contents(&unknown).await?);
        let repairs = &made.plan.repairs;
        if repairs.is_empty() {
            return Ok((before.clone(), before, selections));
        }
        (self.progress)(Progress::Repairing(repairs.len()));
        if let Some(path) = &made.search_path {
            let set = format!("SET LOCAL search_path = {path}");
            self.execute(&set, "the search path").await?;
        }
        for repair in repairs {
            self.execute(&repair.sql, &format!("`{}`", repair.sql))
                .await?;
        }
        let repaired = self.contents(&selections.after).await?;
        let changed = changed(&before, &repaired);
        if changed.is_empty() {
            return Ok((before, repaired, selections));
        }
        let reason = format!("the repair would change rows of {}", changed.join(", "));
        Err(not_right(reason))
    }

    /// Records what is there in both ledgers, as if the chain had run up to it.
    async fn record(&self, made: &Made) -> Result<(), AdoptError> {
        let doing = || failed("recording the revisions");
        Migrator::install(self.txn).await.map_err(doing())?;
        let backend = self.txn.get_database_backend();
        // SeaORM's clock: the revisions that it runs next are not to look older.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs()).cast_signed();
        let sql = r#"INSERT INTO "seaql_migrations" ("version", "applied_at") VALUES ($1, $2)"#;
        let at = made.recognition.revision.map(|revision| revision.name);
        let count = REVISIONS.iter().position(|one| Some(one.name) == at);
        let there = REVISIONS.iter().take(count.map_or(0, |count| count + 1));
        for revision in there.skip(applied(&made.observed.ledger)) {
            let values = [revision.name.into(), now.into()];
            let insert = Statement::from_sql_and_values(backend, sql, values);
            self.txn.execute_raw(insert).await.map_err(doing())?;
        }
        if let Some(alembic) = made.plan.alembic {
            let sql = format!(r#"INSERT INTO "{ALEMBIC}" ("version_num") VALUES ($1)"#);
            let insert = Statement::from_sql_and_values(backend, sql, [alembic.into()]);
            self.txn.execute_raw(insert).await.map_err(doing())?;
        }
        Ok(())
    }

    async fn set_aside_foreign(&self) -> Result<(), AdoptError> {
        for table in &self.plan.unrecorded {
            let property = Property::IgnoredTable(table);
            let set = properties::set_in_txn(self.txn, property, NOT_OURS).await;
            set.map_err(failed("recording the tables that are not outreach's"))?;
        }
        Ok(())
    }

    /// Holds the outcome against the newest revision and the ledgers against each
    /// other, and returns what Alembic's says.
    async fn audit(&self) -> Result<Option<String>, AdoptError> {
        let observed = Observed::read(self.txn).await?;
        let Some(head) = REVISIONS.last() else {
            return Ok(None);
        };
        let schema: Schema = expected(observed.backend, head)?;
        let mut findings = compare(&schema, &observed.live);
        findings.extend(self.ledger().await.map_err(AdoptError::read)?);
        let left: Vec<String> = findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info)
            .map(|finding| format!("{} {}", finding.code, without_schema(&finding.object)))
            .collect();
        if !left.is_empty() {
            let reason = format!("differences would be left: {}", left.join(", "));
            return Err(not_right(reason));
        }
        let alembic = read_alembic(self.txn).await.map_err(AdoptError::read)?;
        let wanted = newest_mirrored(REVISIONS.len() - 1).unwrap_or_default();
        match alembic.as_deref() {
            None => Ok(None),
            Some([one]) if one == wanted => Ok(Some(one.clone())),
            Some(rows) => Err(not_right(format!(
                "Alembic's ledger would hold [{}] and not `{wanted}`",
                rows.join(", ")
            ))),
        }
    }

    /// What is wrong with our ledger: pending revisions, another order, edited ones.
    async fn ledger(&self) -> Result<Vec<Finding>, DbErr> {
        let mut rows = history::read(self.txn).await?;
        let recorded = checksums::recorded(self.txn).await?;
        for row in rows.iter_mut().flatten() {
            row.checksum = recorded.get(&row.revision).cloned();
        }
        let backend = self.txn.get_database_backend();
        let chain: Vec<ChainRevision<'_>> = REVISIONS
            .iter()
            .map(|revision| ChainRevision {
                name: revision.name,
                checksum: snapshots::checksum(backend, revision.name),
            })
            .collect();
        Ok(history::check(&chain, rows.as_deref()))
    }

    /// The rows that point to nothing, which SQLite does not enforce while tables
    /// are built anew.
    async fn orphans(&self) -> Result<u64, AdoptError> {
        if self.txn.get_database_backend() != DbBackend::Sqlite {
            return Ok(0);
        }
        let sql = "SELECT count(*) FROM pragma_foreign_key_check";
        let count = number(self.txn, sql).await;
        count.map_err(failed("checking the foreign keys"))
    }

    async fn contents(&self, selections: &[contents::Selection]) -> Result<Contents, AdoptError> {
        let counted = contents::of_columns(self.txn, selections).await;
        counted.map_err(uncounted)
    }

    async fn execute(&self, sql: &str, doing: &str) -> Result<(), AdoptError> {
        let ran: Result<_, DbErr> = self.txn.execute_unprepared(sql).await;
        ran.map(drop).map_err(failed(doing))
    }
}

fn uncounted(error: ContentsError) -> AdoptError {
    match error {
        ContentsError::Rows { table, source } => {
            failed(format!("counting the rows of `{table}`"))(source)
        }
        ContentsError::Catalog { source } => failed("counting the rows")(source),
        other => not_right(other.to_string()),
    }
}

/// What the database said, where the words around it are not of use here.
fn said(error: RunError) -> DbErr {
    match error {
        RunError::Locked { source, .. }
        | RunError::TookTooLong { source, .. }
        | RunError::Busy(source) => source,
        error => error.into(),
    }
}

fn since(before: BTreeMap<String, u64>, mut now: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    for (table, count) in before {
        if let Some(now) = now.get_mut(&table) {
            *now = now.saturating_sub(count);
        }
    }
    now
}

fn not_right(reason: impl Into<String>) -> AdoptError {
    AdoptError::NotRight {
        reason: reason.into(),
        backup: None,
    }
}
