//! The revision that makes domains and queries unique, on a database with
//! duplicates.

use outreach_tests::{Row, TestDb, matrix_tests};

use super::{
    duplicates_data::{
        self as data, ALONE, KEPT, Literals, ODD_JSON, OLD_QUERY, OTHER_QUERY, PAIRS, SENT,
        TIMELESS, WITH_CONTACT, YOUNG_QUERY,
    },
    support::{MIRRORED, OWN, Program, contents, down, up},
};

/// What the merge changes.
const TABLES: [&str; 4] = ["jobs", "discovery_queries", "prospects", "email_logs"];

matrix_tests! {
    on_empty:
    f26_the_oldest_prospect_stays_and_takes_what_it_lacks,
    f26_logs_and_prospects_point_to_the_rows_that_stay,
    f26_the_kept_query_has_the_counts_of_all,
    f26_each_merged_row_is_kept_whole_and_can_be_read,
    f26_nothing_can_be_doubled_afterwards,
    f26_going_down_puts_every_merged_row_back_as_it_was,
    f26_the_number_of_merged_rows_is_reported,
    f26_a_database_without_duplicates_is_not_changed,
    f26_thousands_of_rows_of_one_domain_are_merged,
}

/// Columns of a row, by key.
async fn row(db: &TestDb, table: &str, columns: &str, id: u128) -> anyhow::Result<Row> {
    let id = Literals(db.backend()).id(id);
    let rows = db
        .sql(&format!("select {columns} from {table} where id = {id}"))
        .await?;
    anyhow::ensure!(rows.len() == 1, "{} rows in {table} with {id}", rows.len());
    Ok(rows.into_iter().flatten().collect())
}

async fn with_duplicates(db: &TestDb) -> anyhow::Result<()> {
    up(db, MIRRORED).await?;
    data::insert(db).await
}

fn some(values: &[&str]) -> Row {
    values
        .iter()
        .map(|value| Some((*value).to_owned()))
        .collect()
}

async fn f26_the_oldest_prospect_stays_and_takes_what_it_lacks(db: TestDb) -> anyhow::Result<()> {
    with_duplicates(&db).await?;
    up(&db, 1).await?;

    let texts = "page_url, page_title, contact_email, contact_method, draft_subject, draft_body, \
                 dataforseo_payload, hunter_payload";
    assert_eq!(
        row(&db, "prospects", texts, KEPT).await?,
        some(&[
            "https://blog.example/",
            "B \"title\" it's 😀",
            "b@blog.example",
            "hunter_io",
            "hello",
            "draft",
            ODD_JSON,
            "{\"email\": \"b\"}",
        ])
    );
    let numbers = "case when da_est = 12.34 and score = 99.5 then 1 end, followups_sent, \
                   outreach_status, case when last_sent = '2026-02-01T09:30:00.500+00:00' then 1 end, \
                   case when updated_at is null then 1 end";
    assert_eq!(
        row(&db, "prospects", numbers, KEPT).await?,
        some(&["1", "2", "sent", "1", "1"])
    );
    for merged in [WITH_CONTACT, SENT, TIMELESS] {
        assert!(row(&db, "prospects", "id", merged).await.is_err());
    }
    Ok(())
}

async fn f26_logs_and_prospects_point_to_the_rows_that_stay(db: TestDb) -> anyhow::Result<()> {
    with_duplicates(&db).await?;
    let before = db.count("select count(*) from email_logs").await?;
    up(&db, 1).await?;

    assert_eq!(db.count("select count(*) from email_logs").await?, before);
    let literals = Literals(db.backend());
    let at = |id| {
        format!(
            "select count(*) from email_logs where prospect_id = {}",
            literals.id(id)
        )
    };
    assert_eq!(db.count(&at(KEPT)).await?, 4);
    assert_eq!(db.count(&at(ALONE)).await?, 1);
    for prospect in [KEPT, ALONE] {
        let query = row(&db, "prospects", "discovery_query_id", prospect).await?;
        assert_eq!(query, some(&[&literals.shown(OLD_QUERY)]));
    }
    Ok(())
}

async fn f26_the_kept_query_has_the_counts_of_all(db: TestDb) -> anyhow::Result<()> {
    const COUNTERS: &str = "results_found, results_saved, results_skipped_duplicate, \
                            results_skipped_existing, status, location";
    with_duplicates(&db).await?;
    let other = row(&db, "discovery_queries", "*", OTHER_QUERY).await?;
    up(&db, 1).await?;

    assert_eq!(
        row(&db, "discovery_queries", COUNTERS, OLD_QUERY).await?,
        some(&["17", "3", "2", "4", "success", "uk"])
    );
    assert!(
        row(&db, "discovery_queries", "id", YOUNG_QUERY)
            .await
            .is_err()
    );
    assert_eq!(
        row(&db, "discovery_queries", "*", OTHER_QUERY).await?,
        other
    );
    Ok(())
}

async fn f26_each_merged_row_is_kept_whole_and_can_be_read(db: TestDb) -> anyhow::Result<()> {
    with_duplicates(&db).await?;
    up(&db, 1).await?;

    let literals = Literals(db.backend());
    let record = db
        .sql(&format!(
            "select table_name, kept_id, merged_row, repointed_ids from merged_rows where merged_id = {}",
            literals.id(WITH_CONTACT)
        ))
        .await?
        .remove(0);
    assert_eq!(record[..2], some(&["prospects", &literals.shown(KEPT)]));
    let text = record[2].clone().unwrap();
    let json: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(json["domain"], "blog.example");
    assert_eq!(json["page_title"], "B \"title\" it's 😀");
    assert_eq!(json["id"], uuid::Uuid::from_u128(WITH_CONTACT).to_string());
    assert_eq!(json["hunter_payload"]["email"], "b");
    // An object, not a text in a text, and as it was written.
    assert!(text.contains(ODD_JSON), "{text}");
    let logs: Vec<uuid::Uuid> = serde_json::from_str(record[3].as_deref().unwrap())?;
    assert_eq!(logs, [uuid::Uuid::from_u128(0x101)]);

    let merged = db.count("select count(*) from merged_rows").await?;
    assert_eq!(merged, i64::try_from(PAIRS)? + 3 + 1);
    Ok(())
}

async fn f26_nothing_can_be_doubled_afterwards(db: TestDb) -> anyhow::Result<()> {
    with_duplicates(&db).await?;
    up(&db, 1).await?;

    for (table, key) in [
        ("prospects", "domain"),
        ("discovery_queries", "job_id, keyword, location"),
    ] {
        let doubled = format!("select 1 from {table} group by {key} having count(*) > 1");
        assert!(db.sql(&doubled).await?.is_empty());
    }
    let literals = Literals(db.backend());
    let again = format!(
        "insert into prospects (id, domain) values ({}, 'blog.example')",
        literals.id(0x999)
    );
    assert!(db.sql(&again).await.is_err());
    let again = format!(
        "insert into discovery_queries (id, job_id, keyword, location) values ({}, {}, 'décor 😀', 'uk')",
        literals.id(0x999),
        literals.id(data::JOB),
    );
    assert!(db.sql(&again).await.is_err());
    Ok(())
}

async fn f26_going_down_puts_every_merged_row_back_as_it_was(db: TestDb) -> anyhow::Result<()> {
    with_duplicates(&db).await?;
    let before = contents(&db, &TABLES).await?;
    up(&db, 1).await?;
    let merged = contents(&db, &TABLES).await?;
    assert_ne!(before, merged);

    down(&db, 1).await?;

    let mut restored = contents(&db, &TABLES).await?;
    // The kept rows keep what they took over; every other row is as it was.
    let literals = Literals(db.backend());
    let mut expected = before.clone();
    for rows in expected.iter_mut().chain(&mut restored) {
        // SQLite's times are text, and the driver writes no zero milliseconds;
        // it is the same time and sorts the same.
        for value in rows.iter_mut().flatten().flatten() {
            *value = value.replace(".000+00:00", "+00:00");
        }
        rows.retain(|row| {
            let kept = [KEPT, OLD_QUERY].map(|id| Some(literals.shown(id)));
            !kept.contains(&row[0])
        });
    }
    for (expected, restored) in expected.iter().zip(&restored) {
        assert_eq!(expected.len(), restored.len());
        for (expected, restored) in expected.iter().zip(restored) {
            assert_eq!(expected, restored);
        }
    }
    let counters =
        "results_found, results_saved, results_skipped_duplicate, results_skipped_existing";
    assert_eq!(
        row(&db, "discovery_queries", counters, OLD_QUERY).await?,
        some(&["10", "1", "2", "3"])
    );

    up(&db, 1).await?;
    assert_eq!(contents(&db, &TABLES).await?, merged);
    Ok(())
}

async fn f26_the_number_of_merged_rows_is_reported(db: TestDb) -> anyhow::Result<()> {
    with_duplicates(&db).await?;
    let program = Program::on(db.url())?;
    let output = program.succeed(&["up"]).await?;
    let report = format!(
        "Merged {} duplicate prospects and 1 duplicate discovery queries",
        PAIRS + 3
    );
    assert!(output.stdout.contains(&report), "{}", output.stdout);
    let output = program.succeed(&["down", "-n", &OWN.to_string()]).await?;
    let report = format!("Restored {} merged prospects and 1 merged", PAIRS + 3);
    assert!(output.stdout.contains(&report), "{}", output.stdout);
    Ok(())
}

async fn f26_a_database_without_duplicates_is_not_changed(db: TestDb) -> anyhow::Result<()> {
    with_duplicates(&db).await?;
    up(&db, 1).await?;
    db.sql("delete from merged_rows").await?;
    down(&db, 1).await?;
    let before = contents(&db, &TABLES).await?;

    let program = Program::on(db.url())?;
    let output = program.succeed(&["up"]).await?;

    assert!(output.stdout.contains("No duplicate"), "{}", output.stdout);
    assert_eq!(contents(&db, &TABLES).await?, before);
    assert_eq!(db.count("select count(*) from merged_rows").await?, 0);
    program.succeed(&["down", "-n", &OWN.to_string()]).await?;
    assert_eq!(contents(&db, &TABLES).await?, before);
    Ok(())
}

/// More rows of one domain than one statement takes parameters for.
async fn f26_thousands_of_rows_of_one_domain_are_merged(db: TestDb) -> anyhow::Result<()> {
    const ROWS: i64 = 7_000;
    up(&db, MIRRORED).await?;
    let (series, id) = match db.backend() {
        sea_orm::DbBackend::Sqlite => (
            format!(
                "(with recursive s(n) as (select 1 union all select n + 1 from s where n < {ROWS}) select n from s)"
            ),
            "unhex(printf('%032x', n))",
        ),
        _ => (
            format!("(select generate_series(1, {ROWS}) as n)"),
            "lpad(to_hex(n), 32, '0')::uuid",
        ),
    };
    db.sql(&format!(
        "insert into prospects (id, domain) select {id}, 'one.example' from {series} as series"
    ))
    .await?;

    up(&db, None).await?;
    assert_eq!(db.count("select count(*) from prospects").await?, 1);
    assert_eq!(
        db.count("select count(*) from merged_rows").await?,
        ROWS - 1
    );
    down(&db, OWN).await?;
    assert_eq!(db.count("select count(*) from prospects").await?, ROWS);
    Ok(())
}
