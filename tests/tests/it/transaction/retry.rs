use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use outreach_service::transaction::{
    RetryPolicy, Transaction, TransactionError, with_retrying_transaction,
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::support::{pool, setting};

matrix_tests! {
    f22_increments_that_collide_are_tried_again_and_none_is_lost,
    an_error_that_would_come_again_is_not_tried_again,
}

#[derive(Debug)]
enum Failure {
    Database,
    Transaction,
}

impl From<DbErr> for Failure {
    fn from(_: DbErr) -> Self {
        Self::Database
    }
}

impl From<TransactionError> for Failure {
    fn from(_: TransactionError) -> Self {
        Self::Transaction
    }
}

/// Reads, adds in the program, writes: loses increments unless the transactions
/// are serializable, and then fails until it is tried again.
async fn increment(txn: &mut Transaction<'_>) -> Result<(), Failure> {
    if txn.get_database_backend() == DbBackend::Postgres {
        txn.execute_unprepared("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            .await?;
    }
    let read = Statement::from_string(
        txn.get_database_backend(),
        "SELECT CAST(value AS text) AS value FROM settings WHERE key = 'counter'",
    );
    let row = txn.query_one_raw(read).await?.ok_or(Failure::Database)?;
    let value: String = row.try_get("", "value")?;
    let next = value.parse::<u32>().map_err(|_| Failure::Database)? + 1;
    txn.execute_unprepared(&format!(
        "UPDATE settings SET value = '{next}' WHERE key = 'counter'"
    ))
    .await?;
    Ok(())
}

async fn f22_increments_that_collide_are_tried_again_and_none_is_lost(db: TestDb) {
    let pool = pool(&db).await;
    pool.execute_unprepared(&setting(&pool, "counter"))
        .await
        .unwrap();
    pool.execute_unprepared("UPDATE settings SET value = '0'")
        .await
        .unwrap();
    let policy = RetryPolicy {
        max_attempts: 200,
        first_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(20),
    };
    let runs = std::sync::Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (pool, runs) = (pool.clone(), runs.clone());
            tokio::spawn(async move {
                for _ in 0..25 {
                    with_retrying_transaction(&pool, "increment", policy, |txn| {
                        runs.fetch_add(1, Ordering::Relaxed);
                        Box::pin(increment(txn))
                    })
                    .await
                    .unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let value = db.value("SELECT value FROM settings").await.unwrap();
    assert_eq!(value.as_deref(), Some("200"));
    if db.backend() == DbBackend::Postgres {
        let runs = runs.load(Ordering::Relaxed);
        assert!(runs > 200, "nothing collided, so nothing was shown");
    }
}

async fn an_error_that_would_come_again_is_not_tried_again(db: TestDb) {
    let pool = pool(&db).await;
    let runs = AtomicU32::new(0);
    let outcome: Result<(), Failure> =
        with_retrying_transaction(&pool, "test", RetryPolicy::default(), |txn| {
            runs.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                txn.execute_unprepared("SELECT no_such_column").await?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(outcome, Err(Failure::Database)));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

/// Two transactions that lock two rows crosswise, each inside a savepoint.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f22_a_deadlock_inside_a_savepoint_is_tried_again() {
    let db = TestDb::postgres().await.unwrap();
    let pool = pool(&db).await;
    for key in ["one", "two"] {
        pool.execute_unprepared(&setting(&pool, key)).await.unwrap();
    }
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let runs = std::sync::Arc::new(AtomicU32::new(0));
    let tasks = [("one", "two"), ("two", "one")].map(|(first, second)| {
        let (pool, barrier, runs) = (pool.clone(), barrier.clone(), runs.clone());
        tokio::spawn(async move {
            with_retrying_transaction(&pool, "cross", RetryPolicy::default(), |txn| {
                let (barrier, run) = (barrier.clone(), runs.fetch_add(1, Ordering::SeqCst));
                Box::pin(async move {
                    let touch =
                        |key| format!("UPDATE settings SET value = '1' WHERE key = '{key}'");
                    txn.execute_unprepared(&touch(first)).await?;
                    if run < 2 {
                        barrier.wait().await;
                    }
                    txn.savepoint(|inner| {
                        Box::pin(async move {
                            inner.execute_unprepared(&touch(second)).await?;
                            Ok::<_, Failure>(())
                        })
                    })
                    .await
                })
            })
            .await
        })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(
        runs.load(Ordering::SeqCst),
        3,
        "one of them was tried again"
    );
}
