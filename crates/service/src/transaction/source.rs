use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use super::{Transaction, TransactionError};

/// Where transactions begin: a pool, or the schema of a
/// [`Tenant`](crate::connect::Tenant) in one.
///
/// Commands take any of them. As [`ConnectionTrait`] it runs single statements,
/// each a transaction of its own.
#[async_trait]
pub trait TransactionSource: ConnectionTrait {
    /// Begins a transaction; `context` says what it is for, in errors and logs.
    async fn begin_transaction(
        &self,
        context: &'static str,
    ) -> Result<Transaction<'static>, TransactionError>;
}

#[async_trait]
impl TransactionSource for DatabaseConnection {
    async fn begin_transaction(
        &self,
        context: &'static str,
    ) -> Result<Transaction<'static>, TransactionError> {
        Transaction::begin(self, context).await
    }
}
