//! A plan as a script for the program `sqlite3`.

use super::BEFORE;
use crate::repair::Plan;

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

/// The plan as a text for the program `sqlite3`, with the settings that it needs
/// around it; what is left out is commented out. Undone as a whole if a statement
/// fails, or if more rows would point to nothing than before. Empty if there is
/// nothing to run. Names and definitions from the database are in it as they are.
#[must_use]
pub fn script(plan: &Plan) -> String {
    if plan.statements.is_empty() {
        return String::new();
    }
    let mut text = FIRST.to_owned();
    let mut add = |sql: &str, left_out: bool| {
        for line in format!("{sql};").split('\n') {
            text.push_str(if left_out { "-- " } else { "" });
            text.push_str(line);
            text.push('\n');
        }
    };
    for sql in BEFORE.iter().chain([&COUNT_BEFORE]) {
        add(sql, false);
    }
    for statement in &plan.statements {
        add(&statement.sql, statement.left_out);
    }
    for sql in COUNT_AFTER {
        add(sql, false);
    }
    text
}
