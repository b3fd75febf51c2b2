//! Transactions that fail as a whole or not at all.
//!
//! Three shapes, told apart by their signature:
//!
//! | shape | takes | named |
//! | --- | --- | --- |
//! | read | `db: &impl ConnectionTrait` | `find_…`, `list_…` |
//! | step inside somebody's transaction | `txn: &mut Transaction<'_>` | `…_in_txn` |
//! | command that owns its transaction | `db: &impl TransactionSource` | `enqueue_job` |
//!
//! Commands go through [`with_transaction`] or its twin that tries again,
//! [`with_retrying_transaction`]. No transaction is open during a network call.
//!
//! The handle closes four holes of what lies beneath it. PostgreSQL answers
//! COMMIT of an aborted transaction with success: [`safe_commit`] asks first.
//! SQLite keeps the half that worked when a statement fails: the handle
//! remembers the failure, and both databases refuse. A caller that is cancelled
//! while a transaction begins could leave a pooled connection inside it: it
//! begins in a task of its own. And a savepoint borrows its transaction, so
//! that committing the outer one first does not compile.

mod commit;
mod error;
mod flush;
mod handle;
mod outcome;
mod run;
mod source;

pub use commit::safe_commit;
pub use error::{FlushError, TransactionError};
pub use flush::{PendingWrite, SafeFlushError, safe_flush};
pub use handle::Transaction;
pub use outcome::{Outcome, TransactionId, settle_unknown_outcome, transaction_outcome};
pub use run::{BoxFuture, RetryPolicy, with_retrying_transaction, with_transaction};
pub use source::TransactionSource;
