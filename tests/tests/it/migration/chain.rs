//! The chain as a list.

use std::collections::{BTreeMap, BTreeSet};

use outreach_migration::{Migrator, MigratorTrait, REVISIONS};
use outreach_tests::{TestDb, matrix_tests};

use super::support::{ledger, names, tables, up};

matrix_tests! {
    on_empty:
    f15_each_table_is_made_by_one_revision,
    f09_a_gap_in_the_ledger_is_refused_and_nothing_changes,
    f09_a_revision_of_a_newer_build_is_refused_and_nothing_changes,
    f17_every_command_looks_at_the_ledger_first,
}

#[test]
fn f10_the_list_of_revisions_is_the_list_that_the_migrator_runs() {
    let migrations = Migrator::migrations();
    let run: Vec<&str> = migrations
        .iter()
        .map(|migration| migration.name())
        .collect();
    assert_eq!(run, names(REVISIONS.len()));
}

#[test]
fn f06_the_entities_are_those_of_the_last_revision() {
    assert_eq!(outreach_entity::REVISIONS, names(REVISIONS.len()));
}

#[test]
fn f10_the_mirrored_revisions_come_first_and_in_the_order_of_alembic() {
    let ids: Vec<Option<&str>> = REVISIONS.iter().map(|revision| revision.alembic).collect();
    let mirrored = [
        "000000000000",
        "4b9608290b5d",
        "add_discovery_query",
        "556b79de2825",
    ];
    assert_eq!(ids[..4], mirrored.map(Some));
    assert!(ids[4..].iter().all(Option::is_none));
}

#[test]
fn f09_revisions_are_one_line_in_the_order_of_their_names() {
    let names = names(REVISIONS.len());
    assert!(names.is_sorted());
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    for name in names {
        let digits = |range: std::ops::Range<usize>| {
            name.get(range)
                .is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        assert!(
            name.starts_with('m') && digits(1..9) && digits(10..16),
            "{name} is not named as sea-orm-cli names a revision"
        );
    }
}

#[test]
fn f12_names_fit_into_both_ledgers() {
    for revision in REVISIONS {
        // SeaORM's column has no limit; a name is also a file's.
        assert!(revision.name.len() <= 100, "{}", revision.name);
        // Alembic's `version_num` is varchar(32).
        assert!(revision.alembic.is_none_or(|id| id.len() <= 32));
        assert!(!revision.summary.is_empty());
    }
}

async fn f15_each_table_is_made_by_one_revision(db: TestDb) -> anyhow::Result<()> {
    let mut owners = BTreeMap::new();
    let mut before = BTreeSet::new();
    for revision in REVISIONS {
        up(&db, 1).await?;
        let now: BTreeSet<String> = tables(&db).await?.into_iter().collect();
        assert!(now.is_superset(&before), "{} drops a table", revision.name);
        for table in now.difference(&before) {
            let earlier = owners.insert(table.clone(), revision.name);
            assert_eq!(earlier, None, "{table} has two owners");
        }
        before = now;
    }
    owners.remove("seaql_migrations");
    let entities: Vec<&str> = outreach_entity::tables()
        .iter()
        .map(|table| table.name)
        .collect();
    assert!(owners.keys().eq(entities), "{owners:?}");
    Ok(())
}

async fn f09_a_gap_in_the_ledger_is_refused_and_nothing_changes(db: TestDb) -> anyhow::Result<()> {
    up(&db, 2).await?;
    let first = REVISIONS[0].name;
    db.sql(&format!(
        "delete from seaql_migrations where version = '{first}'"
    ))
    .await?;
    let before = (tables(&db).await?, ledger(&db).await?);

    let error = up(&db, None).await.unwrap_err().to_string();

    assert!(
        error.contains(first) && error.contains(REVISIONS[1].name),
        "{error}"
    );
    assert_eq!((tables(&db).await?, ledger(&db).await?), before);
    Ok(())
}

async fn f09_a_revision_of_a_newer_build_is_refused_and_nothing_changes(
    db: TestDb,
) -> anyhow::Result<()> {
    up(&db, 1).await?;
    db.sql("insert into seaql_migrations values ('m20990101_000001_future', 0)")
        .await?;
    let before = (tables(&db).await?, ledger(&db).await?);

    let error = up(&db, None).await.unwrap_err().to_string();

    assert!(error.contains("m20990101_000001_future"), "{error}");
    assert_eq!((tables(&db).await?, ledger(&db).await?), before);
    Ok(())
}

async fn f17_every_command_looks_at_the_ledger_first(db: TestDb) -> anyhow::Result<()> {
    up(&db, 2).await?;
    db.sql("insert into seaql_migrations values ('m20990101_000001_future', 0)")
        .await?;
    let before = (tables(&db).await?, ledger(&db).await?);
    let pool = db.connect_plain().await?;
    let outcomes = [
        Migrator::status(&pool).await,
        Migrator::down(&pool, Some(1)).await,
        Migrator::refresh(&pool).await,
        Migrator::reset(&pool).await,
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("m20990101_000001_future"), "{error}");
    }
    assert_eq!((tables(&db).await?, ledger(&db).await?), before);
    Ok(())
}
