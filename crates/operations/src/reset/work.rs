//! What happens inside of the transaction.

use std::time::Duration;

use outreach_migration::{
    LEDGERS, REVISIONS, lock_in_txn,
    run::{self, RunOptions, Target},
};
use outreach_service::connect::DatabaseOptions;
use schema_audit::{
    compare::{Severity, compare},
    inspect::{Scope, inspect_in_txn},
    schema::Schema,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};

use super::{Cause, Progress, ResetOptions, Step, keep::Kept, schema};
use crate::{
    backup::Backup,
    contents,
    expected::expected,
    guard::{Clearance, look_in_txn},
    sql::{identifier, milliseconds},
};

const ALEMBIC: &str = "alembic_version";

pub(super) struct Work<'a> {
    pub(super) database: &'a DatabaseOptions,
    pub(super) clearance: &'a Clearance,
    pub(super) backup: &'a Backup,
    pub(super) options: &'a ResetOptions,
    pub(super) progress: Progress<'a>,
}

impl Work<'_> {
    /// Does it, and returns the revision that the database is at then.
    pub(super) async fn run(&self, txn: &DatabaseTransaction) -> Result<&'static str, Cause> {
        (self.progress)(Step::Locking);
        self.lock(txn)
            .await
            .map_err(Cause::database("locking the tables"))?;
        (self.progress)(Step::Comparing);
        self.refuse_changes(txn).await?;
        let kept = Kept::read(txn, self.clearance).await?;
        (self.progress)(Step::Dropping {
            tables: self.clearance.inventory().tables.len(),
        });
        if self.clearance.drop_schema {
            schema::drop_whole(txn, self.clearance.inventory()).await?;
        } else {
            self.drop_tables(txn)
                .await
                .map_err(Cause::database("dropping the tables"))?;
        }
        (self.progress)(Step::Migrating);
        self.migrate(txn).await?;
        kept.put_back(txn)
            .await
            .map_err(Cause::database("putting marks and privileges back"))?;
        (self.progress)(Step::Auditing);
        self.audit(txn).await
    }

    /// With the limits of the reset, not those of the process's environment. The
    /// environment that the database is marked with is put back afterwards.
    async fn migrate(&self, txn: &DatabaseTransaction) -> Result<(), Cause> {
        let options = RunOptions::default()
            .lock_timeout(self.options.lock_timeout)
            .statement_timeout(self.options.statement_timeout);
        match run::up(txn, Target::End, &options).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Cause::database("running the chain")(error.into())),
        }
    }

    /// Against everybody, so that what is compared with the backup is what is
    /// dropped. On SQLite the transaction is the one writer already.
    async fn lock(&self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        if txn.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        // Another run of the chain is waited for as long as it takes.
        lock_in_txn(txn).await?;
        for (name, limit) in [
            ("lock_timeout", self.options.lock_timeout),
            ("statement_timeout", self.options.statement_timeout),
            ("idle_in_transaction_session_timeout", Duration::ZERO),
        ] {
            let sql = format!("SET LOCAL {name} = {}", milliseconds(limit));
            txn.execute_unprepared(&sql).await?;
        }
        let sql = format!(
            "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
            self.tables().join(", ")
        );
        txn.execute_unprepared(&sql).await.map(drop)
    }

    /// Our tables and Alembic's ledger, whose rows go.
    fn names(&self) -> Vec<String> {
        let inventory = self.clearance.inventory();
        let mut names = inventory.table_names();
        if self.clearance.drop_schema {
            let tables = inventory.foreign.iter().filter(|one| one.kind == "table");
            names.extend(tables.map(|one| one.name.clone()));
        }
        if inventory.alembic.is_some() {
            names.push(ALEMBIC.to_owned());
        }
        names
    }

    fn tables(&self) -> Vec<String> {
        let names = self.names();
        names.iter().map(|name| self.qualified(name)).collect()
    }

    fn qualified(&self, table: &str) -> String {
        match &self.clearance.inventory().schema {
            Some(schema) => format!("{}.{}", identifier(schema), identifier(table)),
            None => format!("main.{}", identifier(table)),
        }
    }

    /// Nothing is dropped that was not listed, or that the backup does not hold.
    async fn refuse_changes(&self, txn: &DatabaseTransaction) -> Result<(), Cause> {
        let now = look_in_txn(txn, self.database).await?;
        if !now.has_the_same_objects(self.clearance.inventory()) {
            return Err(Cause::changed("tables, marks or other objects"));
        }
        let names = self.names();
        let held = contents::of(txn, &names).await?;
        for table in &held.tables {
            if self.backup.manifest.contents.table(&table.table) != Some(table) {
                return Err(Cause::changed(format!("the table `{}`", table.table)));
            }
        }
        let there = inspect_in_txn(txn, &Scope::Current).await?;
        let of = |schema: &Schema| {
            let tables = schema.tables.iter();
            let tables = tables.filter(|table| names.contains(&table.name.name));
            tables.cloned().collect::<Vec<_>>()
        };
        if of(&there) != of(&self.backup.manifest.structure) {
            return Err(Cause::changed("the definition of a table"));
        }
        Ok(())
    }

    /// One statement without CASCADE: what is not ours is not dropped. Alembic's
    /// ledger stays, empty, and is kept true by the chain.
    async fn drop_tables(&self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        let inventory = self.clearance.inventory();
        let tables = inventory.tables.iter();
        let tables: Vec<String> = tables.map(|table| self.qualified(&table.name)).collect();
        let statements = match txn.get_database_backend() {
            DbBackend::Postgres => vec![format!("DROP TABLE {}", tables.join(", "))],
            _ => tables.iter().map(|t| format!("DROP TABLE {t}")).collect(),
        };
        for statement in statements {
            txn.execute_unprepared(&statement).await?;
        }
        if inventory.alembic.is_some() {
            let sql = format!("DELETE FROM {}", self.qualified(ALEMBIC));
            txn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    /// Outreach's tables against those of the newest revision.
    async fn audit(&self, txn: &DatabaseTransaction) -> Result<&'static str, Cause> {
        let Some(newest) = REVISIONS.last() else {
            return Err(Cause::Audit {
                findings: vec!["the chain has no revision".to_owned()],
            });
        };
        let wanted = expected(txn.get_database_backend(), newest)?;
        let mut there = inspect_in_txn(txn, &Scope::Current).await?;
        let ours = |name: &str| {
            wanted.tables.iter().any(|table| table.name.name == name) && !LEDGERS.contains(&name)
        };
        there.tables.retain(|table| ours(&table.name.name));
        there.enums.clear();
        there.domains.clear();
        there.sequences.retain(|sequence| {
            let owner = sequence.owned_by.as_ref();
            owner.is_some_and(|owner| ours(&owner.table.name))
        });
        let findings = compare(&wanted, &there);
        let findings = findings.iter().filter(|one| one.severity != Severity::Info);
        let findings: Vec<String> = findings
            .map(|finding| format!("{} {}", finding.code, finding.object))
            .collect();
        if findings.is_empty() {
            Ok(newest.name)
        } else {
            Err(Cause::Audit { findings })
        }
    }
}
