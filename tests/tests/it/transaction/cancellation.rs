//! Callers that go away while a transaction begins.

use std::time::Duration;

use outreach_service::{
    connect::{DatabaseOptions, connect},
    transaction::Transaction,
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};

use crate::support::setting;

matrix_tests! {
    two_hundred_cancelled_begins_lose_no_later_write,
    two_hundred_cancelled_begins_of_sea_orm_s_own_lose_no_later_write,
}

async fn small_pool(db: &TestDb) -> DatabaseConnection {
    let options = DatabaseOptions::new(db.url()).unwrap().max_connections(4);
    connect(&options).await.unwrap()
}

/// Writes on the pool, each in a transaction of its own, and counts what
/// another connection sees.
async fn write_and_count(db: &TestDb, pool: &DatabaseConnection) {
    for number in 0..50 {
        let sql = setting(pool, &format!("after {number}"));
        pool.execute_unprepared(&sql).await.unwrap();
    }
    let kept = db.count("SELECT count(*) FROM settings").await.unwrap();
    assert_eq!(kept, 50);
}

/// Times that fall before, into and after a BEGIN.
fn moments() -> impl Iterator<Item = Duration> {
    (0..200).map(|step| Duration::from_micros(step * 5))
}

async fn two_hundred_cancelled_begins_lose_no_later_write(db: TestDb) {
    let pool = small_pool(&db).await;
    for moment in moments() {
        let begun = tokio::time::timeout(moment, Transaction::begin(&pool, "test")).await;
        drop(begun);
    }
    write_and_count(&db, &pool).await;
}

async fn two_hundred_cancelled_begins_of_sea_orm_s_own_lose_no_later_write(db: TestDb) {
    let pool = small_pool(&db).await;
    for moment in moments() {
        let begun = tokio::time::timeout(moment, pool.begin()).await;
        drop(begun);
    }
    write_and_count(&db, &pool).await;
}
