//! `outreach jobs doctor`.

use outreach_tests::{Outreach, TestDb, matrix_tests};
use sea_orm::DbBackend;
use serde_json::Value;
use tempfile::TempDir;

use super::{contents, folder, json, outreach};

matrix_tests! {
    nothing_irregular_is_nothing_to_say,
    f29_each_kind_of_irregular_job_is_listed_and_settled,
    f29_a_job_that_may_be_running_elsewhere_is_left_alone,
    f45_many_irregular_jobs_are_listed_in_part_and_all_settled,
    a_database_that_can_not_be_looked_at_is_a_failure;
    on_empty: a_database_that_is_behind_is_a_failure_of_the_look,
}

/// A key as the database takes it, and as it is printed.
fn key(db: &TestDb, number: u64) -> (String, String) {
    let id = format!("00000000-0000-4000-8000-{number:012}");
    let literal = match db.backend() {
        DbBackend::Sqlite => format!("x'{}'", id.replace('-', "")),
        _ => format!("'{id}'"),
    };
    (literal, id)
}

/// A time so many seconds ago, as a default of the database writes it.
fn ago(db: &TestDb, seconds: i64) -> String {
    match db.backend() {
        DbBackend::Sqlite => {
            format!(
                "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '{} seconds')",
                -seconds
            )
        }
        _ => format!("statement_timestamp() - interval '{seconds} seconds'"),
    }
}

async fn job(db: &TestDb, number: u64, status: &str, changed: i64) -> anyhow::Result<String> {
    let (literal, id) = key(db, number);
    let time = ago(db, changed);
    db.sql(&format!(
        "insert into jobs (id, job_type, status, created_at, updated_at) \
         values ({literal}, 'discover', '{status}', {time}, {time})"
    ))
    .await?;
    Ok(id)
}

/// A run with a lease and a deadline so many seconds ago; a claimed one if there
/// is a lease.
async fn run(
    db: &TestDb,
    number: u64,
    lease: Option<i64>,
    deadline: Option<i64>,
) -> anyhow::Result<()> {
    let (literal, _) = key(db, number);
    let time = |time: Option<i64>| time.map_or("null".to_owned(), |time| ago(db, time));
    let (token, owner) = match lease {
        Some(_) => (key(db, 99).0, "'work:lost'"),
        None => ("null".to_owned(), "null"),
    };
    db.sql(&format!(
        "insert into job_runs (job_id, job_type, run_token, owner, attempts, max_attempts, \
         lease_expires_at, deadline_at) \
         values ({literal}, 'discover', {token}, {owner}, 1, 5, {}, {})",
        time(lease),
        time(deadline)
    ))
    .await?;
    Ok(())
}

fn doctor(folder: &TempDir, db: &TestDb) -> Outreach {
    outreach(folder, db).args(["jobs", "doctor"])
}

async fn report(program: Outreach, status: i32) -> anyhow::Result<Value> {
    let output = program.arg("--json").run().await?;
    assert_eq!(output.status, Some(status), "{output:?}");
    assert_eq!(output.stderr, "");
    Ok(serde_json::from_str(&output.stdout)?)
}

async fn nothing_irregular_is_nothing_to_say(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    // Regular ones: running with a lease, waiting, ended.
    job(&db, 1, "running", 10_000).await?;
    run(&db, 1, Some(-30), Some(-30)).await?;
    job(&db, 2, "pending", 10_000).await?;
    run(&db, 2, None, None).await?;
    job(&db, 3, "completed", 10_000).await?;
    // A lease that has just ended is a worker's to take.
    job(&db, 4, "running", 10_000).await?;
    run(&db, 4, Some(20), None).await?;
    let before = contents(&db).await?;
    for arguments in [&[][..], &["--fix"]] {
        let output = doctor(&folder, &db).args(arguments).run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
        assert_eq!(output.stdout, "no irregular jobs\n");
    }
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

#[expect(
    clippy::too_many_lines,
    reason = "one job of each kind, through one run"
)]
async fn f29_each_kind_of_irregular_job_is_listed_and_settled(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let mut expected = Vec::new();
    let mut expect = |irregularity: &str, id: String, status: &'static str| {
        expected.push((irregularity.to_owned(), id, status));
    };
    // Words of old rows mix small and capital letters.
    expect(
        "run_of_ended_job",
        job(&db, 1, "Completed", 10).await?,
        "Completed",
    );
    run(&db, 1, Some(30), None).await?;
    expect("overdue", job(&db, 2, "running", 10).await?, "failed");
    run(&db, 2, Some(-30), Some(5)).await?;
    expect("overdue", job(&db, 3, "pending", 10).await?, "failed");
    run(&db, 3, None, Some(4)).await?;
    expect("stuck", job(&db, 4, "running", 10).await?, "pending");
    run(&db, 4, Some(90), None).await?;
    expect(
        "claimed_but_pending",
        job(&db, 5, "Pending", 10).await?,
        "Pending",
    );
    run(&db, 5, Some(-30), None).await?;
    expect(
        "pending_without_run",
        job(&db, 6, "PENDING", 10).await?,
        "PENDING",
    );
    expect(
        "running_without_run",
        job(&db, 7, "Running", 7_300).await?,
        "failed",
    );
    expect(
        "running_without_run",
        job(&db, 8, "running", 7_250).await?,
        "failed",
    );
    run(&db, 8, None, None).await?;

    let before = contents(&db).await?;
    let looked = report(doctor(&folder, &db), 1).await?;
    assert_eq!(contents(&db).await?, before, "a look writes nothing");
    let mut found = Vec::new();
    for one in looked["found"].as_array().unwrap() {
        let jobs = one["jobs"].as_array().unwrap();
        assert_eq!(one["count"], jobs.len());
        for job in jobs {
            let (irregularity, id) = (&job["irregularity"], &job["id"]);
            found.push((
                irregularity.as_str().unwrap().to_owned(),
                id.as_str().unwrap().to_owned(),
            ));
        }
    }
    let listed: Vec<_> = expected
        .iter()
        .map(|(irregularity, id, _)| (irregularity.clone(), id.clone()))
        .collect();
    assert_eq!(found, listed);
    let text = doctor(&folder, &db).run().await?;
    assert_eq!(text.status, Some(1), "{text:?}");
    for (_, id, _) in &expected {
        assert!(text.stdout.contains(id), "{text:?}");
    }
    assert!(
        text.stdout.contains("outreach jobs doctor --fix"),
        "{text:?}"
    );

    let settled = report(doctor(&folder, &db).arg("--fix"), 0).await?;
    assert_eq!(settled["left"], 0);
    assert_eq!(settled["settled"].as_array().unwrap().len(), expected.len());
    for (number, (_, id, status)) in (1..).zip(&expected) {
        let (literal, _) = key(&db, number);
        let row = db
            .sql(&format!(
                "select status, coalesce(error_message, '') from jobs where id = {literal}"
            ))
            .await?;
        assert_eq!(row[0][0].as_deref(), Some(*status), "{id}");
        let reason = row[0][1].clone().unwrap_or_default();
        let run = format!("select count(*) from job_runs where job_id = {literal}");
        let waits = status.eq_ignore_ascii_case("pending");
        assert_eq!(db.count(&run).await?, i64::from(waits), "{id}");
        match number {
            2 | 3 => assert!(reason.starts_with("Job timed out"), "{reason}"),
            7 | 8 => assert_eq!(reason, "Job timed out after 2 hours"),
            _ => {}
        }
    }
    let claimed = "select count(*) from job_runs where run_token is not null";
    assert_eq!(db.count(claimed).await?, 0);
    // A stuck attempt counts, and its error is kept.
    let show = outreach(&folder, &db).args(["jobs", "show", &expected[3].1]);
    let shown = show.run().await?.stdout;
    assert!(shown.contains("attempts  1 of 5"), "{shown}");
    assert!(
        shown.contains("attempt 1: the worker work:lost was lost"),
        "{shown}"
    );
    assert_eq!(doctor(&folder, &db).run().await?.status, Some(0));
    // What was settled as pending is done by a worker.
    let work = super::long_jobs::work(&folder, &db).args(["--exit-when-idle", "--json"]);
    assert_eq!(json(&work.run().await?)?["jobs"]["claimed"], 3);
    Ok(())
}

async fn f29_a_job_that_may_be_running_elsewhere_is_left_alone(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let id = job(&db, 1, "running", 7_000).await?;
    let before = contents(&db).await?;
    let fixed = report(doctor(&folder, &db).arg("--fix"), 1).await?;
    assert_eq!(fixed["settled"], serde_json::json!([]));
    assert_eq!(fixed["found"][0]["irregularity"], "running_elsewhere");
    assert_eq!(fixed["found"][0]["jobs"][0]["id"], id);
    assert_eq!(contents(&db).await?, before);
    let text = doctor(&folder, &db).arg("--fix").run().await?;
    assert_eq!(text.status, Some(1), "{text:?}");
    assert!(text.stdout.contains("left alone"), "{text:?}");
    Ok(())
}

async fn f45_many_irregular_jobs_are_listed_in_part_and_all_settled(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let time = ago(&db, 10);
    let values: Vec<String> = (1..=250)
        .map(|number| format!("({}, 'enrich', 'pending', {time})", key(&db, number).0))
        .collect();
    db.sql(&format!(
        "insert into jobs (id, job_type, status, created_at) values {}",
        values.join(", ")
    ))
    .await?;
    let looked = report(doctor(&folder, &db), 1).await?;
    assert_eq!(looked["found"][0]["count"], 250);
    assert_eq!(looked["found"][0]["jobs"].as_array().unwrap().len(), 100);
    let text = doctor(&folder, &db).run().await?.stdout;
    assert!(text.contains("… and 150 more"), "{text}");
    let fixed = doctor(&folder, &db).arg("--fix").run().await?;
    assert_eq!(fixed.status, Some(0), "{fixed:?}");
    assert_eq!(db.count("select count(*) from job_runs").await?, 250);
    Ok(())
}

async fn a_database_that_can_not_be_looked_at_is_a_failure(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let wrong = doctor(&folder, &db).arg("--no-such-option").run().await?;
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
    let nowhere = doctor(&folder, &db).args(["-u", "sqlite://nowhere.db"]);
    super::assert_one_line(&nowhere.run().await?, 2, &["nowhere.db"]);
    Ok(())
}

async fn a_database_that_is_behind_is_a_failure_of_the_look(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let output = doctor(&folder, &db).run().await?;
    super::assert_one_line(&output, 2, &["revisions pending"]);
    Ok(())
}
