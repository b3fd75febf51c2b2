//! The recorded schemas against what the chain really makes.

use outreach_migration::{REVISIONS, snapshots};
use outreach_tests::{TestDb, matrix_tests, snapshots::replay_on};
use schema_audit::{compare::compare, schema::Schema};

use super::{found, live};
use crate::migration::support::{down, up};

matrix_tests! {
    on_empty:
    f04_no_revision_drifts_from_what_is_recorded_of_it,
    f11_every_revision_up_and_down_is_clean_in_its_own_audit,
    f15_each_table_and_column_comes_with_one_revision,
    f06_an_audit_of_a_database_behind_names_what_is_pending,
}

fn recorded(db: &TestDb, revision: &str) -> anyhow::Result<Schema> {
    let text = snapshots::snapshot(db.backend(), revision).unwrap_or_default();
    Ok(serde_json::from_str(text)?)
}

async fn f04_no_revision_drifts_from_what_is_recorded_of_it(db: TestDb) -> anyhow::Result<()> {
    let replayed = replay_on(&db).await?;
    assert_eq!(replayed.len(), REVISIONS.len());
    for (revision, live) in REVISIONS.iter().zip(replayed) {
        let recorded = recorded(&db, revision.name)?;
        assert!(!recorded.tables.is_empty());
        assert_eq!(compare(&recorded, &live), [], "{}", revision.name);
        assert_eq!(compare(&live, &recorded), [], "{}", revision.name);
    }
    Ok(())
}

async fn f11_every_revision_up_and_down_is_clean_in_its_own_audit(
    db: TestDb,
) -> anyhow::Result<()> {
    for revision in REVISIONS {
        up(&db, 1).await?;
        let found = found(&db, &["--revision", revision.name]).await?;
        assert_eq!(found, [""; 0], "up to {}", revision.name);
    }
    for revision in REVISIONS.iter().rev().skip(1) {
        down(&db, 1).await?;
        let live = live(&db).await?;
        let left = compare(&recorded(&db, revision.name)?, &live);
        assert_eq!(left, [], "down to {}", revision.name);
    }
    Ok(())
}

async fn f15_each_table_and_column_comes_with_one_revision(db: TestDb) -> anyhow::Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for revision in REVISIONS {
        let schema = recorded(&db, revision.name)?;
        let now: std::collections::BTreeSet<_> = schema
            .tables
            .iter()
            .flat_map(|table| {
                let name = &table.name.name;
                table
                    .columns
                    .iter()
                    .map(move |c| (name.clone(), c.name.clone()))
            })
            .collect();
        // Nothing that an earlier revision owns is taken over or dropped.
        assert!(seen.is_subset(&now), "{}", revision.name);
        seen = now;
    }
    Ok(())
}

async fn f06_an_audit_of_a_database_behind_names_what_is_pending(db: TestDb) -> anyhow::Result<()> {
    let behind = REVISIONS
        .iter()
        .position(|revision| revision.name.ends_with("create_database_properties"))
        .ok_or_else(|| anyhow::anyhow!("the chain has no such revision"))?;
    up(&db, u32::try_from(behind)?).await?;
    let found = found(&db, &[]).await?;
    for line in [
        "table-missing database_properties database",
        "column-missing job_runs.errors database",
    ] {
        assert!(found.iter().any(|found| found == line), "{found:?}");
    }
    for revision in &REVISIONS[behind..] {
        let pending = format!("revision-pending seaql_migrations.{}", revision.name);
        assert!(found.contains(&pending), "{found:?}");
    }
    Ok(())
}
