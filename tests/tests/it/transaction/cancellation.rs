//! Callers that go away while a transaction begins. After each, a write on the
//! pool: the next BEGIN that goes well would mend the connection.

use std::{future::Future, task::Poll};

use outreach_service::{
    connect::{DatabaseOptions, connect},
    transaction::{Transaction, TransactionError, safe_commit},
};
use outreach_tests::{Fault, Proxy, TestDb, matrix_tests};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};

use crate::support::setting;

matrix_tests! {
    a_savepoint_that_is_cut_off_takes_its_transaction_with_it,
    begins_that_are_cancelled_at_any_await_lose_no_later_write,
    begins_of_sea_orm_that_are_cancelled_at_any_await_lose_no_later_write,
}

const ATTEMPTS: u64 = 200;

async fn small_pool(url: &str) -> DatabaseConnection {
    let options = DatabaseOptions::new(url).unwrap().max_connections(2);
    connect(&options).await.unwrap()
}

async fn write(pool: &DatabaseConnection, attempt: u64) {
    let sql = setting(pool, &format!("after {attempt}"));
    pool.execute_unprepared(&sql).await.unwrap();
}

async fn assert_all_kept(db: &TestDb) {
    let kept = db.count("SELECT count(*) FROM settings").await.unwrap();
    assert_eq!(kept, i64::try_from(ATTEMPTS).unwrap());
}

/// Drops `begin` after it has been polled so many times. A timeout would be too
/// coarse to hit the places where it waits.
async fn cancel_after<T>(polls: u64, begin: impl Future<Output = T>) {
    let mut begin = std::pin::pin!(begin);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 || begin.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

async fn begins_that_are_cancelled_at_any_await_lose_no_later_write(db: TestDb) {
    let pool = small_pool(db.url()).await;
    for attempt in 0..ATTEMPTS {
        cancel_after(attempt % 20, Transaction::begin(&pool, "test")).await;
        write(&pool, attempt).await;
    }
    assert_all_kept(&db).await;
}

async fn begins_of_sea_orm_that_are_cancelled_at_any_await_lose_no_later_write(db: TestDb) {
    let pool = small_pool(db.url()).await;
    for attempt in 0..ATTEMPTS {
        cancel_after(attempt % 20, pool.begin()).await;
        write(&pool, attempt).await;
    }
    assert_all_kept(&db).await;
}

/// Cancels exactly while BEGIN is on its way to the server.
async fn cancel_with_begin_on_its_way<T, F>(begin: impl Fn(DatabaseConnection) -> F)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let db = TestDb::postgres().await.unwrap();
    let proxy = Proxy::start(db.url()).await.unwrap();
    let pool = small_pool(&proxy.url(db.url()).unwrap()).await;
    for attempt in 0..ATTEMPTS {
        proxy.set_fault(Fault::StallBegin);
        let caller = tokio::spawn(begin(pool.clone()));
        proxy.wait_for_faults(attempt + 1).await.unwrap();
        caller.abort();
        assert!(caller.await.is_err_and(|end| end.is_cancelled()));
        proxy.set_fault(Fault::None);
        write(&pool, attempt).await;
    }
    assert_all_kept(&db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_begins_cancelled_on_their_way_lose_no_later_write() {
    cancel_with_begin_on_its_way(|pool| async move { Transaction::begin(&pool, "test").await })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_begins_of_sea_orm_cancelled_on_their_way_lose_no_later_write() {
    cancel_with_begin_on_its_way(|pool| async move { pool.begin().await }).await;
}

/// The driver may have rolled back the whole transaction, and what is written
/// later would be committed by itself.
async fn a_savepoint_that_is_cut_off_takes_its_transaction_with_it(db: TestDb) {
    let pool = small_pool(db.url()).await;
    for polls in 0..6 {
        let mut txn = Transaction::begin(&pool, "test").await.unwrap();
        txn.execute_unprepared(&setting(&txn, "before"))
            .await
            .unwrap();
        let cut = txn.savepoint(|inner| {
            Box::pin(async move {
                let _ = inner.execute_unprepared(&setting(inner, "inside")).await;
                // Wakes itself, so that it is polled on until it is cut off.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                Ok::<(), TransactionError>(())
            })
        });
        cancel_after(polls, cut).await;
        let written = txn.execute_unprepared(&setting(&txn, "after")).await;
        let committed = safe_commit(txn, "test").await;
        if polls == 0 {
            // Nothing was begun, so nothing was cut off.
            committed.unwrap();
            db.sql("DELETE FROM settings").await.unwrap();
            continue;
        }
        assert!(
            written.is_err() && committed.is_err(),
            "after {polls} polls"
        );
        assert_eq!(db.count("SELECT count(*) FROM settings").await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_pooled_connection_that_is_in_order_is_used_again() {
    let db = TestDb::postgres().await.unwrap();
    let options = DatabaseOptions::new(db.url()).unwrap().max_connections(1);
    let pool = connect(&options).await.unwrap();
    let mut backends = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let row = pool
            .query_one_raw(Statement::from_string(
                DbBackend::Postgres,
                "SELECT pg_backend_pid() AS pid",
            ))
            .await
            .unwrap()
            .unwrap();
        backends.insert(row.try_get::<i32>("", "pid").unwrap());
    }
    assert_eq!(backends.len(), 1, "the pool connects anew each time");
}

#[tokio::test]
async fn a_pooled_connection_that_is_inside_a_transaction_is_not_handed_out() {
    let db = TestDb::postgres().await.unwrap();
    let options = DatabaseOptions::new(db.url()).unwrap().max_connections(1);
    let pool = connect(&options).await.unwrap();
    pool.execute_unprepared("BEGIN").await.unwrap();
    pool.execute_unprepared(&setting(&pool, "a")).await.unwrap();
    assert_eq!(db.count("SELECT count(*) FROM settings").await.unwrap(), 1);
}
