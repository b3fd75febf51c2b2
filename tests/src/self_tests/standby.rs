use std::time::{Duration, Instant};

use crate::{PostgresServer, Proxy, TestDb};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_on_the_standby_that_takes_a_lost_servers_place() -> anyhow::Result<()>
{
    let primary = PostgresServer::start().await?;
    let db = TestDb::empty_postgres_on(&primary).await?;
    let standby = primary.start_synchronous_standby().await?;
    let replica = db.on(&standby)?;
    let proxy = Proxy::start(db.url()).await?;
    let url = proxy.url(db.url())?;
    let client = sea_orm::sqlx::PgPool::connect(&url).await?;
    let run = |sql| sea_orm::sqlx::raw_sql(sql).execute(&client);
    run("create table t (id int)").await?;
    for _ in 0..50 {
        run("insert into t values (1)").await?;
    }
    assert!(replica.sql("insert into t values (2)").await.is_err());

    primary.stop_immediate()?;
    standby.promote()?;
    proxy.set_upstream(&standby.url(""))?;
    proxy.sever_all().await;

    assert_eq!(replica.count("select count(*) from t").await?, 50);
    run("insert into t values (1)").await?;
    assert_eq!(replica.count("select count(*) from t").await?, 51);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_wait_for_a_synchronous_standby() -> anyhow::Result<()> {
    let primary = PostgresServer::start().await?;
    let db = TestDb::empty_postgres_on(&primary).await?;
    let standby = primary.start_synchronous_standby().await?;
    db.sql("create table t (id int)").await?;

    standby.stop_immediate()?;
    let writing = {
        let url = db.url().to_owned();
        tokio::spawn(async move {
            let pool = sea_orm::sqlx::PgPool::connect(&url).await?;
            let sql = "insert into t values (1)";
            sea_orm::sqlx::raw_sql(sql).execute(&pool).await
        })
    };
    let waits = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    let limit = Instant::now() + Duration::from_mins(1);
    while db.count(waits).await? == 0 {
        assert!(!writing.is_finished(), "committed without the standby");
        assert!(Instant::now() < limit, "the commit does not even wait");
    }
    standby.start_again()?;

    writing.await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_stay_where_they_are_until_they_are_cut() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let server = PostgresServer::start().await?;
    let proxy = Proxy::start(db.url()).await?;
    let url = proxy.url(db.url())?;
    let mut options = sea_orm::ConnectOptions::new(&url);
    options.max_connections(1).sqlx_logging(false);
    let pool = sea_orm::Database::connect(options).await?;

    proxy.set_upstream(&server.url("postgres"))?;
    pool.ping().await?;

    assert_eq!(proxy.sever_all().await, 1);
    // The other server has neither this database nor this password.
    assert!(pool.ping().await.is_err());
    Ok(())
}
