use std::{collections::BTreeSet, fs, net::TcpStream};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement,
    TransactionTrait,
    sqlx::{Connection, PgConnection, Row as _, raw_sql},
};

use super::servers::{kill_what_serves, wait_until_gone};
use crate::{PgBouncer, PostgresServer, TestDb};

/// One client, as a pool of one connection.
async fn client(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .sqlx_logging(false)
        .test_before_acquire(false);
    Database::connect(options).await
}

/// The connection of the server that a statement runs on. Prepared, because it
/// has a parameter.
async fn process(connection: &impl ConnectionTrait) -> Result<i32, DbErr> {
    let sql = "select pg_backend_pid() + $1::int4 as pid";
    let statement = Statement::from_sql_and_values(sea_orm::DbBackend::Postgres, sql, [0.into()]);
    let row = connection.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::Custom("no row".to_owned()))?
        .try_get("", "pid")
}

/// As many clients as the server has connections for, each of which has one now.
async fn clients_in_transactions(url: &str) -> Result<Vec<DatabaseConnection>, DbErr> {
    let mut clients = Vec::new();
    let mut transactions = Vec::new();
    for _ in 0..4 {
        let client = client(url).await?;
        let transaction = client.begin().await?;
        process(&transaction).await?;
        transactions.push(transaction);
        clients.push(client);
    }
    for transaction in transactions {
        transaction.commit().await?;
    }
    Ok(clients)
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_one_client_land_on_different_connections() -> anyhow::Result<()> {
    let db = TestDb::postgres_pooled().await?;
    clients_in_transactions(db.url()).await?;
    // Without a pool, whose pings take a connection too.
    let mut client = PgConnection::connect(db.url()).await?;

    // In turn, however many there are.
    let mut processes = BTreeSet::new();
    for _ in 0..20 {
        let mut transaction = client.begin().await?;
        for _ in 0..2 {
            let row = raw_sql("select pg_backend_pid()")
                .fetch_one(&mut *transaction)
                .await?;
            let process: String = row.try_get_unchecked(0)?;
            processes.insert(process);
        }
        transaction.commit().await?;
    }

    assert_eq!(processes.len(), 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_is_left_for_the_next_client() -> anyhow::Result<()> {
    let db = TestDb::postgres_pooled().await?;
    // Each has prepared its first on a connection of its own.
    let clients = clients_in_transactions(db.url()).await?;
    let newcomer = client(db.url()).await?;
    // sqlx numbers the statements of each connection from 1.
    let transaction = newcomer.begin().await?;
    let error = process(&transaction).await.unwrap_err().to_string();
    assert!(error.contains("already exists"), "{error}");
    transaction.rollback().await?;
    let transaction = newcomer.begin().await?;
    transaction.execute_unprepared("DEALLOCATE ALL").await?;
    process(&transaction).await?;
    transaction.commit().await?;
    drop(clients);
    let left = "select count(*) from pg_stat_activity where datname = current_database()";
    assert_eq!(db.count(left).await?, 4 + 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_outside_of_a_transaction_is_prepared_elsewhere() -> anyhow::Result<()>
{
    let db = TestDb::postgres_pooled().await?;
    let clients = clients_in_transactions(db.url()).await?;
    let error = process(&clients[0]).await.unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
    clients[0].execute_unprepared("select 1").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tests_own_statements_go_around_the_pool() -> anyhow::Result<()> {
    let db = TestDb::postgres_pooled().await?;
    assert_ne!(db.url(), db.direct_url());
    let _clients = clients_in_transactions(db.url()).await?;
    let others = "select count(*) from pg_stat_activity where datname = current_database() \
                  and pid <> pg_backend_pid()";
    assert_eq!(db.count(others).await?, 4);
    // Prepared outside of a transaction.
    process(&db.connect_plain().await?).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_demands_the_servers_password() -> anyhow::Result<()> {
    let db = TestDb::postgres_pooled().await?;
    client(db.url()).await?;
    let mut url = url::Url::parse(db.url())?;
    url.set_password(Some("wrong")).unwrap();
    assert!(client(url.as_str()).await.is_err());
    Ok(())
}

/// Not a test of its own: the process that the next test kills.
#[tokio::test]
#[ignore = "runs until it is killed, for the test below"]
async fn a_pool_that_waits_to_be_orphaned() -> anyhow::Result<()> {
    let server = PostgresServer::start().await?;
    let bouncer = PgBouncer::start(&server).await?;
    println!("\nserves {}", bouncer.folder().display());
    std::future::pending().await
}

#[test]
fn a_pool_goes_with_its_process_even_by_kill_9() {
    let test = "pgbouncer::a_pool_that_waits_to_be_orphaned";
    let (folder, port) = kill_what_serves(test, |folder| {
        let configuration = fs::read_to_string(folder.join("pgbouncer.ini")).unwrap();
        let port = configuration
            .lines()
            .find_map(|line| line.strip_prefix("listen_port = "))
            .unwrap();
        (folder.to_owned(), port.parse::<u16>().unwrap())
    });
    wait_until_gone(&folder);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
