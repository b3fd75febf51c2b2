use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, TransactionTrait};

use crate::{Fault, PostgresServer, Proxy, TestDb};

struct Setup {
    db: TestDb,
    proxy: Proxy,
    pool: DatabaseConnection,
}

async fn setup() -> anyhow::Result<Setup> {
    let db = TestDb::empty_postgres().await?;
    db.sql("create table t (id int)").await?;
    let proxy = Proxy::start(&PostgresServer::shared().await?.url("")).await?;
    let mut options = ConnectOptions::new(proxy.url(db.url())?);
    options.max_connections(1).sqlx_logging(false);
    let pool = Database::connect(options).await?;
    Ok(Setup { db, proxy, pool })
}

impl Setup {
    async fn commit_a_row(&self) -> Result<(), sea_orm::DbErr> {
        let transaction = self.pool.begin().await?;
        transaction
            .execute_unprepared("insert into t values (1)")
            .await?;
        transaction.commit().await
    }

    async fn rows(&self) -> anyhow::Result<i64> {
        self.db.count("select count(*) from t").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fault_everything_passes() -> anyhow::Result<()> {
    let setup = setup().await?;
    setup.commit_a_row().await?;
    assert_eq!((setup.rows().await?, setup.proxy.faults_fired()), (1, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swallowed_commit_has_happened_and_fails_at_the_client() -> anyhow::Result<()> {
    let setup = setup().await?;
    setup.proxy.set_fault(Fault::SwallowCommitReply);

    assert!(setup.commit_a_row().await.is_err());

    setup.proxy.wait_for_faults(1).await?;
    assert_eq!(setup.rows().await?, 1);
    // The fault happened once; the pool gets itself a new connection.
    setup.commit_a_row().await?;
    assert_eq!(setup.rows().await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_only_reads_does_not_take_the_fault_of_one_that_writes()
-> anyhow::Result<()> {
    let setup = setup().await?;
    setup.proxy.set_fault(Fault::SwallowReplyToWrites);
    let reading = setup.pool.begin().await?;
    reading.execute_unprepared("select 1").await?;
    reading.commit().await?;
    assert_eq!(setup.proxy.faults_fired(), 0);

    assert!(setup.commit_a_row().await.is_err());

    setup.proxy.wait_for_faults(1).await?;
    assert_eq!(setup.rows().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_silenced_commit_nothing_comes_on_its_connection_and_others_go_on()
-> anyhow::Result<()> {
    let setup = setup().await?;
    setup.proxy.set_fault(Fault::SilenceAfterWrites);
    let silenced = tokio::spawn({
        let pool = setup.pool.clone();
        async move {
            let transaction = pool.begin().await.unwrap();
            let insert = "insert into t values (1)";
            transaction.execute_unprepared(insert).await.unwrap();
            transaction.commit().await
        }
    });
    setup.proxy.wait_for_faults(1).await?;
    assert_eq!(setup.rows().await?, 1);
    let other = Database::connect(setup.proxy.url(setup.db.url())?).await?;
    other.execute_unprepared("insert into t values (1)").await?;
    assert!(!silenced.is_finished());
    silenced.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_commit_has_not_happened() -> anyhow::Result<()> {
    let setup = setup().await?;
    setup.proxy.set_fault(Fault::DropBeforeCommit);

    assert!(setup.commit_a_row().await.is_err());

    setup.proxy.wait_for_faults(1).await?;
    assert_eq!(setup.rows().await?, 0);
    setup.commit_a_row().await?;
    assert_eq!(setup.rows().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_cut_at_the_chosen_statement() -> anyhow::Result<()> {
    let setup = setup().await?;
    // BEGIN and the insert pass, COMMIT does not.
    setup
        .proxy
        .set_fault(Fault::DropBeforeStatement { after: 2 });
    assert!(setup.commit_a_row().await.is_err());
    assert_eq!(setup.rows().await?, 0);
    setup
        .proxy
        .set_fault(Fault::DropBeforeStatement { after: 3 });
    setup.commit_a_row().await?;
    assert_eq!((setup.rows().await?, setup.proxy.faults_fired()), (1, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_holds_everything_until_it_ends() -> anyhow::Result<()> {
    let setup = setup().await?;
    setup.proxy.set_fault(Fault::Stall);
    let pool = setup.pool.clone();
    let writing =
        tokio::spawn(async move { pool.execute_unprepared("insert into t values (1)").await });

    setup.proxy.wait_for_faults(1).await?;
    assert_eq!(setup.rows().await?, 0);
    assert!(!writing.is_finished());

    setup.proxy.set_fault(Fault::None);
    writing.await??;
    assert_eq!(setup.rows().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_commit_is_done_when_the_stall_ends() -> anyhow::Result<()> {
    let setup = setup().await?;
    setup.proxy.set_fault(Fault::StallCommit);
    let committing = async {
        let transaction = setup.pool.begin().await?;
        transaction
            .execute_unprepared("insert into t values (1)")
            .await?;
        transaction.commit().await?;
        anyhow::Ok(())
    };
    let releasing = async {
        setup.proxy.wait_for_faults(1).await?;
        assert_eq!(setup.rows().await?, 0);
        setup.proxy.set_fault(Fault::None);
        anyhow::Ok(())
    };
    tokio::try_join!(committing, releasing)?;
    assert_eq!((setup.rows().await?, setup.proxy.faults_fired()), (1, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn severed_connections_fail_and_new_ones_work() -> anyhow::Result<()> {
    let setup = setup().await?;
    let transaction = setup.pool.begin().await?;
    transaction
        .execute_unprepared("insert into t values (1)")
        .await?;

    assert_eq!(setup.proxy.sever_all().await, 1);

    assert!(transaction.commit().await.is_err());
    assert_eq!(setup.rows().await?, 0);
    setup.commit_a_row().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_connections_are_counted_and_end_with_the_fault() -> anyhow::Result<()> {
    let setup = setup().await?;
    let url = setup.proxy.url(setup.db.url())?;
    setup.proxy.set_fault(Fault::RefuseConnections);
    let mut options = ConnectOptions::new(&url);
    options.connect_timeout(std::time::Duration::from_secs(1));
    assert!(Database::connect(options).await.is_err());
    assert!(setup.proxy.faults_fired() > 0);

    setup.proxy.set_fault(Fault::None);
    Database::connect(&url).await?;
    Ok(())
}
