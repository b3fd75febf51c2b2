use sea_orm::ConnectionTrait;

use super::{open, schema, table};
use crate::inspect::sqlite::{read, tables_read};

#[tokio::test]
async fn what_is_not_modelled_is_listed() {
    let schema = schema(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT NOT NULL ON CONFLICT IGNORE); \
         CREATE VIEW v AS SELECT x FROM t; \
         CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END; \
         CREATE VIRTUAL TABLE f USING fts5(body); \
         INSERT INTO t (x) VALUES ('a'); ANALYZE",
    )
    .await;
    let listed: Vec<_> = schema
        .unmodelled
        .iter()
        .map(|item| {
            (
                item.kind.as_str(),
                item.name.as_str(),
                item.table.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("conflict clause", "t.x", Some("t")),
            ("shadow table", "f_config", None),
            ("shadow table", "f_content", None),
            ("shadow table", "f_data", None),
            ("shadow table", "f_docsize", None),
            ("shadow table", "f_idx", None),
            ("trigger", "r", Some("t")),
            ("view", "v", None),
            ("virtual table", "f", None),
        ]
    );
    let trigger = schema
        .unmodelled
        .iter()
        .find(|item| item.kind == "trigger")
        .unwrap();
    assert!(trigger.definition.as_ref().unwrap().contains("SELECT 1"));
    assert_eq!(schema.tables.len(), 1);
}

#[tokio::test]
async fn a_statement_that_the_parser_refuses_is_listed_and_the_table_read_from_the_pragmas() {
    // Deeper than an expression is rewritten.
    let deep = format!("{}x{}", "abs(".repeat(200), ")".repeat(200));
    let schema = schema(&format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x INT DEFAULT 1 UNIQUE, CHECK ({deep} > 0)); \
         CREATE INDEX i ON t (x, {deep}) WHERE {deep} > 1"
    ))
    .await;
    let table = &schema.tables[0];
    assert_eq!(table.columns.len(), 2);
    assert_eq!(table.columns[1].default.as_deref(), Some("1"));
    assert_eq!(table.uniques[0].columns, ["x"]);
    let listed: Vec<_> = schema
        .unmodelled
        .iter()
        .map(|item| (item.kind.as_str(), item.name.as_str()))
        .collect();
    assert_eq!(
        listed,
        [("unparsed definition", "i"), ("unparsed definition", "t")]
    );
    // A difference in what could not be read is still one.
    assert!(
        table.indexes[0]
            .predicate
            .as_ref()
            .unwrap()
            .contains("abs(")
    );
    assert!(table.indexes[0].keys[1].expression.contains("abs("));
}

#[tokio::test]
async fn a_long_list_of_conditions_is_read() {
    let list: Vec<String> = (0..900).map(|n| format!("x <> {n}")).collect();
    let table = table(&format!(
        "CREATE TABLE t (x INT CHECK ({}))",
        list.join(" AND ")
    ))
    .await;
    assert_eq!(table.checks[0].expression, list.join(" AND "));
}

#[tokio::test]
async fn names_that_need_quotes_are_read_without_them() {
    let table = table(
        "CREATE TABLE \"order \"\"x\"\"\" (\"group\" INT, [a b] TEXT, \"quo\"\"te\" INT UNIQUE, \
         CONSTRAINT \"my check\" CHECK (\"group\" > [a b]))",
    )
    .await;
    assert_eq!(table.name.name, "order \"x\"");
    let columns: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(columns, ["group", "a b", "quo\"te"]);
    assert_eq!(table.uniques[0].columns, ["quo\"te"]);
    assert_eq!(table.checks[0].name.as_deref(), Some("my check"));
    assert_eq!(table.checks[0].expression, "\"group\" > \"a b\"");
}

#[tokio::test]
async fn a_view_that_does_not_work_any_more_stops_nothing() {
    let schema = schema(
        "CREATE TABLE t (x INT); CREATE VIEW v AS SELECT x FROM gone; \
         CREATE TABLE copy AS SELECT x, 1 AS \"one two\" FROM t",
    )
    .await;
    assert_eq!(schema.tables.len(), 2);
    assert_eq!(schema.tables[0].columns[1].name, "one two");
}

#[tokio::test]
async fn temporary_tables_are_not_read() {
    let db = open("CREATE TABLE t (x INT)").await;
    db.execute_unprepared("CREATE TEMP TABLE t (y INT, z INT UNIQUE)")
        .await
        .unwrap();
    let schema = read(&db).await.unwrap();
    assert_eq!(schema.tables.len(), 1);
    assert_eq!(schema.tables[0].columns[0].name, "x");
    assert!(schema.tables[0].uniques.is_empty());
}

#[test]
fn the_tables_of_a_view_are_found() {
    let read = tables_read(
        "CREATE VIEW v AS WITH w AS (SELECT f(a, b) FROM one, [Two t] x) SELECT (SELECT max(q) FROM main.three) \
         FROM w LEFT JOIN (four NATURAL JOIN five) ON w.a IN (1, 2), six \
         WHERE seven IN eight AND EXISTS (SELECT 1 FROM nine) ORDER BY ten, eleven",
    );
    assert_eq!(
        read,
        [
            "Two t", "eight", "five", "four", "nine", "one", "six", "three", "w"
        ]
    );
}

#[tokio::test]
async fn a_virtual_table_whose_module_is_not_there_stops_nothing() {
    let db = open("CREATE TABLE t (x INT)").await;
    db.execute_unprepared(
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES \
         ('table', 'far', 'far', 0, 'CREATE VIRTUAL TABLE far USING unheard_of(x)'); \
         PRAGMA writable_schema = RESET",
    )
    .await
    .unwrap();
    let schema = read(&db).await.unwrap();
    assert_eq!(schema.tables.len(), 1);
    assert_eq!(schema.unmodelled[0].kind, "virtual table");
}
