//! Whether a database is ready for this build, as an application asks it.

use outreach_migration::REVISIONS;
use outreach_service::connect::{
    ConnectError, DatabaseOptions, MissingObject, check_schema, connect,
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::ConnectionTrait;

use super::support::{names, tables, up};

matrix_tests! {
    f05_a_database_at_head_is_ready,
    f06_a_newer_database_is_refused_and_its_revision_is_named,
    f05_a_missing_column_is_named_exactly,
    f05_a_missing_table_is_named_exactly,
    f05_all_that_is_missing_is_named_at_once;
    on_empty:
    f01_an_empty_database_is_refused_and_stays_empty,
    f06_a_database_behind_is_refused_and_what_is_pending_is_named,
}

async fn refused(url: &str) -> anyhow::Result<ConnectError> {
    match connect(&DatabaseOptions::new(url)?).await {
        Err(error) => Ok(error),
        Ok(_) => anyhow::bail!("the database was taken to be ready"),
    }
}

async fn f05_a_database_at_head_is_ready(db: TestDb) -> anyhow::Result<()> {
    let pool = connect(&DatabaseOptions::new(db.url())?).await?;
    Ok(check_schema(&pool).await?)
}

async fn f01_an_empty_database_is_refused_and_stays_empty(db: TestDb) -> anyhow::Result<()> {
    let error = refused(db.url()).await?;
    let ConnectError::Pending { pending } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*pending, names(REVISIONS.len()));
    assert!(error.to_string().contains("outreach migrate up"), "{error}");
    assert!(tables(&db).await?.is_empty());
    Ok(())
}

async fn f06_a_database_behind_is_refused_and_what_is_pending_is_named(
    db: TestDb,
) -> anyhow::Result<()> {
    for applied in 1..=REVISIONS.len() {
        up(&db, 1).await?;
        if applied == REVISIONS.len() {
            connect(&DatabaseOptions::new(db.url())?).await?;
            break;
        }
        let error = refused(db.url()).await?;
        let ConnectError::Pending { pending } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*pending, names(REVISIONS.len())[applied..]);
    }
    Ok(())
}

async fn f06_a_newer_database_is_refused_and_its_revision_is_named(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql("insert into seaql_migrations values ('m20990101_000001_future', 0)")
        .await?;
    let error = refused(db.url()).await?;
    let ConnectError::Ahead { unknown } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(unknown, &["m20990101_000001_future"]);
    Ok(())
}

fn missing(error: &ConnectError) -> &[MissingObject] {
    match error {
        ConnectError::MissingObjects { missing } => missing,
        other => panic!("{other:?}"),
    }
}

async fn f05_a_missing_column_is_named_exactly(db: TestDb) -> anyhow::Result<()> {
    db.sql("alter table prospects drop column page_title")
        .await?;
    let error = refused(db.url()).await?;
    let column = MissingObject {
        table: "prospects".to_owned(),
        column: Some("page_title".to_owned()),
    };
    assert_eq!(missing(&error), [column]);
    assert!(
        error.to_string().contains("prospects.page_title"),
        "{error}"
    );
    // Counting works all the while, which is how this went unnoticed.
    assert_eq!(db.count("select count(*) from prospects").await?, 0);
    Ok(())
}

async fn f05_a_missing_table_is_named_exactly(db: TestDb) -> anyhow::Result<()> {
    db.sql("drop table settings").await?;
    let error = refused(db.url()).await?;
    let table = MissingObject {
        table: "settings".to_owned(),
        column: None,
    };
    assert_eq!(missing(&error), [table]);
    Ok(())
}

async fn f05_all_that_is_missing_is_named_at_once(db: TestDb) -> anyhow::Result<()> {
    db.sql("drop table job_runs").await?;
    db.sql("alter table settings rename column value to content")
        .await?;
    let error = refused(db.url()).await?;
    let text: Vec<String> = missing(&error).iter().map(ToString::to_string).collect();
    assert_eq!(text, ["table job_runs", "column settings.value"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f06_a_schema_that_is_not_there_is_named() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let options = DatabaseOptions::new(db.url())?.schema("Tenant \"9\"");
    let error = connect(&options).await.unwrap_err();
    let ConnectError::NoSchema { schema } = &error else {
        panic!("{error:?}");
    };
    assert!(schema.contains("Tenant"), "{schema}");
    Ok(())
}

/// A role of the server, for one test.
struct Role {
    name: String,
    url: String,
}

impl Role {
    /// An application's role: it may read and write rows, and nothing else.
    async fn application(db: &TestDb) -> anyhow::Result<Self> {
        let name = format!("app_{}", uuid::Uuid::new_v4().simple());
        db.sql(&format!(
            "create role {name} login password 'app'; \
             revoke all on schema public from public; \
             grant usage on schema public to {name}; \
             grant select, insert, update, delete on all tables in schema public to {name}"
        ))
        .await?;
        let mut url = url::Url::parse(db.url())?;
        let set = url
            .set_username(&name)
            .and_then(|()| url.set_password(Some("app")));
        set.map_err(|()| anyhow::anyhow!("the URL takes no user"))?;
        Ok(Self {
            name,
            url: url.into(),
        })
    }

    async fn drop(self, db: &TestDb) -> anyhow::Result<()> {
        db.sql(&format!("drop owned by {0}; drop role {0}", self.name))
            .await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f08_a_role_that_may_only_touch_rows_is_enough() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let role = Role::application(&db).await?;

    let pool = connect(&DatabaseOptions::new(&role.url)?).await?;
    check_schema(&pool).await?;

    pool.execute_unprepared(
        "insert into settings (id, key) values (gen_random_uuid(), 'a'); \
         update settings set key = 'b'; delete from settings",
    )
    .await?;
    for ddl in [
        "create table t (id int)",
        "alter table settings add x int",
        "drop table settings",
    ] {
        assert!(pool.execute_unprepared(ddl).await.is_err(), "{ddl}");
    }
    pool.close().await?;
    role.drop(&db).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f08_status_reads_under_a_role_without_any_right_to_change() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let role = Role::application(&db).await?;
    let program = super::support::Program::on(&role.url)?;
    let output = program.succeed(&["status"]).await?;
    assert_eq!(output.stdout.matches("Applied").count(), REVISIONS.len());
    role.drop(&db).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f06_a_ledger_that_may_not_be_read_is_no_empty_ledger() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let role = Role::application(&db).await?;
    db.sql(&format!(
        "revoke select on seaql_migrations from {}",
        role.name
    ))
    .await?;

    let error = refused(&role.url).await?;
    assert!(matches!(error, ConnectError::Ledger(_)), "{error:?}");
    assert!(error.to_string().contains("SELECT"), "{error}");

    let program = super::support::Program::on(&role.url)?;
    let output = program.run(&["status"]).await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains("permission denied"), "{output:?}");
    role.drop(&db).await
}
