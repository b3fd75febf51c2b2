use outreach_service::{
    connect::{DatabaseOptions, connect},
    sql,
    transaction::{Transaction, TransactionError, safe_commit, with_transaction},
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::support::{pool, setting};

matrix_tests! {
    what_was_committed_is_kept,
    a_transaction_that_is_dropped_keeps_nothing,
    f23_a_commit_after_a_swallowed_error_is_an_error_and_keeps_nothing,
    f23_a_body_that_swallows_an_error_does_not_commit,
    f22_a_statement_after_a_failed_one_is_refused_and_says_why,
    f22_the_pool_is_usable_after_a_failed_transaction,
    a_commit_that_the_database_refuses_keeps_nothing,
    the_body_s_own_error_rolls_back,
    f25_a_caller_that_goes_away_in_the_middle_leaves_nothing_behind,
}

#[derive(Debug)]
enum Failure {
    Database,
    Transaction(TransactionError),
    Own,
}

impl From<DbErr> for Failure {
    fn from(_: DbErr) -> Self {
        Self::Database
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        Self::Transaction(error)
    }
}

async fn count(db: &TestDb) -> i64 {
    db.count("SELECT count(*) FROM settings").await.unwrap()
}

async fn what_was_committed_is_kept(db: TestDb) {
    let pool = pool(&db).await;
    let txn = Transaction::begin(&pool, "test").await.unwrap();
    txn.execute_unprepared(&setting(&txn, "a")).await.unwrap();
    assert_eq!(count(&db).await, 0, "visible before the commit");
    safe_commit(txn, "test").await.unwrap();
    assert_eq!(count(&db).await, 1);
}

async fn a_transaction_that_is_dropped_keeps_nothing(db: TestDb) {
    let pool = pool(&db).await;
    let txn = Transaction::begin(&pool, "test").await.unwrap();
    txn.execute_unprepared(&setting(&txn, "a")).await.unwrap();
    drop(txn);
    pool.execute_unprepared(&setting(&pool, "b")).await.unwrap();
    let keys = db.sql("SELECT key FROM settings").await.unwrap();
    assert_eq!(keys, [[Some("b".to_owned())]]);
}

async fn f23_a_commit_after_a_swallowed_error_is_an_error_and_keeps_nothing(db: TestDb) {
    let pool = pool(&db).await;
    let txn = Transaction::begin(&pool, "test").await.unwrap();
    txn.execute_unprepared(&setting(&txn, "a")).await.unwrap();
    let swallowed = txn.execute_unprepared(&setting(&txn, "a")).await;
    assert!(swallowed.is_err());
    let error = safe_commit(txn, "saving settings").await.unwrap_err();
    assert!(
        matches!(error, TransactionError::Aborted { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("saving settings"), "{error}");
    assert_eq!(count(&db).await, 0);
}

async fn f23_a_body_that_swallows_an_error_does_not_commit(db: TestDb) {
    let pool = pool(&db).await;
    let outcome: Result<(), Failure> = with_transaction(&pool, "test", |txn| {
        Box::pin(async move {
            txn.execute_unprepared(&setting(txn, "a")).await?;
            let _ = txn.execute_unprepared(&setting(txn, "a")).await;
            Ok(())
        })
    })
    .await;
    assert!(matches!(
        outcome,
        Err(Failure::Transaction(TransactionError::Aborted { .. }))
    ));
    assert_eq!(count(&db).await, 0);
}

async fn f22_a_statement_after_a_failed_one_is_refused_and_says_why(db: TestDb) {
    let pool = pool(&db).await;
    let txn = Transaction::begin(&pool, "saving settings").await.unwrap();
    txn.execute_unprepared("INSERT INTO no_such_table VALUES (1)")
        .await
        .unwrap_err();
    let second = txn
        .execute_unprepared(&setting(&txn, "a"))
        .await
        .unwrap_err()
        .to_string();
    assert!(second.contains("no_such_table"), "{second}");
    assert!(second.contains("saving settings"), "{second}");
    drop(txn);
    assert_eq!(count(&db).await, 0);
}

async fn f22_the_pool_is_usable_after_a_failed_transaction(db: TestDb) {
    let pool = pool(&db).await;
    for _ in 0..20 {
        let txn = Transaction::begin(&pool, "test").await.unwrap();
        txn.execute_unprepared("SELECT no_such_column")
            .await
            .unwrap_err();
        drop(txn);
    }
    pool.execute_unprepared(&setting(&pool, "a")).await.unwrap();
    assert_eq!(count(&db).await, 1);
}

async fn a_commit_that_the_database_refuses_keeps_nothing(db: TestDb) {
    let pool = pool(&db).await;
    let (defer, orphan) = if db.backend() == DbBackend::Sqlite {
        (
            "PRAGMA defer_foreign_keys = ON",
            "INSERT INTO email_logs (id, prospect_id) VALUES (zeroblob(16), zeroblob(16))",
        )
    } else {
        db.sql("ALTER TABLE email_logs ALTER CONSTRAINT email_logs_prospect_id_fkey DEFERRABLE")
            .await
            .unwrap();
        (
            "SET CONSTRAINTS ALL DEFERRED",
            "INSERT INTO email_logs (id, prospect_id) VALUES (gen_random_uuid(), gen_random_uuid())",
        )
    };
    let txn = Transaction::begin(&pool, "test").await.unwrap();
    txn.execute_unprepared(defer).await.unwrap();
    txn.execute_unprepared(orphan).await.unwrap();
    let error = safe_commit(txn, "test").await.unwrap_err();
    assert!(
        matches!(error, TransactionError::Refused { .. }),
        "{error:?}"
    );
    assert_eq!(
        db.count("SELECT count(*) FROM email_logs").await.unwrap(),
        0
    );
    pool.execute_unprepared(&setting(&pool, "a")).await.unwrap();
    assert_eq!(count(&db).await, 1);
}

async fn the_body_s_own_error_rolls_back(db: TestDb) {
    let pool = pool(&db).await;
    let outcome: Result<(), Failure> = with_transaction(&pool, "test", |txn| {
        Box::pin(async move {
            txn.execute_unprepared(&setting(txn, "a")).await?;
            Err(Failure::Own)
        })
    })
    .await;
    assert!(matches!(outcome, Err(Failure::Own)));
    assert_eq!(count(&db).await, 0);
}

async fn f25_a_caller_that_goes_away_in_the_middle_leaves_nothing_behind(db: TestDb) {
    let pool = pool(&db).await;
    let (wrote, has_written) = tokio::sync::oneshot::channel();
    let caller = tokio::spawn({
        let pool = pool.clone();
        async move {
            with_transaction(&pool, "test", |txn| {
                Box::pin(async move {
                    txn.execute_unprepared(&setting(txn, "a")).await?;
                    let _ = wrote.send(());
                    std::future::pending::<()>().await;
                    Ok::<_, Failure>(())
                })
            })
            .await
        }
    });
    has_written.await.unwrap();
    caller.abort();
    assert!(caller.await.is_err_and(|end| end.is_cancelled()));
    pool.execute_unprepared(&setting(&pool, "b")).await.unwrap();
    let keys = db.sql("SELECT key FROM settings").await.unwrap();
    assert_eq!(keys, [[Some("b".to_owned())]]);
}

/// SQLite is told that the disk ends where the file does.
#[tokio::test]
async fn a_full_disk_keeps_nothing_of_the_transaction_and_loses_nothing_before_it() {
    let db = TestDb::sqlite().await.unwrap();
    let options = DatabaseOptions::new(db.url()).unwrap().max_connections(1);
    let pool = connect(&options).await.unwrap();
    pool.execute_unprepared(&setting(&pool, "before"))
        .await
        .unwrap();
    pool.execute_unprepared("PRAGMA max_page_count = 1")
        .await
        .unwrap();
    let txn = Transaction::begin(&pool, "test").await.unwrap();
    let filled = loop {
        let fill = setting(&txn, &format!("filling {}", "x".repeat(2000)))
            .replace("filling", &format!("filling {}", uuid::Uuid::new_v4()));
        if let Err(error) = txn.execute_unprepared(&fill).await {
            break error;
        }
    };
    assert_eq!(sql::sqlstate(&filled).as_deref(), Some("13"), "{filled}");
    let error = safe_commit(txn, "test").await.unwrap_err();
    assert!(
        matches!(error, TransactionError::Aborted { .. }),
        "{error:?}"
    );
    let keys = db.sql("SELECT key FROM settings").await.unwrap();
    assert_eq!(keys, [[Some("before".to_owned())]]);
}
