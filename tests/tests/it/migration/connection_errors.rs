//! What the program says when it has no database to work on.

use outreach_tests::{Migration, Output, PostgresServer, TestDb};

use super::support::Program;

const PASSWORD: &str = "hunter2-unguessed";

/// One line on standard error, nothing that a program's author would say, and
/// no password.
fn assert_refused(output: &Output, says: &str) {
    assert_eq!(output.status, Some(1), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    assert!(output.stderr.starts_with("error: "), "{output:?}");
    assert!(output.stderr.contains(says), "{says}: {output:?}");
    let all = format!("{}{}", output.stdout, output.stderr);
    for never in ["panicked", "RUST_BACKTRACE", PASSWORD] {
        assert!(!all.contains(never), "{output:?}");
    }
}

#[tokio::test]
async fn f43_no_url_is_said_in_one_line() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let output = Migration::new(folder.path()).arg("up").run().await?;
    assert_refused(&output, "DATABASE_URL");
    Ok(())
}

#[tokio::test]
async fn f43_a_url_of_another_kind_is_refused_without_being_shown() -> anyhow::Result<()> {
    for url in [
        format!("mysql://root:{PASSWORD}@localhost/outreach"),
        format!("{PASSWORD}@localhost"),
        format!("postgres://u:{PASSWORD}@[/outreach"),
        String::new(),
    ] {
        for arguments in [&["up"][..], &["--verbose", "status"]] {
            let output = Program::on(&url)?.run(arguments).await?;
            assert_refused(&output, "postgres://user:password@host");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f43_a_wrong_password_is_said_and_not_shown() -> anyhow::Result<()> {
    // The server of TEST_POSTGRES_URL may trust everybody.
    let server = PostgresServer::start().await?;
    let mut url = url::Url::parse(&server.url("postgres"))?;
    url.set_password(Some(PASSWORD)).unwrap();
    for arguments in [&["up"][..], &["--verbose", "up"]] {
        let output = Program::on(url.as_str())?.run(arguments).await?;
        assert_refused(&output, "password authentication failed");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f43_a_server_that_does_not_answer_is_said_to_be_unreachable() -> anyhow::Result<()> {
    let port = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await?
        .local_addr()?
        .port();
    let url = format!("postgres://u:{PASSWORD}@127.0.0.1:{port}/outreach");
    let output = Program::on(&url)?.run(&["up"]).await?;
    assert_refused(&output, "is the address right and the server running?");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f43_nothing_that_a_verbose_run_prints_holds_the_password() -> anyhow::Result<()> {
    let server = PostgresServer::start().await?;
    let db = TestDb::empty_postgres_on(&server).await?;
    let url = url::Url::parse(db.url())?;
    let output = Program::on(db.url())?.succeed(&["--verbose", "up"]).await?;
    let all = format!("{}{}", output.stdout, output.stderr);
    assert!(all.contains("has been applied"));
    assert!(!all.contains(url.password().unwrap()), "{all}");
    Ok(())
}

#[tokio::test]
async fn a_sqlite_file_that_cannot_be_made_is_said_in_one_line() -> anyhow::Result<()> {
    let output = Program::on("sqlite:///no/such/folder/outreach.db?mode=rwc")?
        .run(&["up"])
        .await?;
    assert_refused(&output, "unable to open database file");
    Ok(())
}

#[tokio::test]
async fn the_help_shows_no_password_of_the_environment() -> anyhow::Result<()> {
    let program = Program::on(&format!("postgres://u:{PASSWORD}@localhost/outreach"))?;
    let output = program.succeed(&["--help"]).await?;
    assert!(output.stdout.contains("DATABASE_URL"));
    assert!(!output.stdout.contains(PASSWORD));
    Ok(())
}
