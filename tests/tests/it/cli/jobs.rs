//! `outreach jobs`.

use outreach_tests::{TestDb, matrix_tests};

use super::{assert_one_line, contents, discover_examples, folder, json, outreach};

matrix_tests! {
    a_job_is_listed_shown_and_cancelled,
    f32_a_job_that_has_ended_stays_as_it_is,
    f45_pages_follow_each_other_without_a_gap,
    f38_a_status_nobody_knows_is_an_error_that_names_the_row,
}

const UNKNOWN: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// Pending jobs, all of one moment, the last first in the list.
async fn pending_jobs(db: &TestDb, count: usize) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for number in 0..count {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let value = match db.backend() {
            sea_orm::DbBackend::Sqlite => format!("x'{}'", id.replace('-', "")),
            _ => format!("'{id}'"),
        };
        db.sql(&format!(
            "insert into jobs (id, job_type, status, created_at) \
             values ({value}, 'enrich', 'pending', '2026-01-02T03:04:05+00:00')"
        ))
        .await?;
        ids.insert(0, id);
    }
    Ok(ids)
}

async fn a_job_is_listed_shown_and_cancelled(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let ids = pending_jobs(&db, 1).await?;
    let run = async |arguments: &[&str]| outreach(&folder, &db).args(arguments).run().await;
    let table = run(&["jobs", "list"]).await?;
    // Once for each database.
    insta::allow_duplicates! {
    insta::assert_snapshot!(table.stdout, @r"
    ID                                    TYPE    STATUS   CREATED               SAVED  ERROR
    00000000-0000-4000-8000-000000000000  enrich  pending  2026-01-02T03:04:05Z
    ");
    }
    assert_eq!(table.stderr, "1 of 1 jobs\n");

    let cancelled = run(&["jobs", "cancel", &ids[0]]).await?;
    assert_eq!(cancelled.status, Some(0), "{cancelled:?}");
    assert_eq!(cancelled.stdout, format!("job {} is cancelled\n", ids[0]));
    let shown = json(&run(&["jobs", "show", &ids[0], "--json"]).await?)?;
    assert_eq!(shown["status"], "cancelled");
    assert_eq!(shown["job_type"], "enrich");
    let shown = run(&["jobs", "show", &ids[0]]).await?;
    assert!(shown.stdout.contains("status   cancelled"), "{shown:?}");

    for arguments in [["jobs", "show"], ["jobs", "cancel"]] {
        let output = run(&[arguments[0], arguments[1], UNKNOWN]).await?;
        assert_one_line(&output, 1, &[UNKNOWN, "does not exist"]);
    }
    assert_eq!(run(&["jobs", "show", "17"]).await?.status, Some(1));
    Ok(())
}

async fn f32_a_job_that_has_ended_stays_as_it_is(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = discover_examples(&folder, &db).arg("--json").run().await?;
    let job = json(&run)?["job"].as_str().unwrap().to_owned();
    let before = contents(&db).await?;
    let cancel = outreach(&folder, &db).args(["jobs", "cancel", &job]);
    assert_one_line(&cancel.run().await?, 1, &[&job, "`completed` is final"]);
    assert_eq!(contents(&db).await?, before);

    let shown = outreach(&folder, &db).args(["jobs", "show", &job, "--json"]);
    let shown = json(&shown.run().await?)?;
    assert_eq!(
        shown["params"]["locations"],
        serde_json::json!(["usa", "uk"])
    );
    assert_eq!(
        shown["result"]["search_statistics"]["total_results_found"],
        336
    );
    Ok(())
}

async fn f45_pages_follow_each_other_without_a_gap(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let ids = pending_jobs(&db, 5).await?;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let mut list = outreach(&folder, &db)
            .args(["jobs", "list", "--json", "--limit", "2"])
            .args(["--status", "pending", "--type", "enrich"]);
        if let Some(cursor) = after {
            list = list.args(["--after".to_owned(), cursor]);
        }
        let page = json(&list.run().await?)?;
        assert_eq!(page["total"], 5);
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let none = outreach(&folder, &db).args(["jobs", "list", "--status", "failed"]);
    let none = none.run().await?;
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("", "0 of 0 jobs\n")
    );
    Ok(())
}

async fn f38_a_status_nobody_knows_is_an_error_that_names_the_row(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let ids = pending_jobs(&db, 1).await?;
    db.sql("update jobs set status = 'paused'").await?;
    let output = outreach(&folder, &db).args(["jobs", "list"]).run().await?;
    assert_one_line(&output, 2, &["jobs.status", &ids[0], "`paused`"]);
    Ok(())
}
