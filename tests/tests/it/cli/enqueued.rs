//! `outreach discover` as a job among others: stored for a worker, refused
//! beside another one, left by a process that ends.

use outreach_tests::{TestDb, matrix_tests};

use super::{
    assert_one_line, contents, discover_examples, folder, json,
    long_jobs::{
        assert_done_once, detach, end_leases, slow_down, speed_up, until, until_in_the_middle, work,
    },
    outreach,
};

matrix_tests! {
    a_detached_discovery_is_stored_and_a_worker_does_it,
    f31_a_second_discovery_is_refused_with_the_id_of_the_first_and_the_ways_on,
    f31_a_discovery_whose_worker_was_lost_is_named_as_such,
    f29_a_discovery_that_was_killed_is_finished_by_a_worker_after_its_lease,
    f29_a_discovery_that_is_terminated_is_given_back,
    an_interrupted_discovery_is_cancelled,
    f29_what_fails_for_a_while_is_tried_again_where_somebody_waits,
}

async fn a_detached_discovery_is_stored_and_a_worker_does_it(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let job = detach(&folder, &db).await?;
    let show = || outreach(&folder, &db).args(["jobs", "show", &job, "--json"]);
    let shown = json(&show().run().await?)?;
    assert_eq!(shown["status"], "pending");
    assert_eq!(shown["run"]["unique_key"], "discover");
    assert_eq!(shown["run"]["attempts"], 0);
    let done = work(&folder, &db).arg("--exit-when-idle").run().await?;
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(
        done.stderr
            .starts_with(&format!("job {job} (discover): completed, ")),
        "{done:?}"
    );
    assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
    assert!(done.stdout.contains("completed   1\n"), "{done:?}");
    assert_done_once(&folder, &db, &job).await?;

    // With files it says that they are not used, and JSON names the job too.
    let again = discover_examples(&folder, &db).args(["--detach", "--json"]);
    let again = again.run().await?;
    assert_eq!(json(&again)?["status"], "pending");
    assert!(again.stderr.contains("--results is not used"), "{again:?}");
    Ok(())
}

async fn f31_a_second_discovery_is_refused_with_the_id_of_the_first_and_the_ways_on(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let job = detach(&folder, &db).await?;
    let before = contents(&db).await?;
    let words = [
        "another discovery is active",
        &job,
        "is pending",
        "`outreach work --results …`",
        "`outreach jobs cancel ",
        "--allow-concurrent",
    ];
    for second in [
        discover_examples(&folder, &db),
        discover_examples(&folder, &db).arg("--detach"),
    ] {
        assert_one_line(&second.run().await?, 1, &words);
    }
    assert_eq!(contents(&db).await?, before);
    let beside = discover_examples(&folder, &db).args(["--allow-concurrent", "--json"]);
    assert_eq!(json(&beside.run().await?)?["status"], "completed");
    let detached = outreach(&folder, &db)
        .args(["discover", "-l", "usa", "--detach", "--allow-concurrent"])
        .run()
        .await?;
    assert_eq!(detached.status, Some(0), "{detached:?}");
    assert_eq!(db.count("select count(*) from job_runs").await?, 2);
    // The remedy that is named.
    let cancel = outreach(&folder, &db).args(["jobs", "cancel", &job]);
    assert_eq!(cancel.run().await?.status, Some(0));
    let third = discover_examples(&folder, &db).run().await?;
    assert_eq!(third.status, Some(0), "{third:?}");
    Ok(())
}

async fn f31_a_discovery_whose_worker_was_lost_is_named_as_such(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    slow_down(&db).await?;
    let first = discover_examples(&folder, &db).spawn()?;
    until_in_the_middle(&db).await?;
    let second = || discover_examples(&folder, &db).arg("--detach");
    assert_one_line(
        &second().run().await?,
        1,
        &["is running by discover:", "lease"],
    );
    first.kill_9().await?;
    end_leases(&db).await?;
    let words = ["running, but the lease of its worker discover:", "ago"];
    assert_one_line(&second().run().await?, 1, &words);
    Ok(())
}

async fn f29_a_discovery_that_was_killed_is_finished_by_a_worker_after_its_lease(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    slow_down(&db).await?;
    let killed = discover_examples(&folder, &db).spawn()?;
    until_in_the_middle(&db).await?;
    killed.kill_9().await?;
    speed_up(&db).await?;
    let job = json(
        &outreach(&folder, &db)
            .args(["jobs", "list", "--json"])
            .run()
            .await?,
    )?;
    let job = job["items"][0]["id"].as_str().unwrap().to_owned();
    // Not before: another one may be at it.
    let early = work(&folder, &db).args(["--exit-when-idle", "--json"]);
    assert_eq!(json(&early.run().await?)?["jobs"]["claimed"], 0);
    end_leases(&db).await?;
    let done = work(&folder, &db).args(["--exit-when-idle", "--json"]);
    let done = done.run().await?;
    assert_eq!(json(&done)?["jobs"]["completed"], 1, "{done:?}");
    assert!(
        done.stderr.contains("the lease of a lost worker has ended"),
        "{done:?}"
    );
    assert_done_once(&folder, &db, &job).await
}

async fn f29_a_discovery_that_is_terminated_is_given_back(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    slow_down(&db).await?;
    let running = discover_examples(&folder, &db).spawn()?;
    until_in_the_middle(&db).await?;
    running.signal("TERM").await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    let error = output.stderr.lines().last().unwrap();
    for words in ["error: terminated: ", "is pending again", "`outreach work "] {
        assert!(error.contains(words), "{error}");
    }
    let waiting = "select count(*) from job_runs where run_token is null and owner is null \
                   and lease_expires_at is null and attempts = 0";
    assert_eq!(db.count(waiting).await?, 1);
    let job = error.split(' ').find(|word| word.len() == 36).unwrap();
    speed_up(&db).await?;
    let done = work(&folder, &db).arg("--exit-when-idle").run().await?;
    assert_eq!(done.status, Some(0), "{done:?}");
    assert_done_once(&folder, &db, job).await
}

async fn an_interrupted_discovery_is_cancelled(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    slow_down(&db).await?;
    let running = discover_examples(&folder, &db).spawn()?;
    until_in_the_middle(&db).await?;
    running.signal("INT").await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    let error = output.stderr.lines().last().unwrap();
    assert!(
        error.contains("was cancelled; what it had saved stays"),
        "{error}"
    );
    let status = db.value("select status from jobs").await?;
    assert_eq!(status.as_deref(), Some("cancelled"));
    assert_eq!(db.count("select count(*) from job_runs").await?, 0);
    assert!(db.count("select count(*) from prospects").await? > 0);
    Ok(())
}

/// The database refuses a query's row, until it does not.
async fn f29_what_fails_for_a_while_is_tried_again_where_somebody_waits(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let is_sqlite = db.backend() == sea_orm::DbBackend::Sqlite;
    db.sql(if is_sqlite {
        "create trigger stop before insert on discovery_queries \
         begin select raise(abort, 'stopped by the test'); end"
    } else {
        "alter table discovery_queries add constraint stop check (keyword = '')"
    })
    .await?;
    let mut running = discover_examples(&folder, &db).spawn()?;
    let line = running.wait_for_stderr("warning: attempt 1 failed").await?;
    assert!(line.contains("the next one in"), "{line}");
    db.sql(if is_sqlite {
        "drop trigger stop"
    } else {
        "alter table discovery_queries drop constraint stop"
    })
    .await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains("status   completed"), "{output:?}");
    until(&db, 12, "select count(*) from discovery_queries").await
}
