//! Counting and hashing.

use std::collections::BTreeSet;

use outreach_operations::contents::{
    self, Contents, ContentsError, SelectedColumn, Selection, TableContents,
};
use outreach_tests::{TestDb, matrix_tests_empty};
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};

matrix_tests_empty! {
    values_that_look_alike_have_different_hashes,
    the_order_of_rows_and_columns_has_no_part_in_a_hash,
    equal_rows_are_counted_each,
    a_filled_column_has_the_hash_that_it_has_after_the_repair,
    a_missing_table_is_named,
}

async fn of(db: &TestDb, tables: &[&str]) -> anyhow::Result<Contents> {
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    let contents = contents::of(&txn, tables).await?;
    txn.commit().await?;
    pool.close().await?;
    Ok(contents)
}

async fn of_one(db: &TestDb, table: &str) -> anyhow::Result<TableContents> {
    Ok(of(db, &[table]).await?.tables.remove(0))
}

async fn values_that_look_alike_have_different_hashes(db: TestDb) -> anyhow::Result<()> {
    db.sql("CREATE TABLE t (a text, b text)").await?;
    let rows = [
        "NULL, NULL",
        "NULL, ''",
        "'', NULL",
        "'', ''",
        "'NULL', NULL",
        "'null', NULL",
        "'a', 'b'",
        "'ab', ''",
        "'', 'ab'",
        "'a,b', NULL",
        "NULL, 'a,b'",
        "'a\",\"b', NULL",
        "'1', '1'",
        "'11', ''",
        "'t1:a', ''",
        "'n', NULL",
    ];
    let mut hashes = BTreeSet::new();
    for row in rows {
        db.sql(&format!("DELETE FROM t; INSERT INTO t VALUES ({row})"))
            .await?;
        let found = of_one(&db, "t").await?;
        assert_eq!(found.rows, 1);
        assert!(hashes.insert(found.hash), "{row}");
    }
    Ok(())
}

async fn the_order_of_rows_and_columns_has_no_part_in_a_hash(db: TestDb) -> anyhow::Result<()> {
    db.sql(
        "CREATE TABLE t (a integer, b text); CREATE TABLE u (b text, a integer); \
         INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'x'); \
         INSERT INTO u VALUES ('x', 3), ('y', 2), ('x', 1); \
         CREATE TABLE v (b text, a integer); INSERT INTO v VALUES ('y', 3), ('x', 2), ('x', 1)",
    )
    .await?;
    let found = of(&db, &["v", "t", "u"]).await?;
    let names: Vec<&str> = found.tables.iter().map(|t| t.table.as_str()).collect();
    assert_eq!(names, ["t", "u", "v"]);
    assert_eq!(found.tables[0].hash, found.tables[1].hash);
    assert_eq!(found.tables[0].columns, ["a", "b"]);
    assert_ne!(found.tables[1].hash, found.tables[2].hash);
    Ok(())
}

async fn equal_rows_are_counted_each(db: TestDb) -> anyhow::Result<()> {
    db.sql("CREATE TABLE t (a text); CREATE TABLE u (a text)")
        .await?;
    let empty = of_one(&db, "t").await?;
    assert_eq!((empty.rows, empty.hash.trim_matches('0')), (0, ""));
    // More than one page of SQLite's, and a key that its pages begin with.
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500)";
    db.sql(&format!(
        "{numbers} INSERT INTO t SELECT 'same' FROM n; INSERT INTO u SELECT a FROM t"
    ))
    .await?;
    let found = of(&db, &["t", "u"]).await?;
    assert_eq!(found.tables[0].rows, 4500);
    assert_eq!(found.tables[0].hash, found.tables[1].hash);
    assert_ne!(found.tables[0].hash, empty.hash);
    db.sql("UPDATE u SET a = 'other' WHERE a = (SELECT min(a) FROM u)")
        .await?;
    let changed = of_one(&db, "u").await?;
    assert_ne!(changed.hash, found.tables[1].hash);
    Ok(())
}

async fn a_filled_column_has_the_hash_that_it_has_after_the_repair(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql(
        "CREATE TABLE t (id integer, a text); \
         INSERT INTO t VALUES (1, NULL), (2, 'kept'), (3, NULL)",
    )
    .await?;
    let selection = Selection {
        table: "t".to_owned(),
        columns: vec![
            SelectedColumn::filled("a", "'filled'"),
            SelectedColumn::plain("id"),
        ],
    };
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    let before = contents::of_columns(&txn, std::slice::from_ref(&selection)).await?;
    txn.rollback().await?;
    pool.close().await?;
    assert_ne!(before, of(&db, &["t"]).await?);
    db.sql("UPDATE t SET a = 'filled' WHERE a IS NULL").await?;
    assert_eq!(before, of(&db, &["t"]).await?);
    Ok(())
}

async fn a_missing_table_is_named(db: TestDb) -> anyhow::Result<()> {
    let error = of(&db, &["no_such_table"]).await.unwrap_err();
    assert!(error.to_string().contains("`no_such_table`"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_session_do_not_change_a_hash_and_are_set_back() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    db.sql(
        "CREATE TABLE t (a timestamptz, b bytea, c interval, d float8, e money); \
         INSERT INTO t VALUES ('2026-03-01 02:03:04.000005+01', '\\x00ff', \
         '1 day 2 hours', 0.1::float4::float8, 1234.5)",
    )
    .await?;
    let plain = of_one(&db, "t").await?;
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    let other = "SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL DateStyle = 'German'; \
         SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL bytea_output = 'escape'; \
         SET LOCAL extra_float_digits = -10";
    txn.execute_unprepared(other).await?;
    assert_eq!(contents::of(&txn, &["t"]).await?.tables, [plain]);
    let zone = Statement::from_string(DbBackend::Postgres, "SHOW TimeZone");
    let zone = txn.query_one_raw(zone).await?;
    assert_eq!(zone.unwrap().try_get_by_index::<String>(0)?, "Asia/Tokyo");
    txn.rollback().await?;

    let error = contents::of(&pool, &["t"]).await.unwrap_err();
    assert!(matches!(error, ContentsError::NoTransaction), "{error}");
    pool.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_policy_hides_are_an_error() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let role = format!("r{}", db.value("SELECT current_database()").await?.unwrap());
    db.sql(&format!(
        "CREATE TABLE t (a text); INSERT INTO t VALUES ('x'); \
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE ROLE {role}; \
         GRANT SELECT ON t TO {role}"
    ))
    .await?;
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    txn.execute_unprepared(&format!("SET LOCAL ROLE {role}"))
        .await?;
    let found = contents::of(&txn, &["t"]).await;
    txn.rollback().await?;
    pool.close().await?;
    db.sql(&format!("DROP TABLE t; DROP ROLE {role}")).await?;
    assert!(
        matches!(found, Err(ContentsError::Rows { .. })),
        "{found:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_sqlite_table_is_counted() -> anyhow::Result<()> {
    let db = TestDb::empty_sqlite().await?;
    db.sql(
        "CREATE TABLE \"no \"\"row ids\" (a text, b integer, PRIMARY KEY (a, b)) WITHOUT ROWID; \
         CREATE TABLE hidden (rowid text, _rowid_ text, oid text); \
         CREATE TABLE g (a integer PRIMARY KEY AUTOINCREMENT, b AS (a * 2)); \
         INSERT INTO \"no \"\"row ids\" VALUES ('x', 1), ('x', 2); \
         INSERT INTO hidden VALUES ('a', 'b', 'c'), ('a', 'b', 'c'); \
         INSERT INTO g (a) VALUES (-9223372036854775808), (9223372036854775807), (0)",
    )
    .await?;
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    let names = contents::table_names(&txn).await?;
    assert_eq!(names, ["g", "hidden", "no \"row ids"]);
    let found = contents::of(&txn, &names).await?;
    let rows: Vec<u64> = found.tables.iter().map(|table| table.rows).collect();
    assert_eq!(rows, [3, 2, 2]);
    assert_eq!(found.tables[0].columns, ["a", "b"]);
    txn.rollback().await?;
    pool.close().await?;
    // A number, its text and its bytes are three values; NUL is one of a text.
    db.sql("CREATE TABLE t (a)").await?;
    let mut hashes = BTreeSet::new();
    for value in [
        "1",
        "'1'",
        "x'31'",
        "1.0",
        "'1.0'",
        "'1' || char(0)",
        "'1' || char(0, 50)",
    ] {
        db.sql(&format!("DELETE FROM t; INSERT INTO t VALUES ({value})"))
            .await?;
        assert!(hashes.insert(of_one(&db, "t").await?.hash), "{value}");
    }
    Ok(())
}
