//! Questions about rows, for a plan.

use outreach_service::sql::is_connection_lost;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, TransactionTrait};

use super::AdoptError;
use crate::sql::row;

/// The number that a query answers with.
pub(super) async fn number(db: &impl ConnectionTrait, sql: &str) -> Result<u64, DbErr> {
    let number: i64 = row(db, sql, []).await?.try_get_by_index(0)?;
    Ok(number.unsigned_abs())
}

/// As [`number`], where that the database refuses the query is an answer too:
/// what it says. The transaction goes on.
pub(super) async fn try_number(
    txn: &DatabaseTransaction,
    sql: &str,
) -> Result<Result<u64, String>, AdoptError> {
    let inner = txn.begin().await.map_err(AdoptError::read)?;
    let answer = number(&inner, sql).await;
    inner.rollback().await.map_err(AdoptError::read)?;
    match answer {
        Ok(number) => Ok(Ok(number)),
        Err(error) if is_connection_lost(&error) => Err(AdoptError::Read(error)),
        Err(error) => Ok(Err(said(&error))),
    }
}

/// What the database says, without the driver's words around it.
fn said(error: &DbErr) -> String {
    let text = error.to_string();
    match text.rsplit_once("error returned from database: ") {
        Some((_, said)) => said.to_owned(),
        None => text,
    }
}
