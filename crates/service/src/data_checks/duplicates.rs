//! Rows that unique indexes of later revisions forbid.

use super::{
    DataCode,
    check::{Check, Mend},
    shape::Shape,
};

pub(super) fn checks(shape: &Shape) -> Vec<Check> {
    vec![
        Check {
            object: "prospects.domain".to_owned(),
            ..repeated(
                DataCode::DomainDuplicate,
                "prospects",
                &["domain"],
                mend(
                    shape,
                    "of each domain keep the row whose outreach has got furthest, point the \
                     `email_logs` of the others to it, delete the others, and create the unique \
                     index `uq_prospects_domain` anew",
                ),
            )
        },
        repeated(
            DataCode::QueryDuplicate,
            "discovery_queries",
            &["job_id", "keyword", "location"],
            mend(
                shape,
                "of each query keep one row with the sum of the counters, point the prospects of \
                 the others to it, delete the others, and create the unique index \
                 `uq_discovery_queries_job_id_keyword_location` anew",
            ),
        ),
    ]
}

/// All but the first row of those with the same values. The rows are numbered in
/// one pass in the order of an index: to look for an earlier row of each would
/// be a search per row, and planners that hope for a few rows choose worse.
fn repeated(code: DataCode, table: &'static str, columns: &[&'static str], mend: Mend) -> Check {
    let set: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} IS NOT NULL"))
        .collect();
    let numbered = format!(
        "SELECT id, row_number() OVER (PARTITION BY {} ORDER BY id) AS place FROM {table} WHERE {}",
        columns.join(", "),
        set.join(" AND "),
    );
    Check {
        source: Some(numbered),
        ..Check::new(code, table, columns, "t.place > 1".to_owned(), mend)
    }
}

/// The revision that merges duplicates also makes the table of what it merged.
fn mend(shape: &Shape, by_hand: &str) -> Mend {
    if shape.has_table("merged_rows") {
        Mend::Advice(by_hand.to_owned())
    } else {
        Mend::Command("outreach migrate up")
    }
}
