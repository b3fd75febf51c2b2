//! The seven commands of sea-orm-migration through the built program.

use outreach_migration::REVISIONS;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    duplicates_data as data,
    facts::facts,
    support::{MIRRORED, Program, contents, ledger, names, tables},
};

matrix_tests! {
    on_empty:
    up_without_a_word_goes_to_head_and_again_does_nothing,
    up_and_down_go_as_many_steps_as_they_are_told,
    status_says_what_is_applied_and_what_is_pending,
    fresh_empties_a_database_that_has_rows,
    f21_fresh_drops_no_table_of_another_program,
    refresh_and_reset_run_the_chain_back,
    f02_tables_of_another_tool_are_refused_in_one_line_and_nothing_changes,
    a_failure_in_a_later_revision_takes_the_earlier_ones_of_the_run_back,
    source_commands_say_where_they_belong,
}

const ALL: usize = REVISIONS.len();

async fn up_without_a_word_goes_to_head_and_again_does_nothing(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    let output = program.succeed(&[]).await?;
    assert_eq!(output.stderr, "");
    for revision in REVISIONS {
        let line = format!("Migration '{}' has been applied", revision.name);
        assert!(output.stdout.contains(&line), "{}", output.stdout);
    }
    assert_eq!(ledger(&db).await?, names(ALL));
    let before = facts(&db).await?;

    let output = program.succeed(&["up"]).await?;

    assert!(output.stdout.contains("No pending migrations"));
    assert_eq!(facts(&db).await?, before);
    Ok(())
}

async fn up_and_down_go_as_many_steps_as_they_are_told(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    for (arguments, left) in [
        (&["up", "-n", "4"][..], 4),
        (&["up", "-n", "1"], 5),
        (&["down"], 4),
        (&["down", "-n", "2"], 2),
        (&["up", "-n", "99"], ALL),
        (&["down", "-n", "99"], 0),
        (&["down"], 0),
        (&["up", "-n", "0"], 0),
    ] {
        program.succeed(arguments).await?;
        assert_eq!(ledger(&db).await?, names(left), "{arguments:?}");
    }
    assert_eq!(tables(&db).await?, ["seaql_migrations"]);
    Ok(())
}

async fn status_says_what_is_applied_and_what_is_pending(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    for applied in [0, 2, ALL] {
        if applied > 0 {
            program.succeed(&["up", "-n", "2"]).await?;
        }
        if applied == ALL {
            program.succeed(&["up"]).await?;
        }
        let before = tables(&db).await?;
        let output = program.succeed(&["status"]).await?;
        for (index, revision) in REVISIONS.iter().enumerate() {
            let word = if index < applied {
                "Applied"
            } else {
                "Pending"
            };
            let line = format!("Migration '{}'... {word}", revision.name);
            assert!(output.stdout.contains(&line), "{line}\n{}", output.stdout);
        }
        assert_eq!(tables(&db).await?, before);
    }
    Ok(())
}

async fn fresh_empties_a_database_that_has_rows(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    program.succeed(&["up", "-n", "4"]).await?;
    data::insert(&db).await?;
    program.succeed(&["up"]).await?;
    let head = facts(&db).await?;
    db.sql("create table of_nobody (id integer)").await?;

    program.succeed(&["fresh"]).await?;

    assert_eq!(facts(&db).await?, head);
    let rows = contents(&db, &["jobs", "prospects", "email_logs", "merged_rows"]).await?;
    assert!(rows.iter().all(Vec::is_empty), "{rows:?}");
    if db.backend() == DbBackend::Sqlite {
        assert!(db.sql("pragma foreign_key_check").await?.is_empty());
    }
    Ok(())
}

async fn f21_fresh_drops_no_table_of_another_program(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    let refused = async |words: &[&str]| {
        let before = (facts(&db).await?, contents(&db, &["jobs"]).await?);
        let output = program.run(&["fresh"]).await?;
        assert_eq!(output.status, Some(1), "{output:?}");
        for word in words {
            assert!(output.stderr.contains(word), "no `{word}` in {output:?}");
        }
        let after = (facts(&db).await?, contents(&db, &["jobs"]).await?);
        assert_eq!(after, before);
        anyhow::Ok(())
    };
    db.sql("create table jobs (id integer); insert into jobs values (1)")
        .await?;
    refused(&["the table `jobs` exists", "outreach adopt"]).await?;
    // A ledger of the same name, with another program's revision.
    db.sql(
        "create table seaql_migrations (version varchar primary key, applied_at bigint not null); \
         insert into seaql_migrations values ('m20200101_000001_of_theirs', 0)",
    )
    .await?;
    refused(&["m20200101_000001_of_theirs"]).await
}

async fn refresh_and_reset_run_the_chain_back(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    program.succeed(&["up", "-n", "4"]).await?;
    data::insert_few(&db).await?;
    program.succeed(&["up"]).await?;
    let head = facts(&db).await?;

    program.succeed(&["refresh"]).await?;
    assert_eq!(facts(&db).await?, head);
    assert_eq!(db.count("select count(*) from prospects").await?, 0);

    program.succeed(&["reset"]).await?;
    assert_eq!(facts(&db).await?, "");
    Ok(())
}

async fn f02_tables_of_another_tool_are_refused_in_one_line_and_nothing_changes(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql("create table prospects (id integer)").await?;
    let before = facts(&db).await?;

    let output = Program::on(db.url())?.run(&["up"]).await?;

    assert_eq!(output.status, Some(1));
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("the table `prospects` exists"));
    assert_eq!(facts(&db).await?, before);
    Ok(())
}

async fn a_failure_in_a_later_revision_takes_the_earlier_ones_of_the_run_back(
    db: TestDb,
) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    db.sql("create table job_runs (id integer)").await?;
    let before = facts(&db).await?;
    let output = program.run(&["up"]).await?;
    assert_eq!(output.status, Some(1));
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("job_runs"), "{}", output.stderr);
    assert_eq!(facts(&db).await?, before);

    // What was there before the run stays.
    let mirrored = MIRRORED.to_string();
    program.succeed(&["up", "-n", &mirrored]).await?;
    let before = facts(&db).await?;
    assert_eq!(program.run(&["up"]).await?.status, Some(1));
    assert_eq!(facts(&db).await?, before);
    assert_eq!(ledger(&db).await?, names(4));
    Ok(())
}

async fn source_commands_say_where_they_belong(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    for arguments in [&["init"][..], &["generate", "a_name"]] {
        let output = program.run(arguments).await?;
        assert_eq!(output.status, Some(1));
        assert!(output.stderr.contains("sea-orm-cli migrate"), "{output:?}");
    }
    Ok(())
}
