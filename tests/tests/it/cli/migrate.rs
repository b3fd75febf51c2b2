//! `outreach migrate`.

use outreach_tests::{Outreach, TestDb, matrix_tests};

use super::{assert_one_line, contents, folder, json, outreach};

matrix_tests! {
    f09_the_history_is_drawn_newest_first_with_what_is_applied,
    f17_current_says_both_ledgers_in_alembics_words,
    f17_a_stamp_is_planned_refused_and_written;
    on_empty:
    f13_a_script_of_the_command_leaves_a_clean_audit_and_a_right_ledger,
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
    assert_eq!(chain["head"], "m20260101_000005_job_run_claims");
    assert_eq!(chain["revisions"][1]["alembic"], "4b9608290b5d");
    assert_eq!(applied(&run(&["down"]).await?), 3);
    assert_eq!(applied(&run(&["up"]).await?), 9);
    assert_eq!(applied(&run(&["refresh"]).await?), 9);
    assert_eq!(applied(&run(&["down", "--num", "2"]).await?), 7);
    assert_eq!(applied(&run(&["fresh"]).await?), 9);
    assert_eq!(applied(&run(&["reset"]).await?), 0);
    Ok(())
}

async fn nothing_said_means_up(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let up = outreach(&folder, &db).arg("migrate").run().await?;
    assert_eq!((up.status, up.stdout.as_str()), (Some(0), ""), "{up:?}");
    let line = "Migration 'm20260101_000005_job_run_claims' has been applied\n";
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
    Migration 'm20260101_000005_job_run_claims'... Pending
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
    assert_eq!(lines.len(), 9, "{history:?}");
    assert!(lines[0].starts_with("[ ] m20260101_000004"), "{}", lines[0]);
    assert!(lines[0].contains("-> m20260101_000005_job_run_claims (head), "));
    assert!(
        lines[1].starts_with("[x] ") && lines[1].contains("(current)"),
        "{}",
        lines[1]
    );
    assert!(lines[5].contains("[Alembic 556b79de2825]"), "{}", lines[5]);
    assert!(
        lines[8].starts_with("[x] <base> -> m20251201_000001"),
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

async fn f13_a_script_of_the_command_leaves_a_clean_audit_and_a_right_ledger(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |words: &[&str]| outreach(&folder, &db).args(words).run().await;
    db.sql(crate::migration::CREATE_ALEMBICS_LEDGER).await?;
    let script = run(&["migrate", "up", "--sql", "--environment", "staging"]).await?;
    assert_eq!((script.status, script.stderr.as_str()), (Some(0), ""));
    assert_eq!(contents(&db).await?.len(), 1, "a script is only printed");
    db.sql(&script.stdout).await?;
    let audit = run(&["audit", "--data"]).await?;
    assert_eq!(audit.status, Some(0), "{audit:?}");
    let current = run(&["current"]).await?;
    assert_eq!(
        current.stdout,
        "m20260101_000005_job_run_claims (head)\n\
         alembic_version: 556b79de2825 (head)\n"
    );
    let again = db.sql(&script.stdout).await;
    assert!(again.is_err(), "it is not at base any more");
    let down = ["migrate", "down", "--sql", "--to", "4b9608290b5d"];
    db.sql(&run(&down).await?.stdout).await?;
    let audit = run(&["audit", "--revision", "4b9608290b5d"]).await?;
    assert_eq!(audit.status, Some(0), "{audit:?}");
    Ok(())
}

async fn f17_current_says_both_ledgers_in_alembics_words(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |words: &[&str]| outreach(&folder, &db).args(words).run().await;
    let head = "m20260101_000005_job_run_claims (head)\n";
    assert_eq!(run(&["current"]).await?.stdout, head);
    db.sql(crate::migration::CREATE_ALEMBICS_LEDGER).await?;
    db.sql("insert into alembic_version values ('4b9608290b5d')")
        .await?;
    let words = "alembic_version: 4b9608290b5d; the chain is at 556b79de2825";
    assert!(run(&["current"]).await?.stdout.contains(words));
    assert!(run(&["history"]).await?.stdout.contains(words));
    let json = json(&run(&["migrate", "current", "--json"]).await?)?;
    assert_eq!(json["alembic_version"][0], "4b9608290b5d");
    assert_eq!(json["current"], json["head"]);
    Ok(())
}

async fn f17_a_stamp_is_planned_refused_and_written(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |words: &[&str]| {
        let stamp = outreach(&folder, &db).args(["migrate", "stamp"]);
        stamp.args(words).run().await
    };
    db.sql("delete from seaql_migrations").await?;
    let refused = run(&["556b79de2825"]).await?;
    assert_one_line(
        &refused,
        1,
        &["table-unexpected", "job_runs", "Nothing was changed"],
    );
    let planned = run(&["head", "--plan"]).await?;
    assert!(
        planned.stdout.contains("would say: m20260101_000005"),
        "{planned:?}"
    );
    assert_eq!(db.count("select count(*) from seaql_migrations").await?, 0);
    assert_eq!(run(&["head"]).await?.status, Some(0));
    assert_eq!(db.count("select count(*) from seaql_migrations").await?, 9);
    assert!(run(&["head"]).await?.stdout.contains("says already"));
    Ok(())
}

#[tokio::test]
async fn what_only_shows_is_never_taken_for_a_run() -> anyhow::Result<()> {
    let folder = folder()?;
    for (words, says) in [
        (
            &["migrate", "--plan", "down"][..],
            "go after the subcommand",
        ),
        (&["migrate", "--sql", "fresh"], "go after the subcommand"),
        (&["migrate", "up", "--sql", "-n", "2"], "--from and --to"),
        (
            &["migrate", "down", "--sql", "--from", "base"],
            "nothing to do",
        ),
    ] {
        let output = Outreach::new(&folder).args(words).run().await?;
        assert_one_line(&output, 1, &[says]);
    }
    for words in [
        &["migrate", "up", "--lock-timeout", "five"][..],
        &["migrate", "up", "--environment", "Production"],
        &["migrate", "up", "--to", "nope"],
        &["migrate", "up", "--plan", "--sql"],
        &["migrate", "fresh", "--plan"],
    ] {
        let output = Outreach::new(&folder).args(words).run().await?;
        assert_eq!(output.status, Some(1), "{words:?}: {output:?}");
    }
    // The plan of the first run of all, without a database.
    let plan = Outreach::new(&folder)
        .args(["migrate", "--plan"])
        .run()
        .await?;
    assert_eq!(plan.status, Some(0), "{plan:?}");
    assert!(
        plan.stdout.contains("-- apply m20251201_000001"),
        "{plan:?}"
    );
    let script = Outreach::new(&folder)
        .args(["migrate", "up", "--sql"])
        .run()
        .await?;
    assert!(script.stdout.contains("-- SQLite."), "{script:?}");
    let script = Outreach::new(&folder).args([
        "migrate",
        "up",
        "--sql",
        "--dialect",
        "postgres",
        "--schema",
        "a\"b",
    ]);
    let script = script.run().await?;
    assert!(
        script
            .stdout
            .contains("SET LOCAL search_path TO \"a\"\"b\";"),
        "{script:?}"
    );
    assert_eq!(std::fs::read_dir(&folder)?.count(), 0);
    Ok(())
}
