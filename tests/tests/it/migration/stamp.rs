//! The ledgers written by hand, after a look at the schema.

use outreach_migration::{REVISIONS, Revision, checksums, run::RunOptions};
use outreach_operations::stamp::{StampError, plan_stamp, stamp};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DatabaseConnection;

use super::{
    alembic::CREATE_LEDGER,
    facts::facts,
    support::{ledger, names, tables, texts, up},
};

matrix_tests! {
    on_empty:
    f17_a_lost_ledger_is_written_again_for_every_revision,
    f17_a_ledger_with_wrong_rows_is_put_right,
    f14_a_schema_that_differs_is_refused_by_its_differences,
    the_empty_database_is_stamped_as_base,
}

async fn stamped(pool: &DatabaseConnection, revision: &'static Revision) -> anyhow::Result<()> {
    stamp(pool, Some(revision), &[], &RunOptions::default()).await?;
    Ok(())
}

async fn versions(db: &TestDb) -> anyhow::Result<Vec<String>> {
    Ok(texts(
        db.sql("select version_num from alembic_version").await?,
    ))
}

async fn f17_a_lost_ledger_is_written_again_for_every_revision(db: TestDb) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    db.sql(CREATE_LEDGER).await?;
    for (index, revision) in REVISIONS.iter().enumerate() {
        up(&db, 1).await?;
        let before = facts(&db).await?;
        let (alembic, sums) = (versions(&db).await?, checksums::recorded(&pool).await?);
        db.sql("drop table seaql_migrations").await?;
        db.sql("delete from alembic_version").await?;
        let planned = plan_stamp(&pool, Some(revision), &[]).await?;
        assert_eq!(planned.applied_before, None);
        assert!(!planned.is_done());
        assert!(!tables(&db).await?.contains(&"seaql_migrations".to_owned()));

        stamped(&pool, revision).await?;

        assert_eq!(ledger(&db).await?, names(index + 1));
        assert_eq!(facts(&db).await?, before, "the ledger is SeaORM's");
        assert_eq!(versions(&db).await?, alembic);
        assert_eq!(checksums::recorded(&pool).await?, sums);
        assert!(plan_stamp(&pool, Some(revision), &[]).await?.is_done());
    }
    Ok(())
}

async fn f17_a_ledger_with_wrong_rows_is_put_right(db: TestDb) -> anyhow::Result<()> {
    up(&db, 4).await?;
    db.sql(CREATE_LEDGER).await?;
    db.sql("insert into alembic_version values ('000000000000')")
        .await?;
    db.sql("insert into alembic_version values ('gone')")
        .await?;
    db.sql("delete from seaql_migrations where version like '%000002%'")
        .await?;
    db.sql("insert into seaql_migrations values ('m20990101_000001_future', 0)")
        .await?;
    assert!(up(&db, None).await.is_err());
    let pool = db.connect_plain().await?;
    stamped(&pool, &REVISIONS[3]).await?;
    assert_eq!(ledger(&db).await?, names(4));
    assert_eq!(versions(&db).await?, ["556b79de2825"]);
    up(&db, None).await
}

async fn f14_a_schema_that_differs_is_refused_by_its_differences(db: TestDb) -> anyhow::Result<()> {
    up(&db, 4).await?;
    db.sql("drop index ix_prospects_domain").await?;
    db.sql("create table orders (id integer)").await?;
    let before = (facts(&db).await?, ledger(&db).await?);
    let pool = db.connect_plain().await?;
    for revision in REVISIONS {
        let error = stamp(&pool, Some(revision), &[], &RunOptions::default()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, StampError::Differs { .. }), "{error}");
        if *revision == REVISIONS[3] {
            let text = error.to_string();
            assert!(text.contains("ix_prospects_domain"), "{text}");
            assert!(text.contains("orders"), "{text}");
        }
    }
    let base = stamp(&pool, None, &[], &RunOptions::default()).await;
    assert!(matches!(base, Err(StampError::Differs { .. })), "{base:?}");
    assert_eq!((facts(&db).await?, ledger(&db).await?), before);

    db.sql("create index ix_prospects_domain on prospects (domain)")
        .await?;
    stamp(
        &pool,
        Some(&REVISIONS[3]),
        &["orders".to_owned()],
        &RunOptions::default(),
    )
    .await?;
    Ok(())
}

async fn the_empty_database_is_stamped_as_base(db: TestDb) -> anyhow::Result<()> {
    db.sql(CREATE_LEDGER).await?;
    db.sql("insert into alembic_version values ('556b79de2825')")
        .await?;
    let pool = db.connect_plain().await?;
    stamp(&pool, None, &[], &RunOptions::default()).await?;
    assert!(versions(&db).await?.is_empty() && ledger(&db).await?.is_empty());
    up(&db, None).await?;
    assert_eq!(versions(&db).await?, ["556b79de2825"]);
    Ok(())
}
