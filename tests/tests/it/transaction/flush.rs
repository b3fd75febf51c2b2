use outreach_entity::settings;
use outreach_service::transaction::{
    PendingWrite, SafeFlushError, Transaction, TransactionError, safe_commit, safe_flush,
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait};

use crate::support::{pool, setting, uuid};

matrix_tests! {
    f22_one_bad_row_among_five_leaves_the_transaction_usable,
    a_flush_that_succeeds_counts_its_rows,
    a_flush_in_a_failed_transaction_is_refused,
    a_savepoint_whose_failure_is_swallowed_keeps_nothing_of_it,
    savepoints_nest,
}

fn write(number: u64, key: &str) -> PendingWrite {
    let row = settings::ActiveModel {
        id: Set(uuid(number)),
        key: Set(key.to_owned()),
        ..Default::default()
    };
    PendingWrite::query(format!("setting {key}"), settings::Entity::insert(row))
}

async fn keys(db: &TestDb) -> Vec<String> {
    let rows = db
        .sql("SELECT key FROM settings ORDER BY key")
        .await
        .unwrap();
    rows.into_iter()
        .map(|row| row[0].clone().unwrap())
        .collect()
}

async fn f22_one_bad_row_among_five_leaves_the_transaction_usable(db: TestDb) {
    let pool = pool(&db).await;
    let mut txn = Transaction::begin(&pool, "test").await.unwrap();
    txn.execute_unprepared(&setting(&txn, "before"))
        .await
        .unwrap();
    let writes = [
        write(11, "a"),
        write(12, "b"),
        write(13, "before"),
        write(14, "c"),
        write(15, "d"),
    ];
    let error = safe_flush(&mut txn, "saving five", writes)
        .await
        .unwrap_err();
    let SafeFlushError::Write(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!((error.index, error.write.as_str()), (2, "setting before"));
    let (code, constraint) = match db.backend() {
        DbBackend::Sqlite => ("2067", "settings.key"),
        _ => ("23505", "uq_settings_key"),
    };
    assert_eq!(error.sqlstate.as_deref(), Some(code));
    assert_eq!(error.constraint.as_deref(), Some(constraint));
    assert!(error.to_string().contains("setting before"), "{error}");
    txn.execute_unprepared(&setting(&txn, "after"))
        .await
        .unwrap();
    safe_commit(txn, "test").await.unwrap();
    assert_eq!(keys(&db).await, ["after", "before"]);
}

async fn a_flush_that_succeeds_counts_its_rows(db: TestDb) {
    let pool = pool(&db).await;
    let mut txn = Transaction::begin(&pool, "test").await.unwrap();
    let rows = safe_flush(&mut txn, "saving two", [write(1, "a"), write(2, "b")])
        .await
        .unwrap();
    assert_eq!(rows, 2);
    safe_commit(txn, "test").await.unwrap();
    assert_eq!(keys(&db).await, ["a", "b"]);
}

async fn a_flush_in_a_failed_transaction_is_refused(db: TestDb) {
    let pool = pool(&db).await;
    let mut txn = Transaction::begin(&pool, "test").await.unwrap();
    txn.execute_unprepared("SELECT no_such_column")
        .await
        .unwrap_err();
    let error = safe_flush(&mut txn, "saving one", [write(1, "a")])
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            SafeFlushError::Transaction(TransactionError::Aborted { .. })
        ),
        "{error:?}"
    );
}

async fn a_savepoint_whose_failure_is_swallowed_keeps_nothing_of_it(db: TestDb) {
    let pool = pool(&db).await;
    let mut txn = Transaction::begin(&pool, "test").await.unwrap();
    let outcome: Result<(), TransactionError> = txn
        .savepoint(|savepoint| {
            Box::pin(async move {
                let _ = savepoint.execute_unprepared(&setting(savepoint, "a")).await;
                let _ = savepoint.execute_unprepared(&setting(savepoint, "a")).await;
                Ok(())
            })
        })
        .await;
    assert!(
        matches!(outcome, Err(TransactionError::Aborted { .. })),
        "{outcome:?}"
    );
    txn.execute_unprepared(&setting(&txn, "b")).await.unwrap();
    safe_commit(txn, "test").await.unwrap();
    assert_eq!(keys(&db).await, ["b"]);
}

async fn savepoints_nest(db: TestDb) {
    let pool = pool(&db).await;
    let mut txn = Transaction::begin(&pool, "test").await.unwrap();
    txn.savepoint(|outer| {
        Box::pin(async move {
            outer
                .execute_unprepared(&setting(outer, "outer"))
                .await
                .unwrap();
            let failed = safe_flush(outer, "inner", [write(1, "inner"), write(2, "outer")]).await;
            assert!(failed.is_err());
            Ok::<_, TransactionError>(())
        })
    })
    .await
    .unwrap();
    safe_commit(txn, "test").await.unwrap();
    assert_eq!(keys(&db).await, ["outer"]);
}
