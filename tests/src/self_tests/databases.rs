use sea_orm::{ConnectionTrait, DbBackend};

use crate::{TestDb, matrix_tests};

matrix_tests! {
    the_schema_is_at_head,
    two_databases_share_nothing;
    on_empty:
    an_empty_database_has_no_table,
    values_are_read_as_text,
}

const TABLES: &str = "select count(*) from information_schema.tables where table_schema = 'public'";
const SQLITE_TABLES: &str = "select count(*) from sqlite_master where type = 'table'";

async fn tables(db: &TestDb) -> anyhow::Result<i64> {
    match db.backend() {
        DbBackend::Sqlite => db.count(SQLITE_TABLES).await,
        _ => db.count(TABLES).await,
    }
}

async fn another(db: &TestDb) -> anyhow::Result<TestDb> {
    match db.backend() {
        DbBackend::Sqlite => TestDb::sqlite().await,
        _ => TestDb::postgres().await,
    }
}

async fn the_schema_is_at_head(db: TestDb) -> anyhow::Result<()> {
    use outreach_migration::Migrator;
    use sea_orm_migration::MigratorTrait;

    let pool = db.connect_plain().await?;
    assert!(Migrator::get_pending_migrations(&pool).await?.is_empty());
    assert!(tables(&db).await? > 1);
    Ok(())
}

async fn two_databases_share_nothing(db: TestDb) -> anyhow::Result<()> {
    let second = another(&db).await?;
    assert_ne!(db.url(), second.url());
    let before = tables(&second).await?;

    let pool = db.connect_plain().await?;
    pool.execute_unprepared("create table only_here (id integer)")
        .await?;

    assert_eq!(tables(&second).await?, before);
    assert_eq!(tables(&db).await?, before + 1);
    Ok(())
}

async fn an_empty_database_has_no_table(db: TestDb) -> anyhow::Result<()> {
    assert_eq!(tables(&db).await?, 0);
    Ok(())
}

async fn values_are_read_as_text(db: TestDb) -> anyhow::Result<()> {
    let rows = db.sql("select 1, 2.5, 'a', null").await?;
    let expected = [Some("1"), Some("2.5"), Some("a"), None];
    assert_eq!(
        rows,
        [expected.map(|value| value.map(str::to_owned)).to_vec()]
    );

    if db.backend() == DbBackend::Sqlite {
        assert_eq!(db.value("select x'0aff'").await?.unwrap(), "0aff");
    }
    assert!(db.value("select 1 where 1 = 0").await.is_err());
    let error = db.sql("select nothing").await.unwrap_err();
    assert!(error.to_string().contains("select nothing"));
    Ok(())
}
