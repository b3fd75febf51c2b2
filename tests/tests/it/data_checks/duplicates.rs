//! Duplicates, at the revision that still allows them.

use outreach_service::data_checks::{DataCode, Remedy};
use outreach_tests::{Outreach, TestDb, matrix_tests};

use super::{
    cases::{job, prospect, query},
    findings, up,
};

/// The revisions that mirror Alembic's.
const MIRRORED: u32 = 4;

matrix_tests! {
    on_empty:
    f26_duplicates_are_found_and_the_chain_merges_them,
}

async fn f26_duplicates_are_found_and_the_chain_merges_them(db: TestDb) -> anyhow::Result<()> {
    up(&db, MIRRORED).await?;
    let backend = db.backend();
    assert_eq!(findings(&db).await?, []);
    let mut rows = job(backend, 1, "", "");
    for number in [2, 3, 4] {
        rows += &prospect(backend, number, "domain", "'a.example.com'");
    }
    rows += &prospect(backend, 5, "", "");
    for number in [12, 13] {
        rows += &query(backend, number, "status", "'success'").replace("'k13'", "'k12'");
    }
    db.sql(&rows).await?;

    let found = findings(&db).await?;
    let key = |number| uuid::Uuid::from_u128(number).to_string();
    let seen: Vec<_> = found
        .iter()
        .map(|f| (f.code, f.count, f.ids.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (DataCode::DomainDuplicate, 2, vec![key(3), key(4)]),
            (DataCode::QueryDuplicate, 1, vec![key(13)]),
        ]
    );
    let command = Remedy::Command("outreach migrate up".to_owned());
    assert!(found.iter().all(|f| f.remedy == command), "{found:?}");

    let folder = tempfile::tempdir()?;
    let migrate = Outreach::new(&folder).env("DATABASE_URL", db.url());
    let output = migrate.args(["migrate", "up"]).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(findings(&db).await?, []);

    // At a later revision the command would do nothing.
    db.sql("drop index uq_prospects_domain").await?;
    db.sql(&prospect(backend, 6, "domain", "'a.example.com'"))
        .await?;
    let found = findings(&db).await?;
    assert_eq!(found[0].code, DataCode::DomainDuplicate);
    assert!(matches!(found[0].remedy, Remedy::Advice(_)), "{found:?}");
    Ok(())
}
