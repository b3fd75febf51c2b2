use super::*;
use crate::repair::{ApplyError, Hazard};

/// A parent, a child with a cascade, a trigger that writes down each deleted
/// row, a view, indexes, and numbers that were given out.
const LIVE: &str = "
    PRAGMA foreign_keys = ON;
    CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, note TEXT DEFAULT 'n');
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INT REFERENCES parent (id) ON DELETE CASCADE);
    CREATE TABLE log (line TEXT);
    CREATE INDEX parent_name ON parent (name);
    CREATE TRIGGER parent_gone AFTER DELETE ON parent BEGIN INSERT INTO log VALUES (old.name); END;
    CREATE VIEW names AS SELECT name FROM parent;
    INSERT INTO parent (id, name, note) VALUES (1, 'a', 'x'), (2, NULL, NULL), (9, 'c', 'z');
    DELETE FROM parent WHERE id = 9;
    DELETE FROM log;
    INSERT INTO child VALUES (1, 1), (2, 2), (3, NULL);
";

const EXPECTED: &str = "
    CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'none',
        note TEXT DEFAULT 'n' CHECK (length(note) < 9), UNIQUE (name));
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INT REFERENCES parent (id) ON DELETE CASCADE);
    CREATE TABLE log (line TEXT);
    CREATE INDEX parent_name ON parent (name);
";

#[tokio::test]
async fn a_rebuild_keeps_rows_children_triggers_views_and_numbers() {
    let db = open(LIVE).await;
    let left = repaired(&db, EXPECTED, &Options::default()).await;
    assert_eq!(left, []);
    let parents = "SELECT id || ' ' || name || ' ' || coalesce(note, '-') FROM parent ORDER BY id";
    assert_eq!(rows(&db, parents).await, ["1 a x", "2 none -"]);
    assert_eq!(
        rows(&db, "SELECT id || '' FROM child ORDER BY id").await,
        ["1", "2", "3"]
    );
    assert_eq!(rows(&db, "SELECT line FROM log").await, [""; 0]);
    assert_eq!(
        rows(&db, "SELECT name FROM names ORDER BY name").await,
        ["a", "none"]
    );
    // Number 9 is not given out again, and the trigger and the cascade work.
    db.execute_unprepared(
        "INSERT INTO parent (name) VALUES ('new'); DELETE FROM parent WHERE id = 1",
    )
    .await
    .unwrap();
    assert_eq!(rows(&db, "SELECT max(id) || '' FROM parent").await, ["10"]);
    assert_eq!(rows(&db, "SELECT line FROM log").await, ["a"]);
    assert_eq!(
        rows(&db, "SELECT id || '' FROM child ORDER BY id").await,
        ["2", "3"]
    );
}

#[tokio::test]
async fn the_connection_has_its_settings_back_after_success_and_after_failure() {
    let db = open(LIVE).await;
    assert_eq!(repaired(&db, EXPECTED, &Options::default()).await, []);
    let settings = async || {
        let pragma = |name| format!("SELECT {name} || '' FROM pragma_{name}");
        (
            rows(&db, &pragma("foreign_keys")).await,
            rows(&db, &pragma("legacy_alter_table")).await,
        )
    };
    assert_eq!(
        settings().await,
        (vec!["1".to_owned()], vec!["0".to_owned()])
    );
    let broken = Plan {
        dialect: crate::schema::Dialect::Sqlite,
        statements: vec![crate::repair::Statement {
            sql: "DROP TABLE nothing".to_owned(),
            hazards: Vec::new(),
            mends: Vec::new(),
            destructive: false,
            left_out: false,
        }],
        ..Plan::default()
    };
    apply(&db, &broken).await.unwrap_err();
    assert_eq!(
        settings().await,
        (vec!["1".to_owned()], vec!["0".to_owned()])
    );
    db.execute_unprepared("BEGIN; COMMIT").await.unwrap();
}

#[tokio::test]
async fn filled_nulls_and_possible_failures_are_said() {
    let db = open(LIVE).await;
    let (_, plan) = planned(&db, EXPECTED, &Options::default()).await;
    let copy = plan
        .statements
        .iter()
        .find(|s| s.sql.starts_with("INSERT"))
        .unwrap();
    assert_eq!(
        copy.hazards,
        [Hazard::TableRewrite, Hazard::MayFail, Hazard::FillsNulls]
    );
    assert!(
        copy.mends
            .contains(&"nullability-changed main.parent.name".to_owned())
    );
    assert!(
        plan.statements
            .iter()
            .all(|statement| !statement.destructive)
    );
}

#[tokio::test]
async fn a_row_that_breaks_the_new_condition_undoes_all() {
    let db = open(LIVE).await;
    db.execute_unprepared("UPDATE parent SET note = 'much too long'")
        .await
        .unwrap();
    let before = schema(&db).await;
    let (_, plan) = planned(&db, EXPECTED, &Options::default()).await;
    let error = apply(&db, &plan).await.unwrap_err();
    assert!(matches!(error, ApplyError::Statement { .. }), "{error:?}");
    assert_eq!(schema(&db).await, before);
    assert_eq!(rows(&db, "SELECT id || '' FROM child").await.len(), 3);
}

#[tokio::test]
async fn rows_that_would_point_to_nothing_undo_all() {
    let db = open(
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (x INT); INSERT INTO c VALUES (7)",
    )
    .await;
    let expected =
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (x INT REFERENCES p (id))";
    let (_, plan) = planned(&db, expected, &Options::default()).await;
    let error = apply(&db, &plan).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Orphans { table, count: 1 } if table == "c"),
        "{error:?}"
    );
    // What pointed to nothing before is no reason.
    let db = open(
        "PRAGMA foreign_keys = OFF; CREATE TABLE p (id INTEGER PRIMARY KEY); \
        CREATE TABLE c (x INT REFERENCES p (id)); INSERT INTO c VALUES (7)",
    )
    .await;
    let expected = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (x INT NOT NULL REFERENCES p (id))";
    assert_eq!(repaired(&db, expected, &Options::default()).await, []);
}

#[tokio::test]
async fn a_key_that_ignores_or_replaces_does_not_do_so_with_rows_that_are_there() {
    let db = open("CREATE TABLE t (a INT, b INT); INSERT INTO t VALUES (1, 1), (1, 2)").await;
    let expected = "CREATE TABLE t (a INT UNIQUE ON CONFLICT REPLACE, b INT)";
    let (_, plan) = planned(&db, expected, &Options::default()).await;
    apply(&db, &plan).await.unwrap_err();
    assert_eq!(rows(&db, "SELECT b || '' FROM t").await, ["1", "2"]);
}

#[tokio::test]
async fn what_is_unexpected_stays_unless_it_is_asked_for_by_name() {
    let live = "CREATE TABLE t (id INTEGER PRIMARY KEY, old TEXT, x INT); CREATE TABLE extra (y INT); \
        INSERT INTO t VALUES (1, 'kept', 2)";
    let expected = "CREATE TABLE t (id INTEGER PRIMARY KEY, x INT NOT NULL)";

    let db = open(live).await;
    let (_, plan) = planned(&db, expected, &Options::default()).await;
    let left_out: Vec<_> = plan
        .statements
        .iter()
        .filter(|s| s.left_out)
        .map(|s| s.sql.as_str())
        .collect();
    assert_eq!(
        left_out,
        [
            "ALTER TABLE \"t\" DROP COLUMN \"old\"",
            "DROP TABLE \"extra\""
        ]
    );
    let left = repaired(&db, expected, &Options::default()).await;
    let codes: Vec<_> = left.iter().map(crate::repair::label).collect();
    assert_eq!(
        codes,
        [
            "table-unexpected main.extra",
            "column-unexpected main.t.old"
        ]
    );
    assert_eq!(rows(&db, "SELECT old FROM t").await, ["kept"]);

    let db = open(live).await;
    let left = repaired(&db, expected, &named("column-unexpected main.t.old")).await;
    let codes: Vec<_> = left.iter().map(crate::repair::label).collect();
    assert_eq!(codes, ["table-unexpected main.extra"]);

    let db = open(live).await;
    assert_eq!(repaired(&db, expected, &all()).await, []);
    assert_eq!(rows(&db, "SELECT x || '' FROM t").await, ["2"]);
}

#[tokio::test]
async fn a_type_that_may_change_values_has_to_be_asked_for() {
    let live = "CREATE TABLE t (zip TEXT, n INT); INSERT INTO t VALUES ('00123', 1)";
    let expected = "CREATE TABLE t (zip INTEGER, n BIGINT)";
    let db = open(live).await;
    let (_, plan) = planned(&db, expected, &Options::default()).await;
    assert_eq!(plan.refused[0].finding, "type-changed main.t.zip");
    apply(&db, &plan).await.unwrap();
    assert_eq!(rows(&db, "SELECT zip FROM t").await, ["00123"]);
    let db = open(live).await;
    let (_, plan) = planned(&db, expected, &all()).await;
    let copy = plan
        .statements
        .iter()
        .find(|s| s.sql.starts_with("INSERT"))
        .unwrap();
    assert!(copy.destructive && copy.hazards.contains(&Hazard::DataLoss));
    assert_eq!(repaired(&db, expected, &all()).await, []);
}

#[tokio::test]
async fn a_stored_column_that_is_to_be_computed_has_to_be_asked_for() {
    for (name, finding) in [
        ("t", "generated-changed main.t.total"),
        ("T", "table-missing main.t"),
    ] {
        let live =
            format!("CREATE TABLE {name} (n INT, total INT); INSERT INTO {name} VALUES (1, 500)");
        let expected = "CREATE TABLE t (n INT, total INT AS (n * 2) STORED)";
        let db = open(&live).await;
        let (_, plan) = planned(&db, expected, &Options::default()).await;
        assert!(
            plan.refused.iter().any(|r| r.finding == finding),
            "{plan:?}"
        );
        apply(&db, &plan).await.unwrap();
        assert_eq!(rows(&db, "SELECT total || '' FROM t").await, ["500"]);

        let (_, plan) = planned(&db, expected, &named(finding)).await;
        let copy = plan.statements.iter().find(|s| s.sql.starts_with("INSERT"));
        let copy = copy.expect("the table is built anew");
        assert!(copy.destructive && copy.hazards.contains(&Hazard::DataLoss));
        assert_eq!(repaired(&db, expected, &all()).await, []);
        assert_eq!(rows(&db, "SELECT total || '' FROM t").await, ["2"]);
    }
}

#[tokio::test]
async fn a_column_in_other_letters_does_not_lose_values_unasked() {
    let live = "CREATE TABLE t (n INT, Total TEXT); INSERT INTO t VALUES (1, '007')";
    for expected in [
        "CREATE TABLE t (n INT, total TEXT AS (n * 2) STORED)",
        "CREATE TABLE t (n INT, total INT)",
    ] {
        let db = open(live).await;
        let (_, plan) = planned(&db, expected, &Options::default()).await;
        let refused: Vec<&str> = plan.refused.iter().map(|r| r.finding.as_str()).collect();
        assert!(refused.contains(&"column-missing main.t.total"), "{plan:?}");
        apply(&db, &plan).await.unwrap();
        assert_eq!(rows(&db, "SELECT total || '' FROM t").await, ["007"]);
        let (_, plan) = planned(&db, expected, &named("column-missing main.t.total")).await;
        let copy = plan.statements.iter().find(|s| s.sql.starts_with("INSERT"));
        let copy = copy.expect("the table is built anew");
        assert!(copy.destructive && copy.hazards.contains(&Hazard::DataLoss));
        assert_eq!(repaired(&db, expected, &all()).await, []);
    }
}

#[tokio::test]
async fn columns_and_indexes_are_added_without_a_rebuild() {
    let db =
        open("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX old ON t (a)").await;
    let expected = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INT NOT NULL DEFAULT -1, \
        d TEXT GENERATED ALWAYS AS (upper(a)) VIRTUAL); CREATE UNIQUE INDEX new ON t (lower(b) DESC) WHERE c > 0";
    let (_, plan) = planned(&db, expected, &Options::default()).await;
    assert_eq!(
        sql(&plan),
        "DROP INDEX \"old\";\n\
         ALTER TABLE \"t\" ADD COLUMN \"b\" TEXT;\n\
         ALTER TABLE \"t\" ADD COLUMN \"c\" INT NOT NULL DEFAULT -1;\n\
         ALTER TABLE \"t\" ADD COLUMN \"d\" TEXT GENERATED ALWAYS AS (upper(a)) VIRTUAL;\n\
         CREATE UNIQUE INDEX \"new\" ON \"t\" ((lower(b)) DESC) WHERE c > 0;"
    );
    assert_eq!(repaired(&db, expected, &Options::default()).await, []);
}

#[tokio::test]
async fn a_view_that_would_break_stops_the_repair() {
    let db =
        open("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE VIEW v AS SELECT a FROM t")
            .await;
    let (_, plan) = planned(&db, "CREATE TABLE t (id INTEGER PRIMARY KEY)", &all()).await;
    let error = apply(&db, &plan).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::View { view, .. } if view == "v"),
        "{error:?}"
    );
    assert_eq!(schema(&db).await.tables[0].columns.len(), 2);
}

#[tokio::test]
async fn a_trigger_that_would_break_stops_the_repair() {
    let db = open(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE TABLE u (x INT); \
        CREATE TRIGGER r AFTER INSERT ON u BEGIN UPDATE t SET a = new.x; END",
    )
    .await;
    let expected = "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (x INT)";
    let (_, plan) = planned(&db, expected, &all()).await;
    let error = apply(&db, &plan).await.unwrap_err();
    assert!(matches!(&error, ApplyError::Trigger { .. }), "{error:?}");
    assert_eq!(schema(&db).await.tables[0].columns.len(), 2);
}

#[tokio::test]
async fn rows_keep_their_rowid() {
    let db =
        open("CREATE TABLE t (a TEXT); INSERT INTO t (rowid, a) VALUES (5, 'x'), (9, 'y')").await;
    let expected = "CREATE TABLE t (a TEXT NOT NULL)";
    assert_eq!(repaired(&db, expected, &Options::default()).await, []);
    assert_eq!(
        rows(&db, "SELECT rowid || a FROM t ORDER BY rowid").await,
        ["5x", "9y"]
    );
}

#[tokio::test]
async fn another_letter_case_is_the_same_table_and_column_to_sqlite() {
    let db = open(
        "CREATE TABLE USERS (Id INTEGER PRIMARY KEY, Name TEXT); INSERT INTO USERS VALUES (1, 'a')",
    )
    .await;
    let expected = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
    assert_eq!(repaired(&db, expected, &Options::default()).await, []);
    assert_eq!(rows(&db, "SELECT name FROM users").await, ["a"]);
}

#[tokio::test]
async fn what_cannot_be_repaired_is_refused_with_a_reason() {
    let db = open("CREATE VIEW t AS SELECT 1 AS a; CREATE TABLE s (a VARCHAR(5), b INT)").await;
    let expected = "CREATE TABLE t (a INT); CREATE TABLE s (b INT) STRICT";
    let (_, plan) = planned(&db, expected, &Options::default()).await;
    let refused: Vec<_> = plan.refused.iter().map(|r| r.finding.as_str()).collect();
    assert_eq!(refused, ["option-changed main.s", "table-missing main.t"]);
    assert!(
        plan.refused[0].reason.contains("`a` of type `VARCHAR(5)`"),
        "{:?}",
        plan.refused
    );
    assert!(
        plan.refused[1].reason.contains("view"),
        "{:?}",
        plan.refused
    );
}

#[tokio::test]
async fn a_script_has_the_settings_around_it_and_comments_out_what_is_left_out() {
    let db = open("CREATE TABLE t (a INT); CREATE TABLE \"gone\nDROP TABLE t; --\" (b INT)").await;
    let (_, plan) = planned(&db, "CREATE TABLE t (a INT, b INT)", &Options::default()).await;
    insta::assert_snapshot!(plan.to_sql(), @r#"
    -- Run it with a client that stops at the first error: sqlite3 -bail FILE < THIS
    -- One that goes on undoes all at the end.
    PRAGMA busy_timeout = 10000;
    PRAGMA foreign_keys = OFF;
    PRAGMA legacy_alter_table = ON;
    BEGIN IMMEDIATE;
    CREATE TEMP TABLE _repair_version (n INT PRIMARY KEY);
    INSERT INTO _repair_version SELECT schema_version FROM pragma_schema_version;
    CREATE TEMP TABLE _repair_copied (n INT CHECK (n = 0));
    CREATE TEMP TABLE _repair_orphans AS SELECT count(*) AS n FROM pragma_foreign_key_check;
    CREATE TEMP TABLE _repair_end (done INT);

    -- column-missing main.t.b
    ALTER TABLE "t" ADD COLUMN "b" INT;
    INSERT INTO _repair_version SELECT schema_version FROM pragma_schema_version;

    -- table-unexpected main.gone DROP TABLE t; --
    -- hazard: what is there now is gone afterwards
    -- left out because it destroys data; ask for it by name:
    -- DROP TABLE "gone
    -- DROP TABLE t; --";

    CREATE TEMP TRIGGER _repair_undo BEFORE INSERT ON _repair_end WHEN (SELECT count(*) FROM _repair_version) <> 2 OR (SELECT count(*) FROM _repair_copied) <> 0 OR (SELECT count(*) FROM pragma_foreign_key_check) > (SELECT n FROM _repair_orphans) BEGIN SELECT RAISE(ROLLBACK, 'a statement failed, or rows would point to nothing; nothing was changed'); END;
    INSERT INTO _repair_end VALUES (1);
    DROP TABLE temp._repair_end;
    DROP TABLE temp._repair_orphans;
    DROP TABLE temp._repair_copied;
    DROP TABLE temp._repair_version;
    COMMIT;
    PRAGMA legacy_alter_table = OFF;
    "#);
    assert_eq!(Plan::default().to_sql(), "");
}

/// As a client runs it that goes on after an error.
async fn run_on(db: &sea_orm::DatabaseConnection, script: &str) -> usize {
    let mut failed = 0;
    for sql in script.split(";\n") {
        if db.execute_unprepared(sql).await.is_err() {
            failed += 1;
        }
    }
    failed
}

#[tokio::test]
async fn a_client_that_goes_on_after_an_error_changes_nothing() {
    let copied = "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (NULL)";
    let indexed = "CREATE TABLE t (a INT NOT NULL); INSERT INTO t VALUES (1), (1)";
    let pointing = "CREATE TABLE t (a INT); CREATE TABLE p (id INTEGER PRIMARY KEY); \
        INSERT INTO t VALUES (1)";
    for (live, expected) in [
        (copied, "CREATE TABLE t (a INT NOT NULL)"),
        (
            indexed,
            "CREATE TABLE t (a INT NOT NULL); CREATE UNIQUE INDEX i ON t (a)",
        ),
        (
            pointing,
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a INT REFERENCES p (id))",
        ),
    ] {
        let db = open(live).await;
        let before = schema(&db).await;
        let count = rows(&db, "SELECT count(*) || '' FROM t").await;
        let (_, plan) = planned(&db, expected, &Options::default()).await;
        assert!(run_on(&db, &plan.to_sql()).await > 0);
        assert_eq!(schema(&db).await, before, "{expected}");
        assert_eq!(rows(&db, "SELECT count(*) || '' FROM t").await, count);
    }
    let db = open(LIVE).await;
    let (expected, plan) = planned(&db, EXPECTED, &Options::default()).await;
    run_on(&db, &plan.to_sql()).await;
    assert_eq!(differences(&expected, &schema(&db).await), []);
}

#[tokio::test]
async fn a_script_does_what_applying_does() {
    let db = open(LIVE).await;
    let (expected, plan) = planned(&db, EXPECTED, &Options::default()).await;
    let script = plan.to_sql();
    db.execute_unprepared(&script).await.unwrap();
    assert_eq!(differences(&expected, &schema(&db).await), []);
    assert_eq!(rows(&db, "SELECT id || '' FROM child").await.len(), 3);
}

#[tokio::test]
async fn what_the_caller_refuses_is_refused_with_the_callers_reason() {
    let db = open("CREATE TABLE t (a INT)").await;
    let options = Options {
        refused: [("column-missing main.t.b".to_owned(), "not now".to_owned())].into(),
        ..Options::default()
    };
    let (_, plan) = planned(&db, "CREATE TABLE t (a INT, b INT)", &options).await;
    assert_eq!(plan.statements, []);
    assert_eq!(plan.refused[0].reason, "not now");
}
