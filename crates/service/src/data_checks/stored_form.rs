//! Forms that SQLite does not enforce: keys, times, JSON, text.

use super::{
    DataCode,
    check::{Check, Mend},
    shape::Shape,
};

const KEYS: &[(&str, &str)] = &[
    ("jobs", "id"),
    ("prospects", "id"),
    ("email_logs", "id"),
    ("settings", "id"),
    ("discovery_queries", "id"),
    ("job_runs", "job_id"),
    ("merged_rows", "merged_id"),
];

const TIMES: &[(&str, &str)] = &[
    ("jobs", "created_at"),
    ("jobs", "updated_at"),
    ("prospects", "last_sent"),
    ("prospects", "created_at"),
    ("prospects", "updated_at"),
    ("email_logs", "sent_at"),
    ("settings", "created_at"),
    ("settings", "updated_at"),
    ("discovery_queries", "created_at"),
    ("discovery_queries", "updated_at"),
    ("job_runs", "run_at"),
    ("job_runs", "lease_expires_at"),
    ("job_runs", "cancel_requested_at"),
    ("job_runs", "deadline_at"),
    ("merged_rows", "merged_at"),
];

const DOCUMENTS: &[(&str, &str)] = &[
    ("jobs", "params"),
    ("jobs", "result"),
    ("prospects", "dataforseo_payload"),
    ("prospects", "hunter_payload"),
    ("email_logs", "response"),
    ("settings", "value"),
    ("discovery_queries", "query_metadata"),
    ("job_runs", "progress"),
    ("merged_rows", "merged_row"),
    ("merged_rows", "repointed_ids"),
    ("merged_rows", "kept_row"),
];

/// PostgreSQL has types for all of these.
pub(super) fn checks(shape: &Shape) -> Vec<Check> {
    if !shape.is_sqlite() {
        return Vec::new();
    }
    let keys = KEYS.iter().map(|column| key(*column));
    let times = TIMES.iter().map(|column| time(*column));
    let documents = DOCUMENTS.iter().map(|column| document(*column));
    keys.chain(times)
        .chain(documents)
        .chain([title()])
        .collect()
}

/// Rows are named by the column that is their key.
fn named(check: Check) -> Check {
    match KEYS.iter().find(|(table, _)| *table == check.table) {
        Some((_, key)) => check.by_key(key),
        None => check,
    }
}

fn key((table, column): (&'static str, &'static str)) -> Check {
    named(Check::of_column(
        DataCode::KeyForm,
        (table, column),
        format!("typeof(t.{column}) <> 'blob' OR length(t.{column}) <> 16"),
        Mend::Advice(
            "write the keys as 16 bytes, `unhex(replace(id, '-', ''))`, in every column that \
             holds them, in one transaction after `PRAGMA defer_foreign_keys = ON`"
                .to_owned(),
        ),
    ))
}

/// The driver binds `2026-01-01T10:00:00.123+00:00`: UTC, no fraction or one of
/// 3, 6 or 9 digits that is not zero. What SQLite can't read as a time stays
/// for somebody to look at.
fn time((table, column): (&'static str, &'static str)) -> Check {
    let digits = |count: usize| "[0-9]".repeat(count);
    let (two, four) = (digits(2), digits(4));
    let fraction = format!("substr(t.{column}, 20, length(t.{column}) - 25)");
    let condition = format!(
        "t.{column} IS NOT NULL AND NOT (typeof(t.{column}) = 'text' \
         AND t.{column} GLOB '{four}-{two}-{two}T{two}:{two}:{two}*+00:00' \
         AND ({fraction} = '' OR {fraction} GLOB '.{three}' AND {fraction} <> '.000' \
         OR {fraction} GLOB '.{six}' OR {fraction} GLOB '.{nine}'))",
        three = digits(3),
        six = digits(6),
        nine = digits(9),
    );
    let sql = format!(
        "UPDATE {table} AS t SET {column} = \
         replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', {column}), '.000+', '+') \
         WHERE {condition} AND typeof({column}) = 'text' \
         AND strftime('%s', {column}) IS NOT NULL;"
    );
    named(Check::of_column(
        DataCode::TimeForm,
        (table, column),
        condition,
        Mend::Sql(sql),
    ))
}

/// What is no document becomes one that is a text, so that nothing of it is
/// lost.
fn document((table, column): (&'static str, &'static str)) -> Check {
    let condition = format!("t.{column} IS NOT NULL AND NOT json_valid(t.{column})");
    let sql = format!(
        "UPDATE {table} AS t SET {column} = json_quote(CAST({column} AS text)) WHERE {condition};"
    );
    named(Check::of_column(
        DataCode::InvalidJson,
        (table, column),
        condition,
        Mend::Sql(sql),
    ))
}

fn title() -> Check {
    let condition = "instr(t.page_title, char(0)) > 0".to_owned();
    let sql = format!(
        "UPDATE prospects AS t SET page_title = \
         substr(page_title, 1, instr(page_title, char(0)) - 1) WHERE {condition};"
    );
    Check::of_column(
        DataCode::TitleNul,
        ("prospects", "page_title"),
        condition,
        Mend::Sql(sql),
    )
}
