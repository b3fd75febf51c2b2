//! Counters against each other, against prospects, and against jobs' results.

use outreach_service::data_checks::DataCode;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    cases::{Case, id, job, prospect, query, run_all},
    findings,
};

matrix_tests! {
    f34_counters_that_do_not_add_up_are_found,
    f34_rows_of_the_other_backend_are_held_to_what_they_can_say,
    f24_a_mended_result_keeps_what_it_said_beside_the_numbers,
}

const COUNTERS: &str = "status, results_found, results_saved, results_skipped_duplicate, \
     results_skipped_existing, query_metadata";

/// As a discovery writes it.
fn metadata(no_contact: u32, invalid: u32, over_limit: u32) -> String {
    format!(
        "'{{\"results_skipped_no_email\": {no_contact}, \"results_invalid\": {invalid}, \
         \"results_over_limit\": {over_limit}, \"set_aside\": []}}'"
    )
}

fn result(discovered: u32, found: u32, saved: u32) -> String {
    format!(
        "'{{\"keywords\": \"a\", \"prospects_discovered\": {discovered}, \"search_statistics\": \
         {{\"total_results_found\": {found}, \"results_saved\": {saved}, \
         \"results_skipped_duplicate\": 1, \"results_skipped_existing\": 2}}}}'"
    )
}

pub(super) fn cases(backend: DbBackend) -> Vec<Case> {
    let first = || job(backend, 1, "", "");
    let row = |number, values: &str| query(backend, number, COUNTERS, values);
    let of_query = |number: u128, query: u128| {
        prospect(backend, number, "discovery_query_id", &id(backend, query))
    };
    vec![
        Case::new(
            DataCode::CountersUnexplained,
            "discovery_queries",
            first()
                + &row(2, &format!("'success', 20, 5, 4, 3, {}", metadata(2, 1, 5)))
                + &row(3, &format!("'success', 20, 5, 4, 3, {}", metadata(2, 1, 4))),
            &[3],
        )
        .by_hand(
            "update discovery_queries set results_found = 19 where results_found = 20 and id = "
                .to_owned()
                + &id(backend, 3),
        ),
        Case::new(
            DataCode::CountersExceedFound,
            "discovery_queries",
            first()
                + &row(2, &format!("'success', 20, 5, 4, 3, {}", metadata(2, 1, 6)))
                + &row(3, "'success', 20, 10, 5, 6, NULL")
                + &row(4, "'failed', 0, 0, 0, 0, NULL"),
            &[2, 3],
        ),
        Case::new(
            DataCode::CounterNegative,
            "discovery_queries.results_saved",
            first() + &row(2, "'success', 5, -1, 0, 0, NULL"),
            &[2],
        ),
        Case::new(
            DataCode::QueryWithoutCounters,
            "discovery_queries",
            first()
                + &row(2, "'success', 0, 0, 0, 0, NULL")
                + &of_query(5, 2)
                + &of_query(6, 2)
                + &row(3, "'success', 0, 0, 0, 0, NULL"),
            &[2],
        ),
        Case::new(
            DataCode::QuerySavedTooLow,
            "discovery_queries",
            first()
                + &row(2, "'success', 2, 1, 1, 0, NULL")
                + &of_query(5, 2)
                + &of_query(6, 2)
                // Fewer prospects than were saved is no fault.
                + &row(3, "'success', 2, 2, 0, 0, NULL")
                + &of_query(7, 3),
            &[2],
        ),
        mismatch(backend),
    ]
}

/// The first job says what its queries say; the others say more, or have no
/// queries to be held against.
fn mismatch(backend: DbBackend) -> Case {
    let row = |number: u128, of_job: u128, values: &str| {
        format!(
            "insert into discovery_queries (id, keyword, location, job_id, {COUNTERS}) values \
             ({}, 'k{number}', 'usa', {}, {values}); ",
            id(backend, number),
            id(backend, of_job)
        )
    };
    Case::new(
        DataCode::JobResultMismatch,
        "jobs.result",
        [
            job(backend, 1, "result", &result(5, 13, 5)),
            row(11, 1, "'success', 10, 4, 1, 2, NULL"),
            row(12, 1, "'success', 3, 1, 0, 0, NULL"),
            job(backend, 2, "result", &result(20, 13, 5)),
            row(13, 2, "'success', 13, 5, 1, 2, NULL"),
            job(backend, 3, "result", &result(20, 20, 20)),
            job(backend, 4, "result", "'[1]'"),
            row(14, 4, "'success', 13, 5, 1, 2, NULL"),
        ]
        .concat(),
        &[2],
    )
}

async fn f34_counters_that_do_not_add_up_are_found(db: TestDb) -> anyhow::Result<()> {
    run_all(&db, cases(db.backend())).await
}

/// They have no metadata, or one of their own, in any shape, and results with
/// ends that nobody counted.
async fn f34_rows_of_the_other_backend_are_held_to_what_they_can_say(
    db: TestDb,
) -> anyhow::Result<()> {
    let backend = db.backend();
    let mut sql = job(backend, 1, "", "");
    let documents = [
        "NULL",
        "'null'",
        "'[1, 2]'",
        "'\"results_over_limit\"'",
        "'{\"task\": \"a\", \"results_invalid\": \"many\"}'",
        "'{\"results_over_limit\": -1}'",
        "'{\"results_over_limit\": 99999999999999999999}'",
        "'{\"title\": \"a\\u0000b\", \"results_over_limit\": 1}'",
        "'{\"title\": \"\\ud83d\", \"results_over_limit\": 1}'",
    ];
    for (number, document) in (2..).zip(documents) {
        let values = format!("'success', 1018, 0, 497, 340, {document}");
        sql += &query(backend, number, COUNTERS, &values);
    }
    db.sql(&sql).await?;
    let found = findings(&db).await?;
    if backend == DbBackend::Sqlite {
        // There is no escape that its JSON can't read.
        let counted: Vec<_> = found.iter().map(|f| (f.code, f.count)).collect();
        assert_eq!(counted, [(DataCode::CountersUnexplained, 2)], "{found:#?}");
    } else {
        assert_eq!(found, []);
    }
    Ok(())
}

async fn f24_a_mended_result_keeps_what_it_said_beside_the_numbers(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql(&mismatch(db.backend()).seed).await?;
    let found = findings(&db).await?;
    db.sql(&found[0].remedy.to_string()).await?;
    let key = id(db.backend(), 2);
    let result = db
        .value(&format!("select result from jobs where id = {key}"))
        .await?;
    let result: serde_json::Value = serde_json::from_str(&result.unwrap_or_default())?;
    assert_eq!(
        result,
        serde_json::json!({
            "keywords": "a",
            "prospects_discovered": 5,
            "search_statistics": {
                "total_results_found": 13,
                "results_saved": 5,
                "results_skipped_duplicate": 1,
                "results_skipped_existing": 2,
            },
        })
    );
    Ok(())
}
