//! Missing values, in tables that do not forbid them.

use outreach_service::data_checks::DataCode;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    cases::{Case, id, job, prospect, query, run_all},
    codes, findings,
};

matrix_tests! {
    f39_a_missing_value_is_found_where_code_needs_it_and_where_it_reads_as_the_default,
    f40_a_prospect_without_a_status_that_was_written_to_is_mended_to_sent,
}

/// Takes NOT NULL away, as tables have it that were made another way.
fn allow_nulls(backend: DbBackend) -> String {
    const COLUMNS: [(&str, &str); 4] = [
        ("jobs", "status"),
        ("prospects", "domain"),
        ("discovery_queries", "results_saved"),
        ("job_runs", "run_at"),
    ];
    if backend == DbBackend::Sqlite {
        let updates = COLUMNS.map(|(table, column)| {
            format!(
                "update sqlite_master set sql = substr(sql, 1, instr(sql, '\"{column}\"') - 1) || \
                 replace(substr(sql, instr(sql, '\"{column}\"'), 60), ' NOT NULL', '         ') || \
                 substr(sql, instr(sql, '\"{column}\"') + 60) where name = '{table}'; "
            )
        });
        return format!(
            "pragma writable_schema = on; {} pragma writable_schema = reset",
            updates.concat()
        );
    }
    COLUMNS
        .map(|(table, column)| format!("alter table {table} alter column {column} drop not null; "))
        .concat()
}

pub(super) fn cases(backend: DbBackend) -> Vec<Case> {
    let one = id(backend, 1);
    let unreadable = |object, seed| Case::new(DataCode::NullUnreadable, object, seed, &[1]);
    let default = |object, seed| Case::new(DataCode::NullReadAsDefault, object, seed, &[1]);
    vec![
        unreadable("jobs.status", job(backend, 1, "status", "NULL")),
        unreadable("prospects.domain", prospect(backend, 1, "domain", "NULL"))
            .by_hand("update prospects set domain = 'a.example.com'".to_owned()),
        Case::new(
            DataCode::NullUnreadable,
            "discovery_queries.results_saved",
            job(backend, 1, "", "") + &query(backend, 2, "status, results_saved", "'failed', NULL"),
            &[2],
        ),
        unreadable(
            "job_runs.run_at",
            job(backend, 1, "status", "'pending'")
                + &format!("insert into job_runs (job_id, run_at) values ({one}, NULL)"),
        ),
        default("prospects.score", prospect(backend, 1, "score", "NULL")),
        default(
            "prospects.followups_sent",
            prospect(backend, 1, "followups_sent", "NULL"),
        ),
        default(
            "prospects.outreach_status",
            prospect(backend, 1, "outreach_status", "NULL"),
        ),
        default(
            "prospects.created_at",
            prospect(backend, 1, "created_at", "NULL"),
        ),
        default(
            "jobs.created_at",
            job(backend, 1, "created_at, updated_at", "NULL, NULL"),
        ),
    ]
}

async fn f39_a_missing_value_is_found_where_code_needs_it_and_where_it_reads_as_the_default(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql(&allow_nulls(db.backend())).await?;
    run_all(&db, cases(db.backend())).await
}

async fn f40_a_prospect_without_a_status_that_was_written_to_is_mended_to_sent(
    db: TestDb,
) -> anyhow::Result<()> {
    let one = id(db.backend(), 1);
    db.sql(&prospect(db.backend(), 1, "outreach_status", "NULL"))
        .await?;
    db.sql(&format!(
        "insert into email_logs (id, prospect_id) values ({one}, {one})"
    ))
    .await?;
    let found = findings(&db).await?;
    assert_eq!(
        codes(&found).into_iter().collect::<Vec<_>>(),
        [
            DataCode::NullReadAsDefault,
            DataCode::ProspectPendingWithMail
        ]
    );
    db.sql(&found[0].remedy.to_string()).await?;
    let status = db.value("select outreach_status from prospects").await?;
    assert_eq!(status.as_deref(), Some("sent"));
    assert_eq!(
        codes(&findings(&db).await?).into_iter().collect::<Vec<_>>(),
        [DataCode::ProspectLastSentMissing]
    );
    Ok(())
}
