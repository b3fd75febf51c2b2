//! Marks that are kept in the database.

use outreach_migration::{
    Migrator, MigratorTrait, REVISIONS,
    properties::{self, Property},
    run::{self, RunError, RunOptions, Target},
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::TransactionTrait;

use super::support::{Program, contents, ledger, names, tables, up};

matrix_tests! {
    f21_a_protected_database_refuses_whatever_destroys_data,
    f21_properties_are_set_replaced_and_removed;
    on_empty:
    f21_the_first_migration_stores_the_environment_and_later_ones_do_not,
    f21_a_production_database_is_protected_without_a_mark,
    the_environment_outlives_fresh_and_refresh,
}

async fn protect(db: &TestDb) -> anyhow::Result<()> {
    db.sql("insert into database_properties (name, value) values ('protected', 'it pays us')")
        .await?;
    Ok(())
}

async fn f21_a_protected_database_refuses_whatever_destroys_data(db: TestDb) -> anyhow::Result<()> {
    protect(&db).await?;
    let before = contents(&db, &["database_properties", "seaql_migrations"]).await?;
    let pool = db.connect_plain().await?;
    let outcomes = [
        Migrator::down(&pool, Some(1)).await,
        Migrator::fresh(&pool).await,
        Migrator::refresh(&pool).await,
        Migrator::reset(&pool).await,
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err().to_string();
        for words in [
            "it pays us",
            "outreach protect --off",
            "Nothing was changed",
        ] {
            assert!(error.contains(words), "no `{words}` in {error}");
        }
    }
    let program = Program::on(db.url())?;
    for command in [&["down"][..], &["fresh"], &["refresh"], &["reset"]] {
        let output = program.run(command).await?;
        assert_eq!(output.status, Some(1), "{output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    }
    Migrator::up(&pool, None).await?;
    let after = contents(&db, &["database_properties", "seaql_migrations"]).await?;
    assert_eq!(after, before);
    Ok(())
}

async fn f21_properties_are_set_replaced_and_removed(db: TestDb) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    properties::set_in_txn(&txn, Property::Environment, "staging").await?;
    properties::set_in_txn(&txn, Property::Environment, "test").await?;
    properties::set_in_txn(&txn, Property::Protected, "").await?;
    properties::set_in_txn(&txn, Property::IgnoredTable("orders"), "the shop's").await?;
    txn.commit().await?;
    let read = properties::read(&pool).await?;
    assert_eq!(read.environment.as_deref(), Some("test"));
    assert_eq!(read.protected.as_deref(), Some(""));
    assert_eq!(read.ignored_tables, ["orders"]);
    let txn = pool.begin().await?;
    assert!(properties::remove_in_txn(&txn, Property::Protected).await?);
    assert!(!properties::remove_in_txn(&txn, Property::Protected).await?);
    txn.commit().await?;
    assert_eq!(properties::read(&pool).await?.protection(), None);
    Ok(())
}

async fn f21_the_first_migration_stores_the_environment_and_later_ones_do_not(
    db: TestDb,
) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    assert_eq!(
        properties::read(&pool).await?,
        properties::Properties::default()
    );
    let options = RunOptions::default().environment("staging");
    run::up(&pool, Target::Steps(4), &options).await?;
    assert_eq!(properties::read(&pool).await?.environment, None);
    run::up(&pool, Target::End, &options).await?;
    let stored = properties::read(&pool).await?.environment;
    assert_eq!(stored.as_deref(), Some("staging"));
    let other = RunOptions::default().environment("test");
    for outcome in [
        run::up(&pool, Target::End, &other).await.map(|_| ()),
        run::down(&pool, Target::Steps(1), &other).await.map(|_| ()),
        run::fresh(&pool, &other).await,
    ] {
        let error = outcome.unwrap_err();
        assert!(
            matches!(error, RunError::OtherEnvironment { .. }),
            "{error}"
        );
    }
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));

    // A database that has none is not given one by whoever comes along.
    db.sql("delete from database_properties").await?;
    run::up(&pool, Target::End, &options).await?;
    assert_eq!(properties::read(&pool).await?.environment, None);
    Ok(())
}

async fn f21_a_production_database_is_protected_without_a_mark(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    let up = program
        .with(&["up"])
        .env("OUTREACH_ENVIRONMENT", "production");
    assert_eq!(up.run().await?.status, Some(0));
    let output = program.run(&["fresh"]).await?;
    assert_eq!(output.status, Some(1));
    assert!(output.stderr.contains("`production`"), "{output:?}");
    // Whoever says so is believed before it is stored.
    db.sql("delete from database_properties").await?;
    let down = program
        .with(&["down"])
        .env("OUTREACH_ENVIRONMENT", "production");
    assert_eq!(down.run().await?.status, Some(1));
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    Ok(())
}

async fn the_environment_outlives_fresh_and_refresh(db: TestDb) -> anyhow::Result<()> {
    up(&db, None).await?;
    db.sql(
        "insert into database_properties (name, value) values ('environment', 'test'), \
         ('ignored_table:orders', 'x')",
    )
    .await?;
    let pool = db.connect_plain().await?;
    Migrator::refresh(&pool).await?;
    let read = properties::read(&pool).await?;
    assert_eq!(read.environment.as_deref(), Some("test"));
    assert_eq!(read.ignored_tables, ["orders"]);
    Migrator::fresh(&pool).await?;
    let read = properties::read(&pool).await?;
    assert_eq!(read.environment.as_deref(), Some("test"));
    assert_eq!(read.ignored_tables, [""; 0], "they went with the tables");
    assert!(
        tables(&db)
            .await?
            .contains(&"database_properties".to_owned())
    );
    Ok(())
}
