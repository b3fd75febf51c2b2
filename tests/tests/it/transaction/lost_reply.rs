//! The connection dies while COMMIT is under way. PostgreSQL only: SQLite has
//! no connection to lose.

use outreach_service::{
    connect::{DatabaseOptions, connect},
    transaction::{
        Outcome, Transaction, TransactionError, TransactionId, safe_commit, transaction_outcome,
    },
};
use outreach_tests::{Fault, Proxy, TestDb};
use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::support::{pool, setting};

async fn commit_through(fault: Fault) -> (TestDb, TransactionId) {
    let db = TestDb::postgres().await.unwrap();
    let proxy = Proxy::start(db.url()).await.unwrap();
    let options = DatabaseOptions::new(&proxy.url(db.url()).unwrap())
        .unwrap()
        .max_connections(1);
    let behind_proxy: DatabaseConnection = connect(&options).await.unwrap();
    let txn = Transaction::begin(&behind_proxy, "test").await.unwrap();
    txn.execute_unprepared(&setting(&txn, "a")).await.unwrap();
    proxy.set_fault(fault);
    let error = safe_commit(txn, "test").await.unwrap_err();
    proxy.wait_for_faults(1).await.unwrap();
    let TransactionError::OutcomeUnknown {
        transaction_id: Some(id),
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    (db, id)
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_unknown_and_turns_out_to_have_happened() {
    let (db, id) = commit_through(Fault::SwallowCommitReply).await;
    let outcome = transaction_outcome(&pool(&db).await, id).await.unwrap();
    assert_eq!(outcome, Outcome::Committed);
    assert_eq!(db.count("SELECT count(*) FROM settings").await.unwrap(), 1);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_unknown_and_turns_out_not_to_have_happened() {
    let (db, id) = commit_through(Fault::DropBeforeCommit).await;
    let outcome = transaction_outcome(&pool(&db).await, id).await.unwrap();
    assert_eq!(outcome, Outcome::RolledBack);
    assert_eq!(db.count("SELECT count(*) FROM settings").await.unwrap(), 0);
}

#[tokio::test]
async fn an_unknown_outcome_is_not_tried_again() {
    use outreach_service::transaction::{RetryPolicy, with_retrying_transaction};
    use std::sync::atomic::{AtomicU32, Ordering};

    let db = TestDb::postgres().await.unwrap();
    let proxy = Proxy::start(db.url()).await.unwrap();
    let options = DatabaseOptions::new(&proxy.url(db.url()).unwrap()).unwrap();
    let behind_proxy = connect(&options).await.unwrap();
    let runs = AtomicU32::new(0);
    proxy.set_fault(Fault::SwallowCommitReply);
    let outcome: Result<(), TransactionError> =
        with_retrying_transaction(&behind_proxy, "test", RetryPolicy::default(), |txn| {
            runs.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                let sql = setting(txn, "a");
                txn.execute_unprepared(&sql).await.unwrap();
                Ok(())
            })
        })
        .await;
    assert!(matches!(
        outcome,
        Err(TransactionError::OutcomeUnknown { .. })
    ));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(db.count("SELECT count(*) FROM settings").await.unwrap(), 1);
}
