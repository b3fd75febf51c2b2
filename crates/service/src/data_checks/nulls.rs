//! NULLs in columns that code assumes set: the chain forbids or fills in most,
//! but a database that was not made by it may hold them.

use super::{
    DataCode,
    check::{Check, Mend},
    shape::Shape,
};

/// What to put where a value is missing.
enum Fill {
    /// An expression.
    With(&'static str),
    /// The database's clock.
    Now,
    /// When the row changed last, or else the clock.
    Changed,
    /// Nobody can know it.
    Unknown(&'static str),
}

use Fill::{Changed, Now, Unknown, With};

const LOST: &str = "find the value in a backup, or delete the rows";

/// Without a value in these, the row can't be read.
const UNREADABLE: &[(&str, &str, Fill)] = &[
    ("jobs", "job_type", Unknown(LOST)),
    ("jobs", "status", With("'failed'")),
    (
        "prospects",
        "domain",
        Unknown("take the domain from `page_url`, or delete the rows"),
    ),
    ("discovery_queries", "job_id", Unknown(LOST)),
    ("discovery_queries", "keyword", Unknown(LOST)),
    ("discovery_queries", "location", Unknown(LOST)),
    ("discovery_queries", "status", With("'failed'")),
    ("discovery_queries", "results_found", With("0")),
    ("discovery_queries", "results_saved", With("0")),
    ("discovery_queries", "results_skipped_duplicate", With("0")),
    ("discovery_queries", "results_skipped_existing", With("0")),
    ("email_logs", "prospect_id", Unknown(LOST)),
    ("settings", "key", Unknown(LOST)),
    ("job_runs", "attempts", With("0")),
    ("job_runs", "max_attempts", With("1")),
    ("job_runs", "priority", With("0")),
    ("job_runs", "run_at", Now),
];

/// A NULL in these reads as the default.
const READ_AS_DEFAULT: &[(&str, &str, Fill)] = &[
    ("prospects", "score", With("0")),
    ("prospects", "outreach_status", With(OUTREACH_STATUS)),
    ("prospects", "followups_sent", With("0")),
    ("prospects", "created_at", Changed),
    ("jobs", "created_at", Changed),
    ("discovery_queries", "created_at", Changed),
];

/// A mail that went out must not go out again.
const OUTREACH_STATUS: &str = "CASE WHEN t.last_sent IS NOT NULL OR EXISTS \
     (SELECT 1 FROM email_logs AS e WHERE e.prospect_id = t.id) THEN 'sent' ELSE 'pending' END";

/// A column that the database itself keeps filled is not looked at.
pub(super) fn checks(shape: &Shape) -> Vec<Check> {
    let unreadable = UNREADABLE
        .iter()
        .map(|column| (DataCode::NullUnreadable, column));
    let defaulted = READ_AS_DEFAULT
        .iter()
        .map(|column| (DataCode::NullReadAsDefault, column));
    unreadable
        .chain(defaulted)
        .filter(|(_, (table, column, _))| !shape.is_not_null(table, column))
        .map(|(code, (table, column, fill))| check(shape, code, (table, column), fill))
        .collect()
}

fn check(
    shape: &Shape,
    code: DataCode,
    (table, column): (&'static str, &'static str),
    fill: &Fill,
) -> Check {
    let condition = format!("t.{column} IS NULL");
    let update = |value: &str| {
        Mend::Sql(format!(
            "UPDATE {table} AS t SET {column} = {value} WHERE {condition};"
        ))
    };
    let mend = match fill {
        With(value) => update(value),
        Now => update(shape.now()),
        Changed => update(&format!("coalesce(t.updated_at, {})", shape.now())),
        Unknown(advice) => Mend::Advice((*advice).to_owned()),
    };
    let check = Check::of_column(code, (table, column), condition, mend);
    match table {
        "job_runs" => check.by_key("job_id"),
        _ => check,
    }
}
