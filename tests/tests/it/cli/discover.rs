//! `outreach discover` over files.

use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;
use serde_json::Value;

use super::{assert_one_line, contents, discover_examples, examples, folder, json, outreach};

matrix_tests! {
    f24_results_of_one_run_that_fails_leave_a_failed_job,
    f07_what_is_missing_is_refused_with_what_to_give,
    the_limit_is_kept_and_what_is_over_it_is_counted,
    only_web_sites_with_a_contact_are_saved_where_one_is_required,
    rows_that_answer_no_search_are_named,
    the_outcome_is_a_short_table;
    on_empty:
    f34_every_result_meets_one_end_and_a_second_run_saves_nothing,
    a_fresh_database_is_not_set_up_unless_asked_for,
}

/// The statistics of a run, and whether their ends add up.
pub(super) fn statistics(outcome: &Value) -> &Value {
    let statistics = &outcome["result"]["search_statistics"];
    let sum: u64 = [
        "results_saved",
        "results_skipped_duplicate",
        "results_skipped_existing",
        "results_skipped_no_email",
        "results_invalid",
        "results_over_limit",
    ]
    .iter()
    .map(|key| statistics[key].as_u64().unwrap())
    .sum();
    assert_eq!(statistics["total_results_found"], sum, "{statistics}");
    statistics
}

async fn f34_every_result_meets_one_end_and_a_second_run_saves_nothing(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = discover_examples(&folder, &db).args(["--migrate", "--json"]);
    let first = json(&run.run().await?)?;
    let counts = statistics(&first);
    assert_eq!(first["status"], "completed");
    assert_eq!(first["files"]["results"]["rows_read"], 336);
    assert_eq!(counts["total_results_found"], 336);
    assert_eq!(counts["results_skipped_existing"], 0);
    let saved = counts["results_saved"].as_i64().unwrap();
    assert!(saved > 250, "{counts}");
    assert_eq!(db.count("select count(*) from prospects").await?, saved);
    let columns = "select sum(results_found), sum(results_saved) from discovery_queries";
    let stored = db.sql(columns).await?;
    assert_eq!(stored, [[Some("336".to_owned()), Some(saved.to_string())]]);

    let second = json(&run.run().await?)?;
    let again = statistics(&second);
    assert_eq!(again["results_saved"], 0);
    assert_eq!(again["results_skipped_existing"], saved);
    for same in [
        "total_results_found",
        "results_skipped_duplicate",
        "results_invalid",
    ] {
        assert_eq!(again[same], counts[same], "{same}");
    }
    assert_ne!(first["job"], second["job"]);
    assert_eq!(db.count("select count(*) from prospects").await?, saved);
    Ok(())
}

async fn a_fresh_database_is_not_set_up_unless_asked_for(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let output = discover_examples(&folder, &db).run().await?;
    assert_one_line(&output, 1, &["9 revisions pending", "outreach migrate up"]);
    assert!(contents(&db).await?.is_empty());
    Ok(())
}

async fn the_outcome_is_a_short_table(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let output = discover_examples(&folder, &db).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    let filters = [(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[id]")];
    insta::with_settings!({ filters => filters, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("outcome_table", output.stdout);
        insta::assert_snapshot!("outcome_notes", output.stderr);
    });
    Ok(())
}

async fn the_limit_is_kept_and_what_is_over_it_is_counted(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = outreach(&folder, &db)
        .args([
            "discover",
            "-k",
            "home decor blog",
            "-l",
            "usa",
            "-m",
            "5",
            "--json",
            "-r",
        ])
        .arg(examples("results.csv"));
    let outcome = json(&run.run().await?)?;
    let counts = statistics(&outcome);
    assert_eq!(counts["results_saved"], 5);
    assert!(counts["results_over_limit"].as_u64() > Some(20), "{counts}");
    assert_eq!(db.count("select count(*) from prospects").await?, 5);
    Ok(())
}

async fn only_web_sites_with_a_contact_are_saved_where_one_is_required(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = discover_examples(&folder, &db)
        .args(["--json", "--require-contact", "--contacts"])
        .arg(examples("contacts.csv"));
    let outcome = json(&run.run().await?)?;
    let counts = statistics(&outcome);
    assert!(
        counts["results_skipped_no_email"].as_u64() > Some(100),
        "{counts}"
    );
    let saved = counts["results_saved"].as_i64().unwrap();
    assert!(saved > 50, "{counts}");
    let with_email = "select count(*) from prospects where contact_email like '%@%'";
    assert_eq!(db.count(with_email).await?, saved);
    Ok(())
}

async fn rows_that_answer_no_search_are_named(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = outreach(&folder, &db)
        .args([
            "discover",
            "-k",
            "home decor blogs",
            "-l",
            "usa",
            "--json",
            "-r",
        ])
        .arg(examples("results.csv"));
    let output = run.run().await?;
    assert_eq!(json(&output)?["files"]["results"]["unmatched"], 336);
    for words in [
        "336 of 336 rows answer none",
        "`home decor blog` in usa (32)",
    ] {
        assert!(output.stderr.contains(words), "{output:?}");
    }
    Ok(())
}

async fn f07_what_is_missing_is_refused_with_what_to_give(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let before = contents(&db).await?;
    let discover = || outreach(&folder, &db).args(["discover", "--migrate"]);
    let results = examples("results.csv");
    let cases: [(&[&str], &[&str]); 4] = [
        (&[], &["--location", "`usa`", "`france`"]),
        (&["--location", "usa"], &["--results"]),
        (
            &["--location", "usa", "--max-results", "1001"],
            &["1001", "1 to 1000"],
        ),
        (
            &["--location", "usa", "--keywords", "a\nb"],
            &["control character"],
        ),
    ];
    for (arguments, words) in cases {
        let output = discover().args(arguments).run().await?;
        assert_one_line(&output, 1, words);
    }
    // These are clap's, which adds where to look.
    let usage: [&[&str]; 5] = [
        &["--location", "narnia"],
        &["--location", "usa", "--categories", "nonsense"],
        &["--location", "usa", "--max-results", "many"],
        &["--location", "usa", "--require-contact"],
        &["--no-such-option"],
    ];
    for arguments in usage {
        let output = discover()
            .args(arguments)
            .arg("-r")
            .arg(&results)
            .run()
            .await?;
        assert_eq!(output.status, Some(1), "{output:?}");
        assert!(output.stderr.starts_with("error: ") && output.stdout.is_empty());
    }
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

async fn f24_results_of_one_run_that_fails_leave_a_failed_job(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    db.sql(match db.backend() {
        DbBackend::Sqlite => {
            "create trigger stop before insert on discovery_queries \
             begin select raise(abort, 'stopped by the test'); end"
        }
        _ => "alter table discovery_queries add constraint stop check (keyword = '')",
    })
    .await?;
    let output = discover_examples(&folder, &db).run().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    assert!(output.stdout.contains("status   failed"), "{output:?}");
    let job = db.value("select error_message from jobs").await?;
    assert!(job.is_some_and(|reason| reason.contains("stop")));
    let error = output.stderr.lines().last().unwrap();
    assert!(
        error.contains("discovery job ") && error.contains("stop"),
        "{error}"
    );
    assert_eq!(
        db.value("select status from jobs").await?.as_deref(),
        Some("failed")
    );
    assert_eq!(db.count("select count(*) from prospects").await?, 0);
    Ok(())
}
