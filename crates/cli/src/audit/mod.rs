//! The audit of an outreach database: its schema against the migrations and the
//! entities, its ledgers against the chain, and, if asked for, its rows.
//!
//! Only reads, in one transaction, so that all of it is of one moment.

mod entities;
mod expected;
mod history;
mod items;
mod report;

use outreach_migration::{Revision, properties};
use outreach_operations::adopt::set_aside;
use outreach_service::data_checks::{DataFinding, check_data};
use schema_audit::{
    attribution::attribute,
    compare::{Finding, Side, compare},
    inspect::{Scope, inspect_in_txn},
    repair::{Dependent, Destructive, Options, Plan, dependents, repair},
    schema::{Schema, Table},
};
use sea_orm_migration::sea_orm::{
    AccessMode, DatabaseConnection, DbBackend, IsolationLevel, TransactionOptions, TransactionTrait,
};

pub(crate) use self::{
    expected::{expected, parse_revision},
    history::{Ledgers, alembic_versions},
    report::{next_steps, report, sections},
};
use crate::exit::Error;

/// What to look at.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The revision that the schema is held against; `None` is the newest one,
    /// with the ledgers and the entities.
    pub(crate) revision: Option<&'static Revision>,
    /// Whether rows are looked at too.
    pub(crate) data: bool,
    /// Tables of the application's own, beside those that the database names.
    pub(crate) ignored: Vec<String>,
    /// Whether a repair will be planned.
    pub(crate) repair: bool,
    /// The schema, if it is not the first of the search path (PostgreSQL).
    pub(crate) schema: Option<String>,
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Examination {
    /// The revision that the schema was held against.
    pub(crate) revision: &'static Revision,
    /// What it leaves.
    pub(crate) expected: Schema,
    /// What is there, without ledgers and ignored tables.
    pub(crate) live: Schema,
    /// The ledgers and the ignored tables.
    own: Vec<Table>,
    /// Names that were to be ignored and are those of no table.
    pub(crate) not_ignored: Vec<String>,
    /// What stands in the way of changes; empty if no repair is planned.
    dependents: Vec<Dependent>,
    /// How they differ. With the newest revision each difference has the side
    /// that it is blamed on.
    pub(crate) findings: Vec<Finding>,
    /// The ledgers; `None` when an older revision was asked for.
    pub(crate) ledgers: Option<Ledgers>,
    /// What is wrong in the rows; `None` if they were not looked at.
    pub(crate) data: Option<Vec<DataFinding>>,
}

/// Looks at the database. Writes nothing; on PostgreSQL the transaction is
/// read-only and repeatable.
pub(crate) async fn examine(
    db: &DatabaseConnection,
    request: &Request,
) -> Result<Examination, Error> {
    let backend = db.get_database_backend();
    let revision = match request.revision {
        Some(revision) => revision,
        None => outreach_migration::REVISIONS
            .last()
            .ok_or_else(|| Error::failed_because("the chain has no revision"))?,
    };
    let expected = expected(backend, revision)?;
    let txn = db
        .begin_with_options(reading(backend))
        .await
        .map_err(Error::failed)?;
    let scope = request.schema.clone().map_or(Scope::Current, Scope::Named);
    let mut live = inspect_in_txn(&txn, &scope).await.map_err(Error::failed)?;
    let mut ignored = request.ignored.clone();
    let recorded = properties::read(&txn).await.map_err(Error::failed)?;
    ignored.extend(recorded.ignored_tables);
    let own = set_aside(&mut live, &ignored);
    let dependents = if request.repair && backend == DbBackend::Postgres {
        dependents(&txn, live.name.as_deref())
            .await
            .map_err(Error::failed)?
    } else {
        Vec::new()
    };
    let ledgers = match request.revision {
        None => Some(Ledgers::read(&txn).await.map_err(Error::failed)?),
        Some(_) => None,
    };
    let data = if request.data {
        Some(check_data(&txn).await.map_err(Error::failed)?)
    } else {
        None
    };
    txn.rollback().await.map_err(Error::failed)?;
    let findings = match request.revision {
        None => attribute(&expected, &entities::schema(backend)?, &live),
        Some(_) => compare(&expected, &live),
    };
    let is_there = |name: &String| own.iter().any(|table| table.name.name == *name);
    let not_ignored = request.ignored.iter().filter(|name| !is_there(name));
    Ok(Examination {
        not_ignored: not_ignored.cloned().collect(),
        revision,
        expected,
        live,
        own,
        dependents,
        findings,
        ledgers,
        data,
    })
}

fn reading(backend: DbBackend) -> TransactionOptions {
    match backend {
        DbBackend::Postgres => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..Default::default()
        },
        _ => TransactionOptions::default(),
    }
}

impl Examination {
    /// The findings that SQL on the database mends: not those of the entities,
    /// which are generated anew, nor those of the migrations, which get a
    /// revision.
    pub(crate) fn of_database(&self) -> Vec<Finding> {
        let mends =
            |finding: &&Finding| !matches!(finding.side, Some(Side::Entities | Side::Migrations));
        self.findings.iter().filter(mends).cloned().collect()
    }

    /// How the database becomes what the revision leaves.
    pub(crate) fn repair(&self, destructive: Destructive) -> Plan {
        let options = Options {
            destructive,
            dependents: self.dependents.clone(),
            ..Options::default()
        };
        repair(&self.expected, &self.live, &self.of_database(), &options)
    }

    /// What a repaired database has in all: what the revision leaves, and what is
    /// not outreach's as it is.
    pub(crate) fn repaired(&self) -> Schema {
        let mut schema = self.expected.clone();
        schema.tables.extend(self.own.iter().cloned());
        schema.sort();
        schema
    }
}
