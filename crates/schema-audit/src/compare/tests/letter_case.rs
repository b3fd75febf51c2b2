//! SQLite does not tell `Posts` from `posts`.

use super::*;
use crate::schema::Generated;

/// Tables of SQLite, written with `name`.
fn sqlite(name: &dyn Fn(&str) -> String) -> Schema {
    let mut schema = Schema::empty(Dialect::Sqlite);
    let mut table = Table::new(ObjectName::local(name("posts")));
    table.columns = vec![
        column(&name("id"), "INTEGER"),
        column(&name("author"), "INT"),
    ];
    table.columns[1].generated = Some(Generated {
        expression: format!("{} + 1", name("id")),
        stored: false,
    });
    table.primary_key = Some(key(
        "pk",
        &[&name("id"), &format!("{} DESC", name("author"))],
    ));
    table.checks = vec![check(None, &format!("author({}) > 'id'", name("id")))];
    table.indexes = vec![index(&name("ix"), &[&name("author")])];
    table.indexes[0].predicate = Some(format!("{} > 0", name("author")));
    let mut key = foreign_key("fk", Action::Cascade);
    key.columns = vec![name("author")];
    key.references = ObjectName::local(name("posts"));
    key.referenced_columns = vec![name("id")];
    table.foreign_keys = vec![key];
    schema.tables = vec![table];
    schema
}

#[test]
fn names_of_sqlite_that_differ_in_letter_case_are_information() {
    let lower = sqlite(&str::to_owned);
    let upper = sqlite(&str::to_uppercase);
    let found = compare(&lower, &upper);
    assert!(
        found.iter().all(|f| f.severity == Severity::Info),
        "{found:?}"
    );
    let named: Vec<String> = found
        .iter()
        .map(|f| format!("{} {}", f.code, f.object))
        .collect();
    assert_eq!(
        named,
        [
            "name-changed posts",
            "name-changed posts.author",
            "name-changed posts.id"
        ]
    );
}

#[test]
fn a_table_that_differs_by_more_than_letter_case_is_another_one() {
    let lower = sqlite(&str::to_owned);
    let mut upper = sqlite(&str::to_uppercase);
    upper.tables[0].checks[0].expression = "author(ID) > 'ID'".to_owned();
    upper.tables[0].indexes[0].unique = true;
    let codes: Vec<Code> = compare(&lower, &upper)
        .iter()
        .filter(|f| f.severity != Severity::Info)
        .map(|f| f.code)
        .collect();
    assert_eq!(
        codes,
        [Code::TableUnexpected, Code::TableMissing],
        "a repair goes by the names"
    );
}

#[test]
fn names_of_postgres_that_differ_in_letter_case_are_two() {
    let mut upper = base();
    upper.tables[0].name.name = "POSTS".to_owned();
    let codes: Vec<Code> = compare(&base(), &upper).iter().map(|f| f.code).collect();
    assert_eq!(codes, [Code::TableUnexpected, Code::TableMissing]);
}

#[test]
fn default_null_is_no_default_to_sqlite_alone() {
    for (dialect, count) in [(Dialect::Sqlite, 0), (Dialect::Postgres, 1)] {
        let mut without = base();
        without.dialect = dialect;
        let mut with = without.clone();
        with.tables[0].columns[0].default = Some("null".to_owned());
        assert_eq!(compare(&without, &with).len(), count);
        assert_eq!(compare(&with, &without).len(), count);
        with.tables[0].columns[0].default = Some("0".to_owned());
        assert_eq!(compare(&with, &without).len(), 1);
    }
}
