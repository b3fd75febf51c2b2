//! What an audit needs: the right to read, and nothing to write to.

use anyhow::Context;
use outreach_tests::{PostgresServer, TestDb};

use super::{audit, found, found_at, read};

/// A login role that may connect, use the schema and select, in a database whose
/// transactions only read and that is closed to everybody else.
struct Reader {
    name: String,
    database: String,
    url: String,
}

impl Reader {
    async fn new(db: &TestDb) -> anyhow::Result<Self> {
        let name = format!("reader_{}", uuid::Uuid::new_v4().simple());
        let database = db.value("select current_database()").await?;
        let database = database.context("a name")?;
        db.sql(&format!(
            "revoke all on database {database} from public; \
             revoke all on schema public from public; \
             create role {name} login password 'read'; \
             grant connect on database {database} to {name}; \
             grant usage on schema public to {name}; \
             grant select on all tables in schema public to {name}; \
             alter database {database} set default_transaction_read_only = on"
        ))
        .await?;
        let mut url = url::Url::parse(db.url())?;
        let set = url.set_username(&name).and(url.set_password(Some("read")));
        assert_eq!(set, Ok(()));
        Ok(Self {
            name,
            database,
            url: url.into(),
        })
    }

    async fn drop(self, db: &TestDb) -> anyhow::Result<()> {
        let Self { name, database, .. } = self;
        db.sql(&format!(
            "begin read write; alter database {database} reset default_transaction_read_only; \
             drop owned by {name}; drop role {name}; commit"
        ))
        .await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_role_that_may_only_select_where_everything_is_read_only_is_enough()
-> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    super::rows::fill(&db).await?;
    let reader = Reader::new(&db).await?;
    let refused = sea_orm::Database::connect(&reader.url).await?;
    let write = sea_orm::ConnectionTrait::execute_unprepared(&refused, "create temp table t ()");
    assert!(write.await.is_err(), "the role may write");
    refused.close().await?;

    assert_eq!(read(&reader.url).await?, read(db.url()).await?);
    let folder = tempfile::tempdir()?;
    for words in [
        &[][..],
        &["--data"],
        &["--repair"],
        &["--er"],
        &["--revision", "head", "--format", "json"],
        &["--format", "sarif"],
    ] {
        let output = audit(folder.path(), &reader.url, words).run().await?;
        assert_eq!(output.status, Some(0), "{words:?}: {output:?}");
    }
    db.sql("begin read write; drop index ix_prospects_domain; commit")
        .await?;
    let missing = ["index-missing prospects.ix_prospects_domain database"];
    assert_eq!(found_at(&reader.url, &["--data"]).await?, missing);
    reader.drop(&db).await?;
    assert_eq!(found(&db, &[]).await?, missing);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_hot_standby_is_audited_and_repairs_are_proved_on_another_server()
-> anyhow::Result<()> {
    let primary = PostgresServer::start().await?;
    let clean = TestDb::postgres_on(&primary).await?;
    super::rows::fill(&clean).await?;
    let drifted = TestDb::postgres_on(&primary).await?;
    drifted
        .sql("drop index ix_prospects_domain; create type own as enum ('a')")
        .await?;
    let standby = primary.start_standby()?;
    let there = |db: &TestDb| -> anyhow::Result<String> {
        let path = url::Url::parse(db.url())?
            .path()
            .trim_start_matches('/')
            .to_owned();
        Ok(standby.url(&path))
    };
    let refused = standby.execute("create table t ()").await.unwrap_err();
    assert!(format!("{refused:#}").contains("read-only"), "{refused:#}");

    for db in [&clean, &drifted] {
        assert_eq!(read(&there(db)?).await?, read(db.url()).await?);
    }
    assert_eq!(found_at(&there(&clean)?, &["--data"]).await?, [""; 0]);
    let found = found_at(&there(&drifted)?, &["--data", "--repair"]).await?;
    assert_eq!(
        found,
        [
            "enum-unexpected own database",
            "index-missing prospects.ix_prospects_domain database"
        ]
    );

    let folder = tempfile::tempdir()?;
    let prove = audit(folder.path(), &there(&drifted)?, &["--prove"]);
    let output = prove.run().await?;
    assert_eq!(
        (output.status, &*output.stdout),
        (Some(2), ""),
        "{output:?}"
    );
    let elsewhere = primary.url("postgres");
    let output = prove.args(["--scratch", &elsewhere]).run().await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(
        output.stdout.contains("clean after the repair"),
        "{output:?}"
    );
    Ok(())
}
