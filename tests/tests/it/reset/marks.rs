//! `outreach protect`.

use outreach_tests::{TestDb, matrix_tests};

use super::name;
use crate::backup::{folder, outreach};

matrix_tests! {
    f21_a_mark_is_set_shown_and_taken_off_only_by_the_databases_name,
    f21_an_environment_is_replaced_only_by_the_databases_name,
    a_database_without_the_table_for_marks_names_the_remedy,
}

async fn f21_a_mark_is_set_shown_and_taken_off_only_by_the_databases_name(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let name = name(&db);
    let run = async |arguments: &[&str]| {
        let command = outreach(&folder, &db).arg("protect").args(arguments);
        command.run_with_input(&format!("{name}\n")).await
    };
    let status = run(&["--status"]).await?;
    assert!(status.stdout.contains("no"), "{status:?}");
    let set = run(&["--reason", "a\u{1b}[2Jb"]).await?;
    assert_eq!(set.status, Some(0), "{set:?}");
    assert!(!set.stdout.contains('\u{1b}'), "{set:?}");
    for refused in [&["--off"][..], &["--off", "--confirm", "other"]] {
        let output = run(refused).await?;
        assert_eq!(output.status, Some(1), "{output:?}");
        assert!(output.stderr.contains("nothing was changed"), "{output:?}");
    }
    let status = run(&["--status"]).await?;
    assert!(status.stdout.contains("is marked"), "{status:?}");
    let off = run(&["--off", "--confirm", &name]).await?;
    assert_eq!(off.status, Some(0), "{off:?}");
    let marks = "select count(*) from database_properties";
    assert_eq!(db.count(marks).await?, 0);
    Ok(())
}

async fn f21_an_environment_is_replaced_only_by_the_databases_name(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |arguments: &[&str]| {
        let command = outreach(&folder, &db).args(["protect", "--environment"]);
        command.args(arguments).run().await
    };
    assert_eq!(run(&["production"]).await?.status, Some(0));
    assert_eq!(run(&["production"]).await?.status, Some(0));
    let refused = run(&["staging"]).await?;
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert_eq!(run(&["Not A Name"]).await?.status, Some(1));
    let confirmed = run(&["staging", "--confirm", &name(&db)]).await?;
    assert_eq!(confirmed.status, Some(0), "{confirmed:?}");
    let stored = "select value from database_properties where name = 'environment'";
    assert_eq!(db.value(stored).await?.as_deref(), Some("staging"));
    Ok(())
}

async fn a_database_without_the_table_for_marks_names_the_remedy(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let down = outreach(&folder, &db).args(["migrate", "down", "-n", "2"]);
    assert_eq!(down.run().await?.status, Some(0));
    let output = outreach(&folder, &db).arg("protect").run().await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains("outreach migrate up"), "{output:?}");
    Ok(())
}
