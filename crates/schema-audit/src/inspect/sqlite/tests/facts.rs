use super::{assert_same, schema, table};
use crate::schema::{Action, Deferrable, MatchType};

#[tokio::test]
async fn spelling_of_a_table_is_no_difference() {
    assert_same(
        "CREATE TABLE t (id integer NOT NULL, n varchar (10) DEFAULT 'x', PRIMARY KEY (id))",
        "create table [t] (`id` integer not null, 'n' varchar(10) default ('x') /* why */, \
         primary key (\"id\" asc)) -- end",
    )
    .await;
    assert_same(
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (x INT REFERENCES p(id) ON UPDATE CASCADE)",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (x INT, \
         FOREIGN KEY (X) REFERENCES P on update caSCade DEFERRABLE INITIALLY IMMEDIATE)",
    )
    .await;
    assert_same(
        "CREATE TABLE t (y INT); CREATE INDEX i ON t (y) WHERE y > 0",
        "CREATE TABLE t (y INT); CREATE INDEX 'i' ON 't' (\"Y\" ASC) WHERE ((y>0))",
    )
    .await;
    assert_same(
        "CREATE TABLE t (a TEXT PRIMARY KEY UNIQUE)",
        "CREATE TABLE t (a TEXT PRIMARY KEY)",
    )
    .await;
    assert_same(
        "CREATE TABLE t (a INT UNIQUE, UNIQUE (a))",
        "CREATE TABLE t (a INT UNIQUE)",
    )
    .await;
}

#[tokio::test]
async fn renaming_a_table_and_adding_a_column_leave_no_trace_in_the_model() {
    assert_same(
        "CREATE TABLE old (id INTEGER PRIMARY KEY, x INT CHECK (x > 0)); \
         ALTER TABLE old RENAME TO t; ALTER TABLE t ADD COLUMN y TEXT DEFAULT 'a'; \
         ALTER TABLE t RENAME COLUMN x TO \"order\"",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, \"order\" INT CHECK (\"order\" > 0), y TEXT DEFAULT 'a')",
    )
    .await;
}

#[tokio::test]
async fn defaults_have_one_spelling() {
    for (typed, written) in [
        ("'5'", "'5'"),
        ("5", "5"),
        ("-5", "-5"),
        ("(1+2)", "1 + 2"),
        ("current_timestamp", "CURRENT_TIMESTAMP"),
        ("(CURRENT_TIMESTAMP)", "CURRENT_TIMESTAMP"),
        ("true", "TRUE"),
        ("NULL", "NULL"),
        ("word", "'word'"),
        ("\"two words\"", "'two words'"),
        ("(strftime('%s','now'))", "strftime('%s', 'now')"),
        ("x'0A'", "X'0A'"),
        ("''", "''"),
        ("'it''s -- no comment'", "'it''s -- no comment'"),
        (
            "(DATETIME('now', 'localtime'))",
            "datetime('now', 'localtime')",
        ),
    ] {
        let table = table(&format!("CREATE TABLE t (a DEFAULT {typed})")).await;
        assert_eq!(
            table.columns[0].default.as_deref(),
            Some(written),
            "{typed}"
        );
    }
}

#[tokio::test]
async fn f39_nullability_is_what_sqlite_enforces() {
    for (definition, nullable) in [
        ("(a INTEGER PRIMARY KEY)", false),
        ("(a INTEGER NOT NULL PRIMARY KEY)", false),
        ("(a INTEGER, PRIMARY KEY (a))", false),
        ("(a INTEGER PRIMARY KEY DESC)", true),
        ("(a INT PRIMARY KEY)", true),
        ("(a TEXT PRIMARY KEY)", true),
        ("(a TEXT PRIMARY KEY) WITHOUT ROWID", false),
        ("(a TEXT PRIMARY KEY) STRICT", false),
        ("(a INTEGER, b INTEGER, PRIMARY KEY (a, b))", true),
        ("(a INTEGER)", true),
        ("(a INTEGER NOT NULL)", false),
    ] {
        let table = table(&format!("CREATE TABLE t {definition}")).await;
        assert_eq!(table.columns[0].nullable, nullable, "{definition}");
    }
}

#[tokio::test]
async fn keys_are_read_with_names_collations_and_conflict_clauses() {
    let table = table(
        "CREATE TABLE t (id INTEGER CONSTRAINT pk PRIMARY KEY AUTOINCREMENT, a TEXT COLLATE nocase, \
         b TEXT, CONSTRAINT u UNIQUE (a, b COLLATE rtrim) ON CONFLICT REPLACE, \
         UNIQUE (b DESC, a COLLATE BINARY))",
    )
    .await;
    let key = table.primary_key.unwrap();
    assert_eq!(key.name.as_deref(), Some("pk"));
    assert!(key.autoincrement);
    assert_eq!(table.columns[1].collation.as_deref(), Some("NOCASE"));
    assert_eq!(table.uniques.len(), 2);
    assert_eq!(table.uniques[0].name, None);
    assert_eq!(table.uniques[0].columns, ["b DESC", "a COLLATE BINARY"]);
    assert_eq!(table.uniques[1].name.as_deref(), Some("u"));
    assert_eq!(table.uniques[1].columns, ["a", "b COLLATE RTRIM"]);
    assert_eq!(table.uniques[1].on_conflict.as_deref(), Some("REPLACE"));
}

#[tokio::test]
async fn f47_foreign_keys_are_read_with_names_and_actions() {
    let schema = schema(
        "CREATE TABLE p (a INT, b INT, PRIMARY KEY (a, b)); CREATE TABLE q (id INTEGER PRIMARY KEY); \
         CREATE TABLE c (x INT CONSTRAINT first REFERENCES q ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, \
         y INT REFERENCES missing, CONSTRAINT \"second key\" FOREIGN KEY (x, y) REFERENCES p \
         ON UPDATE RESTRICT ON DELETE CASCADE MATCH FULL)",
    )
    .await;
    let keys = &schema.tables[0].foreign_keys;
    let by_name = |name: Option<&str>| keys.iter().find(|k| k.name.as_deref() == name).unwrap();
    let first = by_name(Some("first"));
    assert_eq!(first.columns, ["x"]);
    assert_eq!(first.references.name, "q");
    assert_eq!(first.referenced_columns, ["id"]);
    assert_eq!(first.on_delete, Action::SetNull);
    assert_eq!(first.deferrable, Deferrable::InitiallyDeferred);
    let second = by_name(Some("second key"));
    assert_eq!(second.columns, ["x", "y"]);
    assert_eq!(second.referenced_columns, ["a", "b"]);
    assert_eq!(second.on_update, Action::Restrict);
    assert_eq!(second.on_delete, Action::Cascade);
    assert_eq!(second.match_type, MatchType::Simple);
    assert_eq!(second.deferrable, Deferrable::Not);
    let unnamed = by_name(None);
    assert_eq!(unnamed.references.name, "missing");
    assert!(unnamed.referenced_columns.is_empty());
}

#[tokio::test]
async fn generated_columns_are_read_with_their_kind() {
    let table = table(
        "CREATE TABLE t (c integer, g integer AS (c+1), v TEXT GENERATED ALWAYS AS (UPPER(c)) VIRTUAL, \
         s INT GENERATED ALWAYS AS (c * 2) STORED NOT NULL)",
    )
    .await;
    let read: Vec<_> = table.columns[1..]
        .iter()
        .map(|column| {
            let generated = column.generated.as_ref().unwrap();
            (
                column.data_type.as_str(),
                generated.expression.as_str(),
                generated.stored,
            )
        })
        .collect();
    assert_eq!(
        read,
        [
            ("INTEGER", "c + 1", false),
            ("TEXT", "upper(c)", false),
            ("INT", "c * 2", true)
        ]
    );
}

#[tokio::test]
async fn indexes_are_read_with_expressions_and_predicates() {
    let table = table(
        "CREATE TABLE t (a TEXT, \"B c\" TEXT COLLATE NOCASE, n INT); \
         CREATE UNIQUE INDEX i ON t (LOWER(a) DESC, \"b C\", a COLLATE nocase, n+1, a || n COLLATE RTRIM) \
         WHERE n NOT IN (1,2) AND a IS NOT NULL",
    )
    .await;
    let index = &table.indexes[0];
    assert!(index.unique);
    assert_eq!(
        index.predicate.as_deref(),
        Some("n NOT IN (1, 2) AND a IS NOT NULL")
    );
    let keys: Vec<_> = index
        .keys
        .iter()
        .map(|key| {
            (
                key.expression.as_str(),
                key.is_column,
                key.descending,
                key.collation.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        keys,
        [
            ("lower(a)", false, true, None),
            ("B c", true, false, None),
            ("a", true, false, Some("NOCASE")),
            ("n + 1", false, false, None),
            // COLLATE binds tighter than ||: it belongs to `n` alone.
            ("a || n COLLATE RTRIM", false, false, None),
        ]
    );
}

#[tokio::test]
async fn options_of_a_table_are_read() {
    let table = table("CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID, STRICT").await;
    assert_eq!(table.options, ["STRICT", "WITHOUT ROWID"]);
}
