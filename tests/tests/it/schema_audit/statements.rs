//! How many statements an inspection sends: as many for five tables as for two
//! hundred.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use outreach_tests::{PostgresServer, TestDb};
use schema_audit::inspect::{Scope, inspect};

use super::audit;

/// Tables with a key, an index, a check and a reference each.
fn tables(count: usize) -> String {
    let mut sql = String::new();
    for number in 1..=count {
        let before = number.max(2) - 1;
        let _ = write!(
            sql,
            "create table t{number} (id integer primary key, a integer check (a > 0), \
             b integer unique, foreign key (b) references t{before} (id)); \
             create index i{number} on t{number} (a) where a > 1; "
        );
    }
    sql
}

async fn of_sqlite(count: usize) -> anyhow::Result<usize> {
    let db = TestDb::empty_sqlite().await?;
    db.sql(&tables(count)).await?;
    let mut pool = db.connect_plain().await?;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    pool.set_metric_callback(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let schema = inspect(&pool, &Scope::Current).await?;
    assert_eq!(schema.tables.len(), count);
    Ok(sent.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_five_tables_and_two_hundred_take_as_many_statements() -> anyhow::Result<()> {
    let few = of_sqlite(5).await?;
    assert!((2..10).contains(&few), "{few}");
    assert_eq!(of_sqlite(200).await?, few);
    Ok(())
}

/// What the server has been sent by `outreach audit` as a whole.
async fn of_program(server: &PostgresServer, count: usize) -> anyhow::Result<usize> {
    let db = TestDb::empty_postgres_on(server).await?;
    db.sql(&tables(count)).await?;
    let name = db.value("select current_database()").await?;
    let name = name.unwrap_or_default();
    db.sql(&format!("alter database {name} set log_statement = 'all'"))
        .await?;
    let folder = tempfile::tempdir()?;
    let before = server.log().len();
    let output = audit(folder.path(), db.url(), &["--repair", "--er"])
        .run()
        .await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains(&format!("t{count}")), "{output:?}");
    let log = server.log();
    for mode in ["REPEATABLE READ", "READ ONLY"] {
        assert!(
            log[before..].contains(mode),
            "no {mode}: {}",
            &log[before..]
        );
    }
    let sent = log[before..]
        .lines()
        .filter(|line| line.contains("LOG:  execute ") || line.contains("LOG:  statement: "));
    Ok(sent.count())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_an_audit_of_two_hundred_tables_sends_what_one_of_five_sends() -> anyhow::Result<()>
{
    let server = PostgresServer::start().await?;
    let few = of_program(&server, 5).await?;
    assert!(few > 5, "the server logs no statements: {few}");
    assert_eq!(of_program(&server, 200).await?, few);
    Ok(())
}
