//! What a script has around the plan and between its statements, so that it can
//! be run by any client. One that goes on after an error, as the program `sqlite3`
//! does unless it is told to stop, must not commit half of it: each success is
//! noted, and the last statement undoes all if one is lacking.

use super::BEFORE;
use crate::repair::{Plan, Statement};

const HOW: &str = "-- Run it with a client that stops at the first error: sqlite3 -bail FILE < THIS\n\
    -- One that goes on undoes all at the end.\n";

/// A client that waits for a lock does not lose the transaction to it.
const WAIT: &str = "PRAGMA busy_timeout = 10000";

const NOTES: &[&str] = &[
    // A schema's version changes with each statement that changes the schema.
    "CREATE TEMP TABLE _repair_version (n INT PRIMARY KEY)",
    "INSERT INTO _repair_version SELECT schema_version FROM pragma_schema_version",
    "CREATE TEMP TABLE _repair_copied (n INT CHECK (n = 0))",
    // Rows that point to nothing, before and after.
    "CREATE TEMP TABLE _repair_orphans AS SELECT count(*) AS n FROM pragma_foreign_key_check",
    "CREATE TEMP TABLE _repair_end (done INT)",
];

const END: &[&str] = &[
    "INSERT INTO _repair_end VALUES (1)",
    "DROP TABLE temp._repair_end",
    "DROP TABLE temp._repair_orphans",
    "DROP TABLE temp._repair_copied",
    "DROP TABLE temp._repair_version",
    "COMMIT",
    "PRAGMA legacy_alter_table = OFF",
];

fn lines<'a>(statements: impl IntoIterator<Item = &'a &'a str>) -> String {
    statements
        .into_iter()
        .fold(String::new(), |text, sql| text + sql + ";\n")
}

/// What the script begins with: settings, the transaction, and the tables in
/// which successes are noted.
pub(in crate::repair) fn opening() -> String {
    HOW.to_owned() + &lines([&WAIT]) + &lines(BEFORE) + &lines(NOTES)
}

/// What notes that a statement has succeeded.
pub(in crate::repair) fn note(statement: &Statement) -> Option<String> {
    let sql = &statement.sql;
    if let Some(copy) = sql.strip_prefix("INSERT OR ABORT INTO ") {
        let (into, _) = quoted(copy)?;
        // The source is what the statement ends with.
        let at = copy.rfind(" FROM \"")?;
        let (from, rest) = quoted(&copy[at + " FROM ".len()..])?;
        return rest.is_empty().then(|| {
            format!(
                "INSERT INTO _repair_copied SELECT (SELECT count(*) FROM {into}) - \
                 (SELECT count(*) FROM {from})"
            )
        });
    }
    changes_schema(sql).then(|| NOTES[1].to_owned())
}

fn changes_schema(sql: &str) -> bool {
    ["CREATE ", "DROP ", "ALTER "].iter().any(|verb| {
        sql.get(..verb.len())
            .is_some_and(|s| s.eq_ignore_ascii_case(verb))
    })
}

/// A quoted identifier at the beginning of a text, and what is behind it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut at = text.strip_prefix('"').map(|_| 1)?;
    loop {
        at += text[at..].find('"')? + 1;
        if !text[at..].starts_with('"') {
            return Some(text.split_at(at));
        }
        at += 1;
    }
}

/// What it ends with: what undoes all if a success was not noted, or if more rows
/// would point to nothing than before, and the settings as they were.
pub(in crate::repair) fn closing(plan: &Plan) -> String {
    let notes = || {
        let run = plan.statements.iter().filter(|s| !s.left_out);
        run.filter_map(note)
    };
    let copies = notes().filter(|sql| sql.contains("_repair_copied")).count();
    let versions = 1 + notes().count() - copies;
    let trigger = format!(
        "CREATE TEMP TRIGGER _repair_undo BEFORE INSERT ON _repair_end WHEN \
         (SELECT count(*) FROM _repair_version) <> {versions} OR \
         (SELECT count(*) FROM _repair_copied) <> {copies} OR \
         (SELECT count(*) FROM pragma_foreign_key_check) > (SELECT n FROM _repair_orphans) \
         BEGIN SELECT RAISE(ROLLBACK, 'a statement failed, or rows would point to nothing; \
         nothing was changed'); END"
    );
    lines([&&*trigger]) + &lines(END)
}
