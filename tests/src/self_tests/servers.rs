use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::{PostgresServer, TestDb};

#[tokio::test(flavor = "multi_thread")]
async fn committed_rows_survive_a_server_that_is_killed() -> anyhow::Result<()> {
    let server = PostgresServer::start().await?;
    let db = TestDb::empty_postgres_on(&server).await?;
    db.sql("create table t (id int); insert into t values (7)")
        .await?;

    server.stop_immediate()?;
    assert!(db.sql("select 1").await.is_err());
    server.start_again()?;

    assert_eq!(db.count("select id from t").await?, 7);
    assert!(server.log().contains("automatic recovery"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused() -> anyhow::Result<()> {
    let server = PostgresServer::start().await?;
    let mut url = url::Url::parse(&server.url("postgres"))?;
    url.set_password(Some("wrong")).unwrap();
    assert!(sea_orm::Database::connect(url.as_str()).await.is_err());
    Ok(())
}

/// Not a test of its own: the process that the next test kills.
#[tokio::test]
#[ignore = "runs until it is killed, for the test below"]
async fn a_server_that_waits_to_be_orphaned() -> anyhow::Result<()> {
    let server = PostgresServer::start().await?;
    let db = TestDb::empty_postgres_on(&server).await?;
    println!(
        "\nserves {}",
        db.value("show data_directory").await?.unwrap()
    );
    std::future::pending().await
}

#[test]
fn a_server_goes_with_its_process_even_by_kill_9() {
    let test = "servers::a_server_that_waits_to_be_orphaned";
    let folder = kill_what_serves(test, |data| data.parent().unwrap().to_owned());
    wait_until_gone(&folder);
}

/// Runs one of the ignored tests here until it says what folder it serves, looks
/// at that, and kills the test.
pub(super) fn kill_what_serves<T>(test: &str, look: impl FnOnce(&Path) -> T) -> T {
    let name = format!("self_tests::{test}");
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", &name])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let served = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("serves ").map(str::to_owned))
        .expect("the process says what it serves");
    let seen = look(Path::new(&served));
    assert!(Path::new(&served).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    seen
}

/// The watchdog is not a child of the test; its end is seen in the folder's.
pub(super) fn wait_until_gone(folder: &Path) {
    let limit = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while folder.exists() {
        assert!(
            std::time::Instant::now() < limit,
            "{} stays",
            folder.display()
        );
        std::thread::yield_now();
    }
}
