//! `outreach migrate`.

use outreach_tests::{Outreach, TestDb, matrix_tests};

use super::{assert_one_line, contents, folder, json, outreach};

matrix_tests! {
    f09_the_history_is_drawn_newest_first_with_what_is_applied;
    on_empty:
    f11_up_and_down_move_along_the_chain,
    nothing_said_means_up,
    f18_status_only_looks,
}

async fn f11_up_and_down_move_along_the_chain(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |arguments: &[&str]| {
        let run = outreach(&folder, &db)
            .args(["migrate", "--json"])
            .args(arguments);
        json(&run.run().await?)
    };
    let applied = |chain: &serde_json::Value| {
        let revisions = chain["revisions"].as_array().unwrap().iter();
        revisions.filter(|one| one["applied"] == true).count()
    };
    assert_eq!(applied(&run(&["up", "-n", "4"]).await?), 4);
    let chain = run(&["status"]).await?;
    assert_eq!(
        chain["current"],
        "m20251201_000004_556b79de2825_add_discovery_query_id_to_prospects"
    );
    assert_eq!(chain["head"], "m20260101_000004_create_database_properties");
    assert_eq!(chain["revisions"][1]["alembic"], "4b9608290b5d");
    assert_eq!(applied(&run(&["down"]).await?), 3);
    assert_eq!(applied(&run(&["up"]).await?), 8);
    assert_eq!(applied(&run(&["refresh"]).await?), 8);
    assert_eq!(applied(&run(&["down", "--num", "2"]).await?), 6);
    assert_eq!(applied(&run(&["fresh"]).await?), 8);
    assert_eq!(applied(&run(&["reset"]).await?), 0);
    Ok(())
}

async fn nothing_said_means_up(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let up = outreach(&folder, &db).arg("migrate").run().await?;
    assert_eq!((up.status, up.stdout.as_str()), (Some(0), ""), "{up:?}");
    let line = "Migration 'm20260101_000004_create_database_properties' has been applied\n";
    assert!(up.stderr.contains(line), "{}", up.stderr);
    assert!(!up.stderr.contains("INFO"), "{}", up.stderr);
    let again = outreach(&folder, &db).args(["migrate", "up"]).run().await?;
    assert!(again.stderr.contains("No pending migrations"), "{again:?}");
    Ok(())
}

async fn f18_status_only_looks(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    // The file has to be there, and is, once a connection was made.
    db.sql("select 1").await?;
    let status = outreach(&folder, &db)
        .args(["migrate", "status"])
        .run()
        .await?;
    assert_eq!(
        (status.status, status.stderr.as_str()),
        (Some(0), ""),
        "{status:?}"
    );
    // Once for each database.
    insta::allow_duplicates! {
    insta::assert_snapshot!(status.stdout, @r"
    Migration 'm20251201_000001_000000000000_create_base_tables'... Pending
    Migration 'm20251201_000002_4b9608290b5d_add_settings_table'... Pending
    Migration 'm20251201_000003_add_discovery_query_table'... Pending
    Migration 'm20251201_000004_556b79de2825_add_discovery_query_id_to_prospects'... Pending
    Migration 'm20260101_000001_unique_prospect_domain_and_discovery_query'... Pending
    Migration 'm20260101_000002_create_job_runs'... Pending
    Migration 'm20260101_000003_create_revision_checksums'... Pending
    Migration 'm20260101_000004_create_database_properties'... Pending
    ");
    }
    assert!(contents(&db).await?.is_empty());
    Ok(())
}

async fn f09_the_history_is_drawn_newest_first_with_what_is_applied(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let down = outreach(&folder, &db).args(["migrate", "down", "-n", "1"]);
    assert_eq!(down.run().await?.status, Some(0));
    let history = outreach(&folder, &db)
        .args(["migrate", "history"])
        .run()
        .await?;
    let lines: Vec<&str> = history.stdout.lines().collect();
    assert_eq!(lines.len(), 8, "{history:?}");
    assert!(lines[0].starts_with("[ ] m20260101_000003"), "{}", lines[0]);
    assert!(lines[0].contains("-> m20260101_000004_create_database_properties (head), "));
    assert!(
        lines[1].starts_with("[x] ") && lines[1].contains("(current)"),
        "{}",
        lines[1]
    );
    assert!(lines[4].contains("[Alembic 556b79de2825]"), "{}", lines[4]);
    assert!(
        lines[7].starts_with("[x] <base> -> m20251201_000001"),
        "{}",
        lines[7]
    );
    Ok(())
}

#[tokio::test]
async fn the_history_needs_no_database_where_none_is_named() -> anyhow::Result<()> {
    let folder = folder()?;
    let history = Outreach::new(&folder)
        .args(["migrate", "history"])
        .run()
        .await?;
    assert_eq!(history.status, Some(0), "{history:?}");
    assert!(history.stdout.lines().all(|line| line.starts_with("[ ] ")));
    assert_eq!(std::fs::read_dir(&folder)?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn commands_for_a_checkout_are_refused_with_where_to_run_them() -> anyhow::Result<()> {
    let folder = folder()?;
    let init = Outreach::new(&folder)
        .args(["migrate", "init"])
        .run()
        .await?;
    assert_one_line(&init, 1, &["sea-orm-cli migrate init"]);
    let generate = Outreach::new(&folder)
        .args(["migrate", "generate", "add_x"])
        .run()
        .await?;
    assert_one_line(&generate, 1, &["sea-orm-cli migrate generate"]);
    assert_eq!(std::fs::read_dir(&folder)?.count(), 0);
    Ok(())
}
