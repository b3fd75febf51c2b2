//! Whether an application can start on the database: readiness, under a role
//! that has no right to change the schema.

use outreach_service::{
    connect::{self, ConnectError, check_schema},
    sql::sqlstate,
};
use sea_orm_migration::sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    TransactionTrait,
};

use super::{ChecklistLine, scratch::Copy};

const NAME: &str = "the application can start";

/// The line when the application can't be tried.
pub(super) fn not_run(reason: &str) -> ChecklistLine {
    ChecklistLine::not_checked(NAME, reason)
}

/// The line when there is nothing that the application could be tried on.
pub(super) fn cross(reason: &str) -> ChecklistLine {
    ChecklistLine::cross(NAME, reason)
}

/// On the database itself, without writing: what can be known where there is no
/// copy, for the reason that is given.
pub(super) async fn without_a_role(db: &DatabaseConnection, reason: &str) -> ChecklistLine {
    match read_only(db).await {
        Ok(ready) => told(ready, &format!("ready, read-only ({reason})")),
        Err(error) => ChecklistLine::not_checked(NAME, error.to_string()),
    }
}

/// On the scratch copy: roles are made, and refused, in a transaction of their
/// own there.
pub(super) async fn on_a_copy(copy: &Copy) -> ChecklistLine {
    let db = match connect::open(&copy.options).await {
        Ok(db) => db,
        Err(error) => return ChecklistLine::not_checked(NAME, error.to_string()),
    };
    let line = if db.get_database_backend() == DbBackend::Sqlite {
        told(check_schema(&db).await, "ready; SQLite has no roles")
    } else {
        match under_a_role(&db).await {
            Ok(ready) => told(
                ready,
                "ready, under a role that may read and write rows and was refused CREATE TABLE",
            ),
            Err(reason) => without_a_role(&db, &reason).await,
        }
    };
    match db.close().await {
        Ok(()) => line,
        Err(error) => ChecklistLine::not_checked(NAME, error.to_string()),
    }
}

fn told(ready: Result<(), ConnectError>, how: &str) -> ChecklistLine {
    match ready {
        Ok(()) => ChecklistLine::tick(NAME, how),
        Err(ConnectError::Ledger(source)) => ChecklistLine::cross(
            NAME,
            format!("the ledger `seaql_migrations` can't be read: {source}"),
        ),
        Err(error) => ChecklistLine::cross(NAME, error.to_string()),
    }
}

async fn read_only(db: &DatabaseConnection) -> Result<Result<(), ConnectError>, DbErr> {
    let txn = db
        .begin_with_config(None, Some(AccessMode::ReadOnly))
        .await?;
    let ready = check_schema(&txn).await;
    txn.rollback().await?;
    Ok(ready)
}

/// The role is made in a transaction of the copy that is rolled back, so that
/// nobody else ever sees it.
///
/// # Errors
///
/// Why it could not be tried so: the role of the connection may make no roles,
/// or the server takes no writes.
async fn under_a_role(db: &DatabaseConnection) -> Result<Result<(), ConnectError>, String> {
    let begun = db.begin().await;
    let txn = begun.map_err(|_| "no transaction could be begun".to_owned())?;
    let outcome = try_role(&txn).await;
    let rolled_back = txn.rollback().await;
    rolled_back
        .map_err(|_| "the transaction of a test role could not be rolled back".to_owned())?;
    outcome
}

async fn try_role(txn: &DatabaseTransaction) -> Result<Result<(), ConnectError>, String> {
    let may_not = |_| "the role may not create another to try it under".to_owned();
    let schema = current_schema(txn).await.map_err(may_not)?;
    let Some(schema) = schema else {
        // Readiness itself says which schema there is not.
        return Ok(check_schema(txn).await);
    };
    let role = format!("outreach_verify_{}", std::process::id());
    // Old servers let everybody create in `public`, which this role must not.
    let statements = [
        format!("CREATE ROLE {role} NOLOGIN"),
        format!("GRANT {role} TO CURRENT_USER"),
        format!("REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"),
        format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"),
        format!("SET LOCAL ROLE {role}"),
    ];
    // A lock that somebody holds on the catalog is not waited for.
    txn.execute_unprepared("SET LOCAL lock_timeout = '2s'")
        .await
        .map_err(may_not)?;
    for statement in statements {
        txn.execute_unprepared(&statement).await.map_err(may_not)?;
    }
    let savepoint = txn.begin().await.map_err(may_not)?;
    let ddl = savepoint
        .execute_unprepared(&format!(
            "CREATE TABLE {schema}.outreach_verify (id integer)"
        ))
        .await;
    savepoint.rollback().await.map_err(may_not)?;
    match ddl {
        Err(error) if sqlstate(&error).as_deref() == Some("42501") => Ok(check_schema(txn).await),
        _ => Err("a role without rights could still create a table".to_owned()),
    }
}

/// Quoted, as it goes into statements.
async fn current_schema(txn: &DatabaseTransaction) -> Result<Option<String>, DbErr> {
    let statement = sea_orm_migration::sea_orm::Statement::from_string(
        DbBackend::Postgres,
        "SELECT quote_ident(current_schema()) AS name",
    );
    match txn.query_one_raw(statement).await? {
        Some(row) => row.try_get("", "name"),
        None => Ok(None),
    }
}
