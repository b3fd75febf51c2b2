//! What is recorded of the schema, and in the database.

use std::fs;

use outreach_migration::{REVISIONS, checksums, snapshots};
use outreach_tests::{
    TestDb, matrix_tests,
    snapshots::{SNAPSHOTS, replay_on, text},
};

use super::support::{down, names, up};

matrix_tests! {
    on_empty:
    f04_the_recorded_schemas_are_those_that_the_revisions_leave,
    each_applied_revision_has_its_checksum_and_one_taken_back_has_none,
    a_recorded_checksum_stays_as_it_was_recorded,
}

async fn f04_the_recorded_schemas_are_those_that_the_revisions_leave(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = format!("{:?}", db.backend()).to_lowercase();
    let schemas = replay_on(&db).await?;
    for (revision, schema) in REVISIONS.iter().zip(&schemas) {
        let path = format!("snapshots/{folder}/{}.json", revision.name);
        let file = fs::read_to_string(SNAPSHOTS.path()?.join(&path))?;
        assert_eq!(text(schema)?, file, "run regenerate-snapshots: {path}");
        let compiled = snapshots::snapshot(db.backend(), revision.name);
        assert_eq!(compiled, Some(file.as_str()), "{path}");
    }
    assert_eq!(schemas.len(), REVISIONS.len());
    Ok(())
}

async fn recorded(db: &TestDb) -> anyhow::Result<Vec<(String, String)>> {
    let pool = db.connect_plain().await?;
    let recorded = checksums::recorded(&pool).await?;
    pool.close().await?;
    Ok(recorded.into_iter().collect())
}

fn checksums_of(db: &TestDb, count: usize) -> Vec<(String, String)> {
    let checksum = |name: String| {
        let checksum = snapshots::checksum(db.backend(), &name).expect("it is recorded");
        (name, checksum)
    };
    names(count).into_iter().map(checksum).collect()
}

async fn each_applied_revision_has_its_checksum_and_one_taken_back_has_none(
    db: TestDb,
) -> anyhow::Result<()> {
    let all = REVISIONS.len();
    let checksums = REVISIONS
        .iter()
        .position(|one| one.name.ends_with("create_revision_checksums"));
    let before = checksums.expect("it is in the chain");
    up(&db, u32::try_from(before)?).await?;
    assert_eq!(recorded(&db).await?, [], "the table is not there yet");
    up(&db, None).await?;
    assert_eq!(recorded(&db).await?, checksums_of(&db, all));
    db.sql("insert into revision_checksums (version, checksum) values ('m1_gone', 'x')")
        .await?;
    up(&db, None).await?;
    assert_eq!(recorded(&db).await?, checksums_of(&db, all));
    down(&db, 1).await?;
    assert_eq!(recorded(&db).await?, checksums_of(&db, all - 1));
    down(&db, u32::try_from(all - 1 - before)?).await?;
    assert_eq!(recorded(&db).await?, []);
    Ok(())
}

async fn a_recorded_checksum_stays_as_it_was_recorded(db: TestDb) -> anyhow::Result<()> {
    up(&db, None).await?;
    db.sql("update revision_checksums set checksum = 'of another build'")
        .await?;
    up(&db, None).await?;
    let recorded = recorded(&db).await?;
    assert!(recorded.iter().all(|(_, sum)| sum == "of another build"));
    assert_eq!(recorded.len(), REVISIONS.len());
    Ok(())
}
