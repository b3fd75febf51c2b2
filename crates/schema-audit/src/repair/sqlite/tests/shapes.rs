//! Any change of a table, with all of it and with nothing that destroys data.

use std::collections::BTreeSet;

use super::{all, differences, named, open, planned, repaired, rows, schema, sql};
use crate::{
    compare::Finding,
    repair::{Options, label},
};

const SHAPES: &[&str] = &[
    "(a INTEGER PRIMARY KEY, b TEXT)",
    "(a INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT COLLATE NOCASE)",
    "(a INTEGER PRIMARY KEY DESC, b TEXT NOT NULL)",
    "(a INTEGER CONSTRAINT \"p k\" PRIMARY KEY, b TEXT, CONSTRAINT \"u k\" UNIQUE (b COLLATE NOCASE DESC))",
    "(a TEXT PRIMARY KEY, b ANY) STRICT",
    "(a TEXT, b INT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID",
    "(a INT, b TEXT, g AS (a + 1) STORED, CHECK (g > 0 OR a IS NULL))",
    "(a INT DEFAULT (1 + 1), b TEXT DEFAULT CURRENT_TIMESTAMP, \"c d\" BLOB DEFAULT X'00')",
    "(a INT UNIQUE ON CONFLICT IGNORE, b TEXT REFERENCES t (a) ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED)",
    "(\"A\" INT, \"order\" TEXT, CONSTRAINT f FOREIGN KEY (\"A\") REFERENCES t (\"order\"))",
    "(a NUMERIC(10, 2) NOT NULL ON CONFLICT FAIL, b VARCHAR (5) DEFAULT 'it''s')",
    "(rowid TEXT, a INT)",
];

#[tokio::test]
async fn f16_any_change_of_a_table_is_repaired() {
    for from in SHAPES {
        for to in SHAPES {
            let db = open(&format!("CREATE TABLE t {from}; CREATE INDEX i ON t (a)")).await;
            let expected = format!("CREATE TABLE T {to}; CREATE INDEX i ON T (a) WHERE a > 0")
                .replace("TABLE T", "TABLE t");
            let left = repaired(&db, &expected, &all()).await;
            assert_eq!(left, [], "{from} to {to}");
        }
    }
}

/// Runs the plan and compares: what is left is what was there and is left out or
/// refused, all of it and nothing else.
async fn leaves_what_it_says(from: &str, to: &str, options: &Options) -> Result<(), String> {
    let db = open(from).await;
    let (expected, plan) = planned(&db, to, options).await;
    let before = differences(&expected, &schema(&db).await);
    let left_out = plan.statements.iter().filter(|s| s.left_out);
    let stays: BTreeSet<String> = left_out
        .flat_map(|statement| statement.mends.clone())
        .chain(plan.refused.iter().map(|refusal| refusal.finding.clone()))
        .collect();
    let labels =
        |findings: Vec<Finding>| -> BTreeSet<String> { findings.iter().map(label).collect() };
    let stays: BTreeSet<String> = labels(before).intersection(&stays).cloned().collect();
    let run = super::apply(&db, &plan).await;
    run.map_err(|error| format!("{from} to {to}: {error:?}\n{}", sql(&plan)))?;
    let after = labels(differences(&expected, &schema(&db).await));
    if after == stays {
        return Ok(());
    }
    Err(format!(
        "{from} to {to}\n{}\nleaves {after:?} and not {stays:?}",
        sql(&plan)
    ))
}

#[tokio::test]
async fn a_repair_that_destroys_nothing_leaves_what_it_says_and_nothing_else() {
    let mut wrong = Vec::new();
    for from in SHAPES {
        for to in SHAPES {
            let live = format!(
                "CREATE TABLE t {from}; CREATE TABLE extra (x); CREATE VIEW v AS SELECT x FROM extra"
            );
            for name in ["t", "T"] {
                let expected = format!("CREATE TABLE {name} {to}; CREATE INDEX i ON {name} (1)");
                let said = leaves_what_it_says(&live, &expected, &Options::default()).await;
                wrong.extend(said.err());
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of them: {}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn what_stays_keeps_a_table_from_becoming_strict_and_nothing_else_from_being_mended() {
    let live = "CREATE TABLE t (a INT, old VARCHAR(5))";
    let expected = "CREATE TABLE t (a INT NOT NULL DEFAULT 1) STRICT";
    leaves_what_it_says(live, expected, &Options::default())
        .await
        .unwrap();
    let db = open(live).await;
    let left = repaired(&db, expected, &Options::default()).await;
    let left: Vec<String> = left.iter().map(label).collect();
    assert_eq!(
        left,
        ["option-changed main.t", "column-unexpected main.t.old"]
    );
}

#[tokio::test]
async fn a_view_goes_with_the_one_of_its_tables_that_was_asked_for() {
    let live = "CREATE TABLE a (x); CREATE TABLE b (x); \
        CREATE VIEW v AS SELECT a.x FROM a, b";
    for (asked, stays) in [("a", "b"), ("b", "a")] {
        let db = open(live).await;
        let options = named(&format!("table-unexpected main.{asked}"));
        let left = repaired(&db, "CREATE TABLE c (x)", &options).await;
        let left: Vec<String> = left.iter().map(label).collect();
        assert_eq!(left, [format!("table-unexpected main.{stays}")]);
    }
}

#[tokio::test]
async fn a_table_of_nearly_the_same_name_keeps_a_column_that_nobody_gave_up() {
    let live = "CREATE TABLE USERS (id INT, extra TEXT); INSERT INTO USERS VALUES (1, 'kept')";
    let expected = "CREATE TABLE users (id INT)";
    leaves_what_it_says(live, expected, &Options::default())
        .await
        .unwrap();
    let db = open(live).await;
    repaired(&db, expected, &Options::default()).await;
    assert_eq!(rows(&db, "SELECT extra FROM users").await, ["kept"]);
    assert_eq!(
        repaired(&db, expected, &named("table-missing main.users")).await,
        []
    );
}
