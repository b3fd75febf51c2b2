//! What a script for the program `sqlite3` has around the plan.

use super::BEFORE;

/// Stops the program at the first error: it would go on, and commit.
const FIRST: &str = ".bail on\n";

/// Rows that point to nothing, before and after: more of them break a CHECK.
const COUNT_BEFORE: &str = "CREATE TEMP TABLE _repair_orphans AS \
    SELECT count(*) AS n FROM pragma_foreign_key_check";
const COUNT_AFTER: &[&str] = &[
    "CREATE TEMP TABLE _repair_more_orphans (n INT CHECK (n <= 0))",
    "INSERT INTO _repair_more_orphans SELECT (SELECT count(*) FROM pragma_foreign_key_check) - n \
     FROM _repair_orphans",
    "DROP TABLE temp._repair_more_orphans",
    "DROP TABLE temp._repair_orphans",
    "COMMIT",
    "PRAGMA legacy_alter_table = OFF",
];

/// What the script begins with: settings, the transaction, and a count of the
/// rows that point to nothing already.
pub(in crate::repair) fn opening() -> String {
    let statements = BEFORE.iter().chain([&COUNT_BEFORE]);
    statements.fold(FIRST.to_owned(), |text, sql| text + sql + ";\n")
}

/// What it ends with: a check that fails, and with it all, if more rows would
/// point to nothing than before, and the settings as they were.
pub(in crate::repair) fn closing() -> String {
    COUNT_AFTER
        .iter()
        .fold(String::new(), |text, sql| text + sql + ";\n")
}
