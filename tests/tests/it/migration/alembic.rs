//! Alembic's ledger beside SeaORM's.

use outreach_migration::REVISIONS;
use outreach_tests::{TestDb, matrix_tests};

use super::{
    facts::facts,
    support::{MIRRORED, down, ledger, tables, texts, up},
};

pub(crate) const CREATE_LEDGER: &str = "create table alembic_version \
     (version_num varchar(32) not null, constraint alembic_version_pkc primary key (version_num))";

matrix_tests! {
    on_empty:
    alembics_ledger_moves_with_each_mirrored_revision_up_and_down,
    a_ledger_of_alembic_that_disagrees_is_refused_and_nothing_changes,
    no_ledger_of_alembic_is_made,
    a_failed_revision_leaves_alembics_ledger_alone,
}

async fn versions(db: &TestDb) -> anyhow::Result<Vec<String>> {
    let rows = db
        .sql("select version_num from alembic_version order by 1")
        .await?;
    Ok(texts(rows))
}

/// The mirrored revision that the first `count` revisions end with.
fn expected(count: usize) -> Vec<&'static str> {
    let last = REVISIONS[..count].iter().rev().find_map(|r| r.alembic);
    last.into_iter().collect()
}

async fn alembics_ledger_moves_with_each_mirrored_revision_up_and_down(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql(CREATE_LEDGER).await?;
    for count in 1..=REVISIONS.len() {
        up(&db, 1).await?;
        assert_eq!(versions(&db).await?, expected(count));
    }
    assert_eq!(versions(&db).await?, ["556b79de2825"]);
    for count in (0..REVISIONS.len()).rev() {
        down(&db, 1).await?;
        assert_eq!(versions(&db).await?, expected(count));
    }
    Ok(())
}

async fn a_ledger_of_alembic_that_disagrees_is_refused_and_nothing_changes(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql(CREATE_LEDGER).await?;
    for applied in 0..MIRRORED {
        let right = versions(&db).await?;
        for wrong in [&["x"][..], &["000000000000", "556b79de2825"], &[]] {
            if wrong == right {
                continue;
            }
            fill(&db, wrong).await?;
            let before = (facts(&db).await?, ledger(&db).await?);
            let error = up(&db, None).await.unwrap_err().to_string();
            assert!(error.contains("alembic_version"), "{error}");
            assert_eq!((facts(&db).await?, ledger(&db).await?), before);
            assert_eq!(versions(&db).await?, wrong);
            if applied > 0 {
                let error = down(&db, 1).await.unwrap_err().to_string();
                assert!(error.contains("alembic_version"), "{error}");
                assert_eq!((facts(&db).await?, ledger(&db).await?), before);
            }
        }
        let right: Vec<&str> = right.iter().map(String::as_str).collect();
        fill(&db, &right).await?;
        up(&db, 1).await?;
    }
    Ok(())
}

async fn fill(db: &TestDb, versions: &[&str]) -> anyhow::Result<()> {
    db.sql("delete from alembic_version").await?;
    for version in versions {
        db.sql(&format!("insert into alembic_version values ('{version}')"))
            .await?;
    }
    Ok(())
}

async fn no_ledger_of_alembic_is_made(db: TestDb) -> anyhow::Result<()> {
    for _ in REVISIONS {
        up(&db, 1).await?;
        assert!(!tables(&db).await?.contains(&"alembic_version".to_owned()));
    }
    down(&db, None).await?;
    assert_eq!(tables(&db).await?, ["seaql_migrations"]);
    Ok(())
}

async fn a_failed_revision_leaves_alembics_ledger_alone(db: TestDb) -> anyhow::Result<()> {
    db.sql(CREATE_LEDGER).await?;
    up(&db, 1).await?;
    // In the way of the third revision; the second goes back with it.
    db.sql("create table discovery_queries (id integer)")
        .await?;
    let before = (facts(&db).await?, ledger(&db).await?);

    assert!(up(&db, None).await.is_err());

    assert_eq!(versions(&db).await?, ["000000000000"]);
    assert_eq!((facts(&db).await?, ledger(&db).await?), before);
    Ok(())
}
