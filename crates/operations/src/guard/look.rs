//! Makes an inventory.

use std::collections::BTreeSet;

use outreach_migration::{ledger, properties};
use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{
    inspect::{Scope, inspect_in_txn},
    schema::{Dialect, Schema},
};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, IsolationLevel,
    TransactionTrait,
};

use super::{
    ForeignObject, GuardError, Inventory, OwnTable, Session,
    identity::{Identity, identify},
    postgres, sqlite,
};
use crate::{
    sql::{identifier, row, texts},
    sqlite as file,
};

/// Alembic's ledger: its rows are taken out, and the table stays.
pub(crate) const ALEMBIC: &str = "alembic_version";

/// What somebody may have made in a schema or a file, other than tables, types
/// and sequences.
const STANDALONE: [&str; 9] = [
    "view",
    "materialized view",
    "foreign table",
    "virtual table",
    "function",
    "procedure",
    "aggregate",
    "composite type",
    "range type",
];
/// What somebody may have put on a table.
const ON_TABLES: [&str; 3] = ["trigger", "rule", "policy"];

/// Looks at a database, or at the PostgreSQL schema that the options name, in a
/// read-only transaction of one moment. Counts every row of every table.
///
/// Who else has an SQLite file open is found by its locks, and on Linux by the
/// files that the processes of this user have open; a program of another user
/// that has no lock is not seen.
///
/// # Errors
///
/// [`GuardError`] says what could not be looked at.
pub async fn look(database: &DatabaseOptions) -> Result<Inventory, GuardError> {
    // Before this process has the file open itself.
    let users = match database.url().sqlite_path() {
        Some(path) if database.is_sqlite() => sqlite::users(path.as_ref()).await,
        _ => Vec::new(),
    };
    let db = connect::open(&file::reading(database)?).await?;
    let looked = in_a_transaction(&db, database).await;
    let closed = db.close().await;
    let mut inventory = looked?;
    closed.map_err(GuardError::database("closing the connection"))?;
    inventory.sessions.extend(users);
    Ok(inventory)
}

/// Who else is connected to a PostgreSQL database, without what they run.
///
/// # Errors
///
/// What the server says.
pub async fn sessions(db: &impl ConnectionTrait) -> Result<Vec<Session>, DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres => postgres::sessions(db).await,
        _ => Ok(Vec::new()),
    }
}

async fn in_a_transaction(
    db: &DatabaseConnection,
    database: &DatabaseOptions,
) -> Result<Inventory, GuardError> {
    let begun = if database.is_sqlite() {
        db.begin().await
    } else {
        let isolation = Some(IsolationLevel::RepeatableRead);
        db.begin_with_config(isolation, Some(AccessMode::ReadOnly))
            .await
    };
    let txn = begun.map_err(GuardError::database("the start of a transaction"))?;
    let mut inventory = look_in_txn(&txn, database).await?;
    let asked = sessions(&txn).await;
    inventory.sessions = asked.map_err(GuardError::database("asking who is connected"))?;
    txn.commit()
        .await
        .map_err(GuardError::database("the end of the transaction"))?;
    Ok(inventory)
}

/// As [`look`], in the caller's transaction, and without the sessions.
pub(crate) async fn look_in_txn(
    txn: &impl ConnectionTrait,
    database: &DatabaseOptions,
) -> Result<Inventory, GuardError> {
    let schema = inspect_in_txn(txn, &Scope::Current).await?;
    let asked = about_ledgers(txn).await;
    let (applied, alembic, marks) = asked.map_err(GuardError::database("reading the ledgers"))?;
    let ids = alembic.clone().unwrap_or_default();
    let identity = identify(&schema, txn.get_database_backend(), &applied, &ids)?;
    let mut inventory = of_schema(&schema, identity);
    inventory.alembic = alembic;
    inventory.protected = marks.protection().map(|why| why.to_string());
    inventory.environment = marks.environment;
    inventory.ignored_tables = marks.ignored_tables;
    match inventory.dialect {
        Dialect::Postgres => {
            postgres::complete(txn, &mut inventory).await?;
            inventory.schema_is_part_of_the_name =
                database.schema_name().is_some() || inventory.schema.as_deref() != Some("public");
        }
        Dialect::Sqlite => sqlite::complete(&schema, database, &mut inventory),
    }
    let counted = count(txn, &mut inventory).await;
    counted.map_err(GuardError::database("counting rows"))?;
    Ok(inventory)
}

type Ledgers = (Vec<String>, Option<Vec<String>>, properties::Properties);

async fn about_ledgers(db: &impl ConnectionTrait) -> Result<Ledgers, DbErr> {
    let applied = ledger::applied(db).await?;
    let alembic = if ledger::table_exists(db, ALEMBIC).await? {
        let sql = "SELECT version_num FROM alembic_version ORDER BY 1";
        Some(texts(db, sql, []).await?)
    } else {
        None
    };
    Ok((applied, alembic, properties::read(db).await?))
}

/// Sorts what is there into ours and not ours.
fn of_schema(schema: &Schema, identity: Identity) -> Inventory {
    let own: BTreeSet<&str> = identity.own.iter().map(String::as_str).collect();
    let mut foreign = Vec::new();
    let mut add = |kind: &str, name: String| {
        foreign.push(ForeignObject {
            kind: kind.to_owned(),
            name,
            rows: None,
        });
    };
    for table in &schema.tables {
        let name = &table.name.name;
        if !own.contains(name.as_str()) && name != ALEMBIC {
            add("table", name.clone());
        }
    }
    for one in &schema.enums {
        add("enum", one.name.to_string());
    }
    for domain in &schema.domains {
        add("domain", domain.name.to_string());
    }
    for sequence in &schema.sequences {
        let owner = sequence.owned_by.as_ref().map(|by| by.table.name.as_str());
        if owner.is_none() {
            add("sequence", sequence.name.to_string());
        }
    }
    let mut attached: Vec<ForeignObject> = identity
        .columns
        .iter()
        .map(|name| ForeignObject {
            kind: "column".to_owned(),
            name: name.clone(),
            rows: None,
        })
        .collect();
    for other in &schema.unmodelled {
        let kind = other.kind.as_str();
        let of_ours = other.table.as_deref().is_some_and(|t| own.contains(t));
        if of_ours && ON_TABLES.contains(&kind) {
            attached.push(ForeignObject {
                kind: kind.to_owned(),
                name: other.name.clone(),
                rows: None,
            });
        } else if !of_ours && STANDALONE.contains(&kind) {
            add(kind, other.name.clone());
        }
    }
    foreign.sort();
    let tables = identity.own.iter().map(|name| OwnTable {
        name: name.clone(),
        rows: 0,
        bytes: None,
    });
    Inventory {
        dialect: schema.dialect,
        database: String::new(),
        schema: None,
        schema_is_part_of_the_name: false,
        tables: tables.collect(),
        evidence: identity.evidence,
        revision: identity.revision,
        environment: None,
        protected: None,
        ignored_tables: Vec::new(),
        alembic: None,
        foreign,
        attached,
        dependents: Vec::new(),
        clashes: identity.clashes,
        not_owned: Vec::new(),
        extensions: Vec::new(),
        sessions: Vec::new(),
        read_only: None,
        bytes: 0,
    }
}

async fn count(db: &impl ConnectionTrait, inventory: &mut Inventory) -> Result<(), DbErr> {
    for table in &mut inventory.tables {
        table.rows = rows_of(db, inventory.schema.as_deref(), &table.name).await?;
    }
    for object in &mut inventory.foreign {
        if object.kind == "table" {
            object.rows = Some(rows_of(db, inventory.schema.as_deref(), &object.name).await?);
        }
    }
    Ok(())
}

async fn rows_of(
    db: &impl ConnectionTrait,
    schema: Option<&str>,
    table: &str,
) -> Result<u64, DbErr> {
    let from = match schema {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(table)),
        None => identifier(table),
    };
    let row = row(db, &format!("SELECT count(*) FROM {from}"), []).await?;
    Ok(row.try_get_by_index::<i64>(0)?.unsigned_abs())
}
