//! The checksums of applied revisions, kept in the database, so that a revision
//! that was edited after it was applied is noticed.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::sea_query::{Expr, ExprTrait, OnConflict, Query};

use crate::{ledger, snapshots};

const TABLE: &str = "revision_checksums";

/// The checksum of each revision as the build that applied it recorded it, by
/// the revision's name. Empty where the table is not there yet. Reads only.
pub async fn recorded<C: ConnectionTrait>(db: &C) -> Result<BTreeMap<String, String>, DbErr> {
    if !ledger::table_exists(db, TABLE).await? {
        return Ok(BTreeMap::new());
    }
    let rows = db
        .query_all_raw(Statement::from_string(
            db.get_database_backend(),
            r#"SELECT "version", "checksum" FROM "revision_checksums""#,
        ))
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "version")?, row.try_get("", "checksum")?)))
        .collect()
}

/// Whether there is a place for them.
pub(crate) async fn is_there<C: ConnectionTrait>(db: &C) -> Result<bool, DbErr> {
    ledger::table_exists(db, TABLE).await
}

/// Brings the records in line with the ledger: adds what is applied and not
/// recorded, removes what is no longer applied. A record that is there stays,
/// because it is what later builds are held against.
pub(crate) async fn keep<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    if !ledger::table_exists(db, TABLE).await? {
        return Ok(());
    }
    let applied = ledger::applied(db).await?;
    let forget = Query::delete()
        .from_table(TABLE)
        .cond_where(Expr::col("version").is_not_in(applied.iter().map(String::as_str)))
        .to_owned();
    db.execute(&forget).await?;
    let backend = db.get_database_backend();
    let mut insert = Query::insert();
    insert
        .into_table(TABLE)
        .columns(["version", "checksum"])
        .on_conflict(OnConflict::column("version").do_nothing().to_owned());
    let mut any = false;
    for version in &applied {
        if let Some(checksum) = snapshots::checksum(backend, version) {
            insert.values_panic([version.as_str().into(), checksum.into()]);
            any = true;
        }
    }
    if any {
        db.execute(&insert).await?;
    }
    Ok(())
}
