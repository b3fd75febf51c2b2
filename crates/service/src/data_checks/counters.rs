//! Counters: of each query against each other, of queries against prospects,
//! of jobs against their queries.

use super::{
    DataCode,
    check::{Check, Mend, list, lower},
    shape::Shape,
};

const QUERIES: &str = "discovery_queries";
const COUNTERS: [&str; 4] = [
    "results_found",
    "results_saved",
    "results_skipped_duplicate",
    "results_skipped_existing",
];

/// Ends that have no column of their own. The other backend does not know them.
const METADATA: [&str; 3] = [
    "results_skipped_no_email",
    "results_invalid",
    "results_over_limit",
];

/// The numbers of `jobs.result` that are sums over the queries' columns.
const RESULT_SUMS: [(&str, &str); 5] = [
    ("prospects_discovered", "results_saved"),
    ("search_statistics,total_results_found", "results_found"),
    ("search_statistics,results_saved", "results_saved"),
    (
        "search_statistics,results_skipped_duplicate",
        "results_skipped_duplicate",
    ),
    (
        "search_statistics,results_skipped_existing",
        "results_skipped_existing",
    ),
];

/// Escapes that PostgreSQL's JSON operators refuse, each with an error that
/// would end the statement.
const REFUSED_ESCAPES: &str = r"'\\u(0000|[dD][89a-fA-F])'";

pub(super) fn checks(shape: &Shape) -> Vec<Check> {
    let mut checks = negative();
    checks.extend([
        exceed_found(shape),
        unexplained(shape),
        without_counters(),
        saved_too_low(),
    ]);
    if shape.is_json("jobs", "result") {
        checks.push(job_result(shape));
    }
    checks
}

fn query_check(code: DataCode, condition: String, mend: Mend) -> Check {
    let mut columns = COUNTERS.to_vec();
    columns.push("query_metadata");
    Check::new(code, QUERIES, &columns, condition, mend)
}

fn negative() -> Vec<Check> {
    COUNTERS
        .iter()
        .map(|column| {
            let condition = format!("t.{column} < 0");
            let sql = format!("UPDATE {QUERIES} AS t SET {column} = 0 WHERE {condition};");
            Check::of_column(
                DataCode::CounterNegative,
                (QUERIES, column),
                condition,
                Mend::Sql(sql),
            )
        })
        .collect()
}

/// As code reads it: not below zero, and wide enough for a sum.
fn counter(column: &str) -> String {
    format!("CASE WHEN t.{column} > 0 THEN CAST(t.{column} AS bigint) ELSE 0 END")
}

/// A number inside a document; NULL where there is none that could be a count.
/// `path` has commas between its keys. Nested, because only CASE decides what is evaluated.
fn number(shape: &Shape, column: &str, path: &str) -> String {
    if shape.is_sqlite() {
        let path = path.replace(',', ".");
        return format!(
            "CASE WHEN json_valid({column}) THEN CASE WHEN \
             json_type({column}, '$.{path}') = 'integer' \
             AND json_extract({column}, '$.{path}') BETWEEN 0 AND 999999999999999 \
             THEN json_extract({column}, '$.{path}') END END"
        );
    }
    let value = format!("CAST({column} #> '{{{path}}}' AS text)");
    format!(
        "CASE WHEN CAST({column} AS text) ~ {REFUSED_ESCAPES} THEN NULL \
         WHEN {value} ~ '^[0-9]{{1,15}}$' THEN CAST({value} AS bigint) END"
    )
}

/// The sum of all ends of a query.
fn disposed(shape: &Shape) -> String {
    let columns = COUNTERS[1..].iter().map(|column| counter(column));
    let others = METADATA
        .iter()
        .filter(|_| shape.is_json(QUERIES, "query_metadata"))
        .map(|key| format!("coalesce({}, 0)", number(shape, "t.query_metadata", key)));
    columns.chain(others).collect::<Vec<_>>().join(" + ")
}

/// Every row has to hold this, whoever wrote it. The sum is the least that the
/// search can have found.
fn exceed_found(shape: &Shape) -> Check {
    let disposed = disposed(shape);
    let condition = format!("{disposed} > {}", counter("results_found"));
    let sql = format!("UPDATE {QUERIES} AS t SET results_found = {disposed} WHERE {condition};");
    query_check(DataCode::CountersExceedFound, condition, Mend::Sql(sql))
}

/// Only rows that name all of their ends can be held to this.
fn unexplained(shape: &Shape) -> Check {
    let names_all_ends = if shape.is_json(QUERIES, "query_metadata") {
        let last = number(shape, "t.query_metadata", "results_over_limit");
        format!("{last} IS NOT NULL")
    } else {
        "1 = 0".to_owned()
    };
    query_check(
        DataCode::CountersUnexplained,
        format!(
            "{names_all_ends} AND {} < {}",
            disposed(shape),
            counter("results_found")
        ),
        Mend::Advice(
            "compare the counters and `query_metadata` with the prospects that point to the \
             query, and correct the one that is wrong"
                .to_owned(),
        ),
    )
}

/// The prospects of each query, in one pass over them.
const SAVED_ROWS: &str = "(SELECT discovery_query_id, count(*) AS prospects FROM prospects \
     WHERE discovery_query_id IS NOT NULL GROUP BY discovery_query_id)";

fn rows_check(code: DataCode, condition: String) -> Check {
    let sql = format!(
        "UPDATE {QUERIES} AS t SET results_saved = p.prospects, results_found = CASE WHEN \
         t.results_found > t.results_found - t.results_saved + p.prospects THEN t.results_found \
         ELSE t.results_found - t.results_saved + p.prospects END \
         FROM {SAVED_ROWS} AS p WHERE p.discovery_query_id = t.id AND {condition};"
    );
    let mut check = query_check(code, condition, Mend::Sql(sql));
    check.join = format!("JOIN {SAVED_ROWS} AS p ON p.discovery_query_id = t.id");
    check.needing(&[(QUERIES, "status"), ("prospects", "discovery_query_id")])
}

fn without_counters() -> Check {
    let status = lower("t.status");
    let zero = COUNTERS.map(|column| format!("coalesce(t.{column}, 0) = 0"));
    rows_check(
        DataCode::QueryWithoutCounters,
        format!("{status} = 'success' AND {}", zero.join(" AND ")),
    )
}

/// Fewer prospects than were saved is no fault: they may have been deleted or
/// merged.
fn saved_too_low() -> Check {
    let status = lower("t.status");
    let counted = COUNTERS.map(|column| format!("coalesce(t.{column}, 0) <> 0"));
    rows_check(
        DataCode::QuerySavedTooLow,
        format!(
            "p.prospects > t.results_saved AND ({status} <> 'success' OR {})",
            counted.join(" OR ")
        ),
    )
}

/// Jobs from before there were rows of their queries have nothing to be held
/// against.
fn job_result(shape: &Shape) -> Check {
    let sums: Vec<_> = COUNTERS
        .iter()
        .map(|column| format!("sum(CASE WHEN {column} > 0 THEN {column} ELSE 0 END) AS {column}"))
        .collect();
    let sums = format!(
        "(SELECT job_id, {} FROM {QUERIES} GROUP BY job_id)",
        sums.join(", ")
    );
    let differs: Vec<_> = RESULT_SUMS
        .iter()
        .map(|(path, column)| format!("{} <> s.{column}", number(shape, "t.result", path)))
        .collect();
    let condition = format!(
        "{} = 'discover' AND {} IN ({}) AND ({})",
        lower("t.job_type"),
        lower("t.status"),
        list(["completed", "failed", "cancelled"]),
        differs.join(" OR ")
    );
    let sql = format!(
        "UPDATE jobs AS t SET result = {} FROM {sums} AS s WHERE s.job_id = t.id AND {condition};",
        corrected_result(shape)
    );
    let mut check = Check::of_column(
        DataCode::JobResultMismatch,
        ("jobs", "result"),
        condition,
        Mend::Sql(sql),
    );
    check.join = format!("JOIN {sums} AS s ON s.job_id = t.id");
    let queries = COUNTERS.map(|column| (QUERIES, column));
    check
        .needing(&[
            ("jobs", "job_type"),
            ("jobs", "status"),
            (QUERIES, "job_id"),
        ])
        .needing(&queries)
}

/// The document with the numbers that are in it replaced, and no others added.
fn corrected_result(shape: &Shape) -> String {
    if shape.is_sqlite() {
        let pairs =
            RESULT_SUMS.map(|(path, column)| format!("'$.{}', s.{column}", path.replace(',', ".")));
        return format!("json_replace(t.result, {})", pairs.join(", "));
    }
    let document = RESULT_SUMS.iter().fold(
        "CAST(t.result AS jsonb)".to_owned(),
        |document, (path, column)| {
            format!("jsonb_set({document}, '{{{path}}}', to_jsonb(s.{column}), false)")
        },
    );
    format!("CAST({document} AS json)")
}
