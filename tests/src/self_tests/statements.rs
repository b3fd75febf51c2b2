use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
    TransactionTrait,
    sqlx::{Connection, PgConnection, raw_sql},
};

use crate::{Fault, Proxy, TestDb};

const INSERT: &str = "insert into t values ($1)";
const EXPECTED: [&str; 4] = ["BEGIN", "select 1", INSERT, "COMMIT"];

struct Setup {
    db: TestDb,
    proxy: Proxy,
    pool: DatabaseConnection,
}

async fn connect(proxy: &Proxy, db: &TestDb) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(proxy.url(db.url())?);
    options.max_connections(1).sqlx_logging(false);
    Ok(Database::connect(options).await?)
}

async fn setup() -> anyhow::Result<Setup> {
    let db = TestDb::empty_postgres().await?;
    db.sql("create table t (id int)").await?;
    let proxy = Proxy::start(db.url()).await?;
    let pool = connect(&proxy, &db).await?;
    proxy.clear_statements();
    Ok(Setup { db, proxy, pool })
}

async fn commit_a_row(pool: &DatabaseConnection) -> Result<(), sea_orm::DbErr> {
    let transaction = pool.begin().await?;
    transaction.execute_unprepared("select 1").await?;
    let insert = Statement::from_sql_and_values(DbBackend::Postgres, INSERT, [1.into()]);
    transaction.execute_raw(insert).await?;
    transaction.commit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_told_each_time_they_run() -> anyhow::Result<()> {
    let setup = setup().await?;

    commit_a_row(&setup.pool).await?;
    assert_eq!(setup.proxy.statements(), EXPECTED);
    // Prepared the first time, and only run now.
    commit_a_row(&setup.pool).await?;
    assert_eq!(setup.proxy.statements(), [EXPECTED, EXPECTED].concat());

    setup.proxy.clear_statements();
    assert!(setup.proxy.statements().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_held_before_each_statement_and_goes_on_from_there() -> anyhow::Result<()> {
    let setup = setup().await?;
    for after in 0..EXPECTED.len() {
        setup.proxy.clear_statements();
        let fired = setup.proxy.faults_fired();
        setup.proxy.set_fault(Fault::HoldBeforeStatement {
            after: u64::try_from(after)?,
        });
        let pool = setup.pool.clone();
        let writing = tokio::spawn(async move { commit_a_row(&pool).await });
        setup.proxy.wait_for_faults(fired + 1).await?;

        // Another connection is not held.
        let other = async {
            let other = connect(&setup.proxy, &setup.db).await?;
            anyhow::Ok(other.execute_unprepared("select 2").await?)
        };
        tokio::time::timeout(Duration::from_mins(1), other).await??;

        assert!(!writing.is_finished());
        let mut statements = setup.proxy.statements();
        statements.retain(|sql| sql != "select 2");
        assert_eq!(statements, EXPECTED[..=after]);
        let rows = i64::try_from(after)?;
        assert_eq!(setup.db.count("select count(*) from t").await?, rows);

        setup.proxy.set_fault(Fault::None);
        writing.await??;
        assert_eq!(setup.db.count("select count(*) from t").await?, rows + 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_held_again_when_the_same_fault_is_set_again() -> anyhow::Result<()> {
    let setup = setup().await?;
    let hold = Fault::HoldBeforeStatement { after: 0 };
    setup.proxy.set_fault(hold);
    let pool = setup.pool.clone();
    let writing = tokio::spawn(async move { commit_a_row(&pool).await });
    for held in 1..=EXPECTED.len() {
        setup.proxy.wait_for_faults(u64::try_from(held)?).await?;
        assert_eq!(setup.proxy.statements(), EXPECTED[..held]);
        setup.proxy.set_fault(hold);
    }
    writing.await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_sees_the_end_of_a_held_client() -> anyhow::Result<()> {
    let setup = setup().await?;
    // BEGIN and the insert pass, COMMIT does not.
    setup
        .proxy
        .set_fault(Fault::HoldBeforeStatement { after: 2 });
    // Without a pool, which would keep the connection open.
    let mut connection = PgConnection::connect(&setup.proxy.url(setup.db.url())?).await?;
    let writing = tokio::spawn(async move {
        for sql in ["BEGIN", "insert into t values (1)", "COMMIT"] {
            raw_sql(sql).execute(&mut connection).await?;
        }
        anyhow::Ok(())
    });
    setup.proxy.wait_for_faults(1).await?;

    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());

    // Waits for the end of the other transaction.
    let looking = setup.db.sql("begin; lock table t; commit");
    tokio::time::timeout(Duration::from_mins(1), looking).await??;
    assert_eq!(setup.db.count("select count(*) from t").await?, 0);
    setup.proxy.set_fault(Fault::None);
    assert_eq!(setup.db.count("select count(*) from t").await?, 0);
    Ok(())
}
