//! Databases that can't be used.

use std::{fs, os::unix::fs::PermissionsExt};

use outreach_tests::{Outreach, PostgresServer, TestDb, matrix_tests};
use tempfile::TempDir;

use super::{assert_one_line, contents, discover_examples, examples, folder, outreach};

matrix_tests! {
    f06_a_database_behind_this_build_is_refused_by_every_command,
    f06_a_database_ahead_of_this_build_is_refused_by_every_command,
    f05_a_missing_column_is_named,
}

const JOB: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// A command of each kind that needs the schema at head.
fn commands(folder: &TempDir, db: &TestDb) -> Vec<Outreach> {
    let outreach = || outreach(folder, db);
    vec![
        discover_examples(folder, db),
        outreach().args(["jobs", "list"]),
        outreach().args(["jobs", "cancel", JOB]),
        outreach().args(["prospects", "list", "--json"]),
        outreach().args(["prospects", "export", "--output", "export.csv"]),
    ]
}

async fn f06_a_database_behind_this_build_is_refused_by_every_command(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let down = outreach(&folder, &db)
        .args(["migrate", "down"])
        .run()
        .await?;
    assert_eq!(down.status, Some(0), "{down:?}");
    let before = contents(&db).await?;
    for command in commands(&folder, &db) {
        let words = ["m20260101_000005_job_run_claims", "`outreach migrate up`"];
        assert_one_line(&command.run().await?, 1, &words);
    }
    assert_eq!(contents(&db).await?, before);
    assert_eq!(fs::read_dir(&folder)?.count(), 0);
    Ok(())
}

async fn f06_a_database_ahead_of_this_build_is_refused_by_every_command(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let newer = "m20990101_000001_from_the_future";
    db.sql(&format!(
        "insert into seaql_migrations values ('{newer}', 0)"
    ))
    .await?;
    let before = contents(&db).await?;
    let outreach = || outreach(&folder, &db);
    let mut commands = commands(&folder, &db);
    commands.push(discover_examples(&folder, &db).arg("--migrate"));
    commands.push(outreach().args(["migrate", "up"]));
    commands.push(outreach().args(["migrate", "down"]));
    commands.push(outreach().args(["migrate", "status"]));
    commands.push(outreach().args(["migrate", "history"]));
    for command in commands {
        assert_one_line(&command.run().await?, 1, &[newer, "release"]);
    }
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

async fn f05_a_missing_column_is_named(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    db.sql("alter table prospects drop column draft_body")
        .await?;
    let output = outreach(&folder, &db)
        .args(["prospects", "list"])
        .run()
        .await?;
    assert_one_line(&output, 1, &["column prospects.draft_body"]);
    Ok(())
}

#[tokio::test]
async fn sqlite_a_database_file_that_is_not_there_is_not_made() -> anyhow::Result<()> {
    let folder = folder()?;
    for arguments in [
        &["jobs", "list"][..],
        &["prospects", "list"],
        &["migrate", "status"],
        &["migrate", "down"],
        &["migrate", "history", "--database", "sqlite://outreach.db"],
    ] {
        let output = Outreach::new(&folder).args(arguments).run().await?;
        assert_one_line(
            &output,
            1,
            &["`outreach.db` does not exist", "`outreach migrate up`"],
        );
    }
    assert_eq!(fs::read_dir(&folder)?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn sqlite_a_file_that_may_only_be_read_stays_as_it_is() -> anyhow::Result<()> {
    let folder = folder()?;
    let up = Outreach::new(&folder).args(["migrate", "up"]).run().await?;
    assert_eq!(up.status, Some(0), "{up:?}");
    let file = folder.path().join("outreach.db");
    let before = fs::read(&file)?;

    // By its permissions, which the tests' own user may be above.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444))?;
    let discover = || {
        let program =
            Outreach::new(&folder).args(["discover", "-l", "usa", "-k", "home decor blog"]);
        program.args(["--results", "results.csv"])
    };
    fs::copy(examples("results.csv"), folder.path().join("results.csv"))?;
    let by_permission = discover().unprivileged().run().await?;
    let by_url = discover()
        .env("DATABASE_URL", "sqlite://outreach.db?mode=ro")
        .run()
        .await?;
    for output in [by_permission, by_url] {
        assert_eq!(output.status, Some(2), "{output:?}");
        assert_eq!(output.stdout, "");
        let errors: Vec<_> = output
            .stderr
            .lines()
            .filter(|l| l.starts_with("error: "))
            .collect();
        let [error] = errors[..] else {
            panic!("not one error in {output:?}")
        };
        assert!(
            error.contains("outreach.db") && error.contains("writ"),
            "{error}"
        );
    }
    assert_eq!(fs::read(&file)?, before);
    Ok(())
}

#[tokio::test]
async fn sqlite_a_file_that_is_no_database_stays_as_it_is() -> anyhow::Result<()> {
    let folder = folder()?;
    let file = folder.path().join("outreach.db");
    let text = "not a database\n".repeat(100);
    fs::write(&file, &text)?;
    for arguments in [["jobs", "list"], ["migrate", "up"], ["migrate", "fresh"]] {
        let output = Outreach::new(&folder).args(arguments).run().await?;
        assert_one_line(&output, 2, &["outreach.db", "not an SQLite database"]);
    }
    assert_eq!(fs::read_to_string(&file)?, text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f43_a_wrong_password_is_one_line_without_the_password() -> anyhow::Result<()> {
    let server = PostgresServer::start().await?;
    let folder = folder()?;
    let mut url = url::Url::parse(&server.url("postgres"))?;
    url.set_password(Some("geheim%2F%25")).unwrap();
    for arguments in [
        &["jobs", "list"][..],
        &["migrate", "up"],
        &["jobs", "list", "--verbose"],
    ] {
        let run = Outreach::new(&folder)
            .env("DATABASE_URL", url.as_str())
            .args(arguments);
        let output = run.run().await?;
        assert_eq!(
            (output.status, output.stdout.as_str()),
            (Some(2), ""),
            "{output:?}"
        );
        let error = output.stderr.lines().last().unwrap();
        assert!(
            error.starts_with("error: cannot connect to postgres://"),
            "{error}"
        );
        assert!(error.contains("refuses this user or password"), "{error}");
        assert!(!output.stderr.contains("geheim"), "{}", output.stderr);
    }
    let mut url = url::Url::parse(&server.url("nobody_made_this"))?;
    url.set_query(Some("sslmode=disable"));
    let run = Outreach::new(&folder).args(["jobs", "list", "-u", url.as_str()]);
    assert_one_line(
        &run.run().await?,
        2,
        &["no database of this name", "nobody_made_this"],
    );
    Ok(())
}

#[tokio::test]
async fn a_directory_is_called_one() -> anyhow::Result<()> {
    let folder = folder()?;
    fs::create_dir(folder.path().join("data"))?;
    for (arguments, status) in [
        (["jobs", "list"], 1),
        (["migrate", "up"], 1),
        (["audit", "--data"], 2),
        (["verify", "--json"], 2),
    ] {
        let run = Outreach::new(&folder).env("DATABASE_URL", "sqlite://data");
        let output = run.args(arguments).run().await?;
        assert_one_line(
            &output,
            status,
            &["`data` is a directory", "data/outreach.db"],
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_connection_is_told_at_once_and_by_its_own_words() -> anyhow::Result<()> {
    let folder = folder()?;
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    drop(listener);
    let url = format!("postgres://u@127.0.0.1:{port}/d");
    for arguments in [["jobs", "list"], ["migrate", "up"], ["audit", "--data"]] {
        let run = Outreach::new(&folder).env("DATABASE_URL", &url);
        let started = std::time::Instant::now();
        let output = run.args(arguments).run().await?;
        let words = ["no server listens there", "onnection refused"];
        assert_one_line(&output, 2, &words);
        assert!(!output.stderr.contains("pool"), "{output:?}");
        // The pool tries for ten seconds.
        assert!(started.elapsed().as_secs() < 8, "{:?}", started.elapsed());
    }
    Ok(())
}

#[tokio::test]
async fn f43_a_url_that_can_not_be_used_is_refused_and_not_repeated() -> anyhow::Result<()> {
    let folder = folder()?;
    for url in [
        "mysql://u:geheim@h/d",
        "u:geheim@h",
        "postgres://u:geh#eim@h/d",
        "postgres:///d",
    ] {
        let run = Outreach::new(&folder).args(["migrate", "status", "--database", url]);
        let output = run.run().await?;
        assert_one_line(&output, 1, &[]);
        assert!(!output.stderr.contains("eim"), "{}", output.stderr);
    }
    Ok(())
}
