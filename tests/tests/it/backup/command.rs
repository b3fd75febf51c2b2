//! `outreach backup` and `outreach restore`.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use outreach_operations::backup::Manifest;
use outreach_tests::{PostgresServer, TestDb, matrix_tests};
use schema_audit::scratch::pg_dump;
use sea_orm::DbBackend;
use serde_json::Value;

use super::{empty_like, fill, folder, names, outreach, paths_that_end_with};

matrix_tests! {
    a_backup_is_made_read_back_listed_and_restored,
    only_the_newest_backups_are_kept_and_nothing_else_is_touched,
    of_two_databases_of_one_name_the_newest_backups_of_each_are_kept,
}

async fn a_backup_is_made_read_back_listed_and_restored(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let folder = folder()?;
    let run = async |arguments: &[&str]| {
        let output = outreach(&folder, &db).args(arguments).run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
        anyhow::Ok(output)
    };
    let made = run(&["backup", "--verify", "--json"]).await?;
    assert!(made.stderr.contains("sound"), "{made:?}");
    let made: Value = serde_json::from_str(&made.stdout)?;
    let path = made["path"].as_str().unwrap_or_default();
    assert!(path.starts_with("backups/"), "{made}");
    let listed: Value = serde_json::from_str(&run(&["backup", "list", "--json"]).await?.stdout)?;
    assert_eq!(listed["backups"][0], made);
    run(&["backup", "verify", path]).await?;

    let other = empty_like(&db).await?;
    let restored = outreach(&folder, &other)
        .args(["restore", path])
        .run()
        .await?;
    assert_eq!(restored.status, Some(0), "{restored:?}");
    let again = outreach(&folder, &other)
        .args(["restore", path])
        .run()
        .await?;
    assert_eq!(again.status, Some(1), "{again:?}");
    assert!(again.stderr.contains("not empty"), "{again:?}");

    fs::write(folder.path().join(path), "nonsense")?;
    let broken = outreach(&folder, &db)
        .args(["backup", "verify", path])
        .run()
        .await?;
    assert_eq!(broken.status, Some(1), "{broken:?}");
    assert!(broken.stderr.contains("8 bytes instead of"), "{broken:?}");
    let missing = outreach(&folder, &db)
        .args(["restore", "none.dump"])
        .run()
        .await?;
    assert_eq!(missing.status, Some(1), "{missing:?}");
    assert!(
        missing.stderr.contains("none.dump.manifest.json"),
        "{missing:?}"
    );
    Ok(())
}

async fn only_the_newest_backups_are_kept_and_nothing_else_is_touched(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let directory = folder.path().join("kept here");
    let run = async |arguments: &[&str]| {
        let command = outreach(&folder, &db).env("OUTREACH_BACKUP_DIR", &directory);
        let output = command.args(arguments).run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
        anyhow::Ok(output)
    };
    for _ in 0..3 {
        run(&["backup"]).await?;
    }
    // Another database's, a damaged one, and files that are no backups.
    let listed: Value = serde_json::from_str(&run(&["backup", "list", "--json"]).await?.stdout)?;
    let paths = listed["backups"].as_array().cloned().unwrap_or_default();
    let paths: Vec<&str> = paths
        .iter()
        .filter_map(|one| one["path"].as_str())
        .collect();
    assert_eq!(paths.len(), 3, "{listed}");
    let manifest = |path: &str| format!("{path}.manifest.json");
    let other = directory.join("other.dump");
    fs::copy(paths[2], &other)?;
    let mut text: Value = serde_json::from_slice(&fs::read(manifest(paths[2]))?)?;
    text["database"] = "another".into();
    fs::write(directory.join("other.dump.manifest.json"), text.to_string())?;
    fs::write(directory.join("damaged.dump"), "x")?;
    fs::copy(
        manifest(paths[2]),
        directory.join("damaged.dump.manifest.json"),
    )?;
    for name in ["notes.txt", "by-hand.dump", "x.partial", "y.manifest.json"] {
        fs::write(directory.join(name), "mine")?;
    }
    let before = names(&directory);

    let dry = run(&["backup", "prune", "--keep", "1", "--dry-run"]).await?;
    assert_eq!(names(&directory), before);
    let pruned = run(&["backup", "prune", "--keep", "1"]).await?;
    assert_eq!(dry.stdout, pruned.stdout);
    assert_eq!(pruned.stdout.lines().collect::<Vec<_>>(), paths[1..]);
    assert!(pruned.stderr.contains("damaged.dump"), "{pruned:?}");
    let gone = [paths[1], paths[2]].map(|path| path.rsplit('/').next().unwrap_or_default());
    let expected = before
        .iter()
        .filter(|name| !gone.iter().any(|gone| name.starts_with(gone)));
    assert_eq!(names(&directory), expected.cloned().collect::<Vec<_>>());
    let none = outreach(&folder, &db)
        .args(["backup", "prune", "--keep", "0"])
        .run()
        .await?;
    assert_eq!(none.status, Some(1), "{none:?}");
    Ok(())
}

/// On different servers, or in different folders.
async fn of_two_databases_of_one_name_the_newest_backups_of_each_are_kept(
    db: TestDb,
) -> anyhow::Result<()> {
    let (other_file, other_server);
    let other = if db.backend() == DbBackend::Sqlite {
        other_file = TestDb::sqlite().await?;
        other_file.url().to_owned()
    } else {
        other_server = PostgresServer::start().await?;
        let name = db.value("select current_database()").await?;
        let name = name.unwrap_or_default();
        other_server
            .execute(&format!("create database {name}"))
            .await?;
        other_server.url(&name)
    };
    let folder = folder()?;
    let run = async |url: &str, arguments: &[&str]| {
        let command = outreach(&folder, &db).env("DATABASE_URL", url);
        let output = command.args(arguments).run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
        anyhow::Ok(output.stdout)
    };
    let mut made = Vec::new();
    for url in [db.url(), &other, db.url(), &other, db.url()] {
        let backup: Value = serde_json::from_str(&run(url, &["backup", "--json"]).await?)?;
        made.push(backup["path"].as_str().unwrap_or_default().to_owned());
    }
    let databases = made.iter().map(|path| {
        let manifest = Manifest::read(&folder.path().join(path));
        manifest.map(|manifest| manifest.database)
    });
    let databases = databases.collect::<Result<BTreeSet<_>, _>>()?;
    assert_eq!(databases.len(), 1, "{databases:?}");

    let pruned = run(db.url(), &["backup", "prune", "--keep", "1", "--json"]).await?;
    let pruned: Value = serde_json::from_str(&pruned)?;
    assert_eq!(pruned["kept"], serde_json::json!([made[4], made[3]]));
    let left = paths_that_end_with(&folder.path().join("backups"), ".manifest.json");
    assert_eq!(left.len(), 2, "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_on_a_command_line_and_a_read_only_session_is_enough() -> anyhow::Result<()>
{
    let db = TestDb::postgres().await?;
    let name = db
        .value("SELECT current_database()")
        .await?
        .unwrap_or_default();
    db.sql(&format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ))
    .await?;
    let folder = folder()?;
    let real = pg_dump::find(1).await?;
    let script = folder.path().join("pg_dump");
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >> '{}/arguments'\nexec '{}' \"$@\"\n",
        folder.path().display(),
        real.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let made = outreach(&folder, &db)
        .env("PG_DUMP", &script)
        .arg("backup")
        .run()
        .await?;
    assert_eq!(made.status, Some(0), "{made:?}");
    let arguments = fs::read_to_string(folder.path().join("arguments"))?;
    assert!(arguments.contains("--snapshot="), "{arguments}");
    let url = url::Url::parse(db.url())?;
    if let Some(password) = url.password() {
        assert!(!arguments.contains(password));
        assert!(!format!("{made:?}").contains(password));
    }
    Ok(())
}
