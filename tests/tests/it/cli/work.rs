//! `outreach work`.

use outreach_domain::JobId;
use outreach_service::jobs::{NewJob, enqueue_jobs_in_txn};
use outreach_service::transaction::{RetryPolicy, with_retrying_transaction};
use outreach_tests::{Output, TestDb, matrix_tests};

use sea_orm::{ConnectionTrait, TransactionTrait};

use super::{
    assert_one_line, contents, examples, folder, json,
    long_jobs::{
        assert_done_once, detach, slow_down, speed_up, until, until_in_the_middle,
        until_leases_end, work,
    },
    outreach,
};
use crate::support::{job_id, pool, request};

matrix_tests! {
    f07_a_worker_without_results_or_with_settings_of_no_use_is_refused,
    f29_a_terminated_worker_gives_its_job_back_and_holds_no_lease,
    a_terminated_worker_lets_its_job_end_within_the_grace,
    f29_a_killed_worker_leaves_a_job_that_another_one_finishes_after_one_lease,
    f30_a_job_past_its_deadline_fails_in_place_of_going_on_for_ever,
    two_workers_share_many_jobs_and_nothing_is_done_twice;
    on_empty: f18_a_worker_does_not_migrate,
}

async fn f18_a_worker_does_not_migrate(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let up = outreach(&folder, &db).args(["migrate", "up", "-n", "6"]);
    assert_eq!(up.run().await?.status, Some(0));
    let before = contents(&db).await?;
    let output = work(&folder, &db).arg("--exit-when-idle").run().await?;
    let words = [
        "3 revisions pending",
        "job_run_claims",
        "outreach migrate up",
    ];
    assert_one_line(&output, 1, &words);
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

async fn f07_a_worker_without_results_or_with_settings_of_no_use_is_refused(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let bare = outreach(&folder, &db).args(["work", "--exit-when-idle"]);
    assert_one_line(&bare.run().await?, 1, &["--results"]);
    let short = work(&folder, &db).args(["--lease", "0.05", "--exit-when-idle"]);
    assert_one_line(&short.run().await?, 1, &["lease of 50ms", "too short"]);
    if db.backend() == sea_orm::DbBackend::Sqlite {
        for arguments in [&["--all-schemas"][..], &["-s", "a", "-s", "b"]] {
            let output = work(&folder, &db).args(arguments).run().await?;
            assert_one_line(&output, 1, &["an SQLite file has one schema"]);
        }
    } else {
        let joint = if db.url().contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}statement-cache-capacity=0", db.url());
        let behind_pooler = work(&folder, &db).args(["--listen", "-u", &url]);
        let words = ["--listen", "pooler", "statement-cache-capacity=0", "--poll"];
        assert_one_line(&behind_pooler.run().await?, 1, &words);
        let polling = work(&folder, &db).args(["--exit-when-idle", "-u", &url]);
        assert_eq!(polling.run().await?.status, Some(0));
    }
    Ok(())
}

async fn f29_a_terminated_worker_gives_its_job_back_and_holds_no_lease(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let job = detach(&folder, &db).await?;
    slow_down(&db).await?;
    let running = work(&folder, &db)
        .args(["--grace", "0", "--json"])
        .spawn()?;
    until_in_the_middle(&db).await?;
    running.signal("TERM").await?;
    let output = running.wait().await?;
    assert_eq!(json(&output)?["jobs"]["released"], 1, "{output:?}");
    assert!(
        output
            .stderr
            .contains(&format!("job {job} (discover): given back")),
        "{output:?}"
    );
    let waiting = "select count(*) from job_runs where run_token is null and owner is null \
                   and lease_expires_at is null and attempts = 0";
    assert_eq!(db.count(waiting).await?, 1);
    let status = db.value("select status from jobs").await?;
    assert_eq!(status.as_deref(), Some("pending"));
    speed_up(&db).await?;
    let done = work(&folder, &db).args(["--exit-when-idle", "--json"]);
    assert_eq!(json(&done.run().await?)?["jobs"]["completed"], 1);
    assert_done_once(&folder, &db, &job).await
}

async fn a_terminated_worker_lets_its_job_end_within_the_grace(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let job = detach(&folder, &db).await?;
    slow_down(&db).await?;
    let running = work(&folder, &db).args(["--grace", "100"]).spawn()?;
    until_in_the_middle(&db).await?;
    running.signal("INT").await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains("completed   1\n"), "{output:?}");
    assert_done_once(&folder, &db, &job).await
}

async fn f29_a_killed_worker_leaves_a_job_that_another_one_finishes_after_one_lease(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let job = detach(&folder, &db).await?;
    slow_down(&db).await?;
    let killed = work(&folder, &db).args(["--lease", "3"]).spawn()?;
    until_in_the_middle(&db).await?;
    killed.kill_9().await?;
    speed_up(&db).await?;
    until_leases_end(&db).await?;
    let done = work(&folder, &db).args(["--lease", "1", "--exit-when-idle", "--json"]);
    let done = done.run().await?;
    assert_eq!(json(&done)?["jobs"]["completed"], 1, "{done:?}");
    assert_done_once(&folder, &db, &job).await
}

async fn f30_a_job_past_its_deadline_fails_in_place_of_going_on_for_ever(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let job = detach(&folder, &db).await?;
    db.sql("update job_runs set time_limit_seconds = 1").await?;
    slow_down(&db).await?;
    let output = work(&folder, &db).args(["--exit-when-idle", "--json"]);
    let output = output.run().await?;
    assert_eq!(json(&output)?["jobs"]["failed"], 1, "{output:?}");
    assert!(
        output.stderr.contains("its deadline has passed"),
        "{output:?}"
    );
    let show = outreach(&folder, &db).args(["jobs", "show", &job]);
    let shown = show.run().await?.stdout;
    assert!(shown.contains("status   failed"), "{shown}");
    assert!(shown.contains("Job timed out"), "{shown}");
    assert_eq!(db.count("select count(*) from job_runs").await?, 0);
    Ok(())
}

async fn two_workers_share_many_jobs_and_nothing_is_done_twice(db: TestDb) -> anyhow::Result<()> {
    const JOBS: u64 = 1000;
    let folder = folder()?;
    let connection = pool(&db).await;
    let jobs: Vec<NewJob> = (0..JOBS)
        .map(|number| {
            let id: JobId = job_id(number);
            NewJob::discover(id, &request("home decor blog", 10)).allow_concurrent()
        })
        .collect();
    with_retrying_transaction(&connection, "enqueue", RetryPolicy::default(), |txn| {
        Box::pin(enqueue_jobs_in_txn(txn, &jobs))
    })
    .await?;
    connection.close().await?;
    let worker = || work(&folder, &db).args(["--exit-when-idle", "--json"]);
    let (one, other) = (worker(), worker());
    let (one, other) = tokio::try_join!(one.run(), other.run())?;
    let completed = |output: &Output| -> anyhow::Result<u64> {
        let lines = output.stderr.lines();
        for line in lines {
            anyhow::ensure!(line.contains("(discover): completed"), "{line}");
        }
        let report = json(output)?;
        assert_eq!(report["jobs"]["claimed"], report["jobs"]["completed"]);
        Ok(report["jobs"]["completed"].as_u64().unwrap())
    };
    assert_eq!(completed(&one)? + completed(&other)?, JOBS);
    let all = i64::try_from(JOBS)?;
    for sql in [
        "select count(*) from jobs where status = 'completed'",
        "select count(*) from discovery_queries",
        "select count(distinct job_id) from discovery_queries",
    ] {
        assert_eq!(db.count(sql).await?, all, "{sql}");
    }
    let saved = db
        .value("select sum(results_saved) from discovery_queries")
        .await?;
    assert_eq!(saved, db.value("select count(*) from prospects").await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_worker_whose_tables_go_away_ends_with_an_error_in_place_of_waiting_for_ever()
-> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let job = detach(&folder, &db).await?;
    slow_down(&db).await?;
    let running = work(&folder, &db).arg("--exit-when-idle").spawn()?;
    until_in_the_middle(&db).await?;
    db.sql("alter table job_runs rename to somewhere_else")
        .await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    assert!(output.stdout.contains("unserved    1\n"), "{output:?}");
    let lines: Vec<&str> = output.stderr.lines().collect();
    let [first, second, error] = lines[..] else {
        panic!("{output:?}");
    };
    // The worker looks while the job runs, or after it.
    let [warning, left] = if first.starts_with("warning") {
        [first, second]
    } else {
        [second, first]
    };
    assert!(warning.contains("jobs can't be claimed"), "{warning}");
    assert!(warning.contains("job_runs"), "{warning}");
    assert!(left.contains(&job), "{left}");
    assert!(left.contains("left until its lease ends"), "{left}");
    assert!(error.contains("were not done"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_one_worker_serves_several_schemas_and_names_those_that_are_behind()
-> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let folder = folder()?;
    let of = |schema: &str, arguments: &[&str]| {
        let program = outreach(&folder, &db).args(arguments);
        program.args(["--schema", schema])
    };
    for (schema, steps) in [("tenant_a", "9"), ("Tenant B", "9"), ("behind", "3")] {
        let up = of(schema, &["migrate", "up", "-n", steps]).run().await?;
        assert_eq!(up.status, Some(0), "{up:?}");
    }
    let enqueue = ["discover", "-l", "usa", "-k", "home decor blog", "--detach"];
    for schema in ["tenant_a", "Tenant B"] {
        let output = of(schema, &enqueue).run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
    }
    let worker = || work(&folder, &db).args(["--exit-when-idle", "--json"]);
    let refused = worker()
        .args(["-s", "tenant_a", "-s", "behind"])
        .run()
        .await?;
    assert_one_line(&refused, 1, &["schema `behind`", "revisions pending"]);
    let named = worker()
        .args(["-s", "tenant_a", "-s", "Tenant B"])
        .run()
        .await?;
    assert_eq!(json(&named)?["jobs"]["completed"], 2, "{named:?}");
    for schema in ["tenant_a", "Tenant B"] {
        let words = format!("in `{schema}`: completed, ");
        assert!(named.stderr.contains(&words), "{named:?}");
        let output = of(schema, &enqueue).run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
    }
    let all = worker().arg("--all-schemas").run().await?;
    assert_eq!(json(&all)?["jobs"]["completed"], 2, "{all:?}");
    let warning = all.stderr.lines().next().unwrap_or_default();
    for words in ["warning: left out: schema `behind`", "revisions pending"] {
        assert!(warning.contains(words), "{all:?}");
    }
    db.sql(r#"drop schema tenant_a cascade; drop schema "Tenant B" cascade"#)
        .await?;
    let none = worker().arg("--all-schemas").run().await?;
    assert_one_line(&none, 1, &["no schema is ready", "schema `behind`"]);
    db.sql("drop schema behind cascade").await?;
    let none = worker().arg("--all-schemas").run().await?;
    assert_one_line(
        &none,
        1,
        &["no schema of the database has outreach's tables"],
    );

    let other = of("tenant_a", &["jobs", "list", "--schema", "Tenant B"]);
    assert_one_line(
        &other.run().await?,
        1,
        &["only `outreach work` takes several"],
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f44_an_outage_is_waited_for_and_said_once() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let proxy = outreach_tests::Proxy::start(db.url()).await?;
    let url = proxy.url(db.url())?;
    let mut running = work(&folder, &db).args(["-u", &url]).spawn()?;
    let looking = "select count(*) from pg_stat_activity where pid <> pg_backend_pid() \
                   and datname = current_database() and query like '%job_runs%'";
    until(&db, 1, looking).await?;
    proxy.set_fault(outreach_tests::Fault::RefuseConnections);
    proxy.sever_all().await;
    running.wait_for_stderr("jobs can't be claimed").await?;
    let refused = proxy.faults_fired();
    proxy.wait_for_faults(refused + 3).await?;
    proxy.set_fault(outreach_tests::Fault::None);
    let job = detach(&folder, &db).await?;
    let again = running.wait_for_stderr("").await?;
    assert_eq!(again, "jobs are claimed again");
    let line = running.wait_for_stderr(&job).await?;
    assert!(line.contains("completed"), "{line}");
    running.signal("TERM").await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_done_once(&folder, &db, &job).await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_listening_worker_begins_a_job_before_its_next_poll() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let mut running = outreach(&folder, &db)
        .args(["work", "--listen", "--poll", "86400", "--results"])
        .arg(examples("results.csv"))
        .spawn()?;
    let listening = "select count(*) from pg_stat_activity \
                     where datname = current_database() and query ilike 'listen %'";
    until(&db, 1, listening).await?;
    let job = detach(&folder, &db).await?;
    running.wait_for_stderr(&job).await?;
    running.signal("TERM").await?;
    assert_eq!(running.wait().await?.status, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_jobs_are_done_behind_a_pooler_in_transaction_mode() -> anyhow::Result<()> {
    let db = TestDb::postgres_pooled().await?;
    let folder = folder()?;
    let job = detach(&folder, &db).await?;
    let done = work(&folder, &db).args(["--exit-when-idle", "--json"]);
    assert_eq!(json(&done.run().await?)?["jobs"]["completed"], 1);
    assert_done_once(&folder, &db, &job).await?;
    let here = super::discover_examples(&folder, &db)
        .arg("--json")
        .run()
        .await?;
    assert_eq!(json(&here)?["status"], "completed");
    let doctor = outreach(&folder, &db).args(["jobs", "doctor", "--fix"]);
    assert_eq!(doctor.run().await?.status, Some(0));
    Ok(())
}

/// A statement of a job waits for a lock that nobody lets go.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_f29_a_terminated_worker_does_not_wait_for_a_statement_that_waits()
-> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    detach(&folder, &db).await?;
    let locking = db.connect_plain().await?;
    let lock = locking.begin().await?;
    lock.execute_unprepared("lock table prospects").await?;
    let running = work(&folder, &db).args(["--grace", "0"]).spawn()?;
    let waiting = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
    until(&db, 1, waiting).await?;
    running.signal("TERM").await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    lock.rollback().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_second_signal_ends_a_worker_at_once() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    detach(&folder, &db).await?;
    slow_down(&db).await?;
    let mut running = work(&folder, &db).args(["--grace", "3600"]).spawn()?;
    until_in_the_middle(&db).await?;
    let locking = db.connect_plain().await?;
    let lock = locking.begin().await?;
    lock.execute_unprepared("lock table prospects").await?;
    running.signal("INT").await?;
    running.wait_for_stderr("interrupted: ending").await?;
    running.signal("INT").await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    assert!(output.stderr.contains("interrupted again"), "{output:?}");
    lock.rollback().await?;
    Ok(())
}
