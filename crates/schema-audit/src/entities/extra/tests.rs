use super::read;
use crate::schema::{Action, Column, Identity, ObjectName, Table};

fn read_extra(text: &str) -> (Column, Table) {
    let mut column = Column {
        name: "c".to_owned(),
        data_type: "integer".to_owned(),
        nullable: true,
        default: None,
        generated: None,
        identity: None,
        collation: None,
        comment: None,
        inherited: false,
    };
    let mut table = Table::new(ObjectName::local("t"));
    read(text, &mut column, &mut table);
    (column, table)
}

#[test]
fn a_check_keeps_its_name_and_ends_at_its_own_parenthesis() {
    let (_, table) = read_extra("CONSTRAINT \"Odd\" CHECK (c > 0 AND (d <> ')')) UNIQUE");
    assert_eq!(table.checks.len(), 1);
    assert_eq!(table.checks[0].name.as_deref(), Some("Odd"));
    assert_eq!(table.checks[0].expression, "c > 0 AND (d <> ')')");
    assert_eq!(table.uniques[0].columns, ["c"]);
}

#[test]
fn a_reference_is_a_foreign_key_with_its_actions() {
    let (_, table) =
        read_extra("REFERENCES \"other\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE");
    let key = &table.foreign_keys[0];
    assert_eq!(key.references, ObjectName::local("other"));
    assert_eq!(key.referenced_columns, ["id"]);
    assert_eq!(
        (key.on_delete, key.on_update),
        (Action::SetNull, Action::Cascade)
    );
}

#[test]
fn attributes_of_the_column_are_set() {
    let (column, _) = read_extra("not null DEFAULT now() COLLATE NOCASE");
    assert!(!column.nullable);
    assert_eq!(column.default.as_deref(), Some("now()"));
    assert_eq!(column.collation.as_deref(), Some("NOCASE"));
    let (column, _) = read_extra("DEFAULT 'it''s'");
    assert_eq!(column.default.as_deref(), Some("'it''s'"));
    let (column, _) = read_extra("DEFAULT (1 + 1)");
    assert_eq!(column.default.as_deref(), Some("1 + 1"));
}

#[test]
fn a_generated_column_keeps_its_expression() {
    let (column, _) = read_extra("GENERATED ALWAYS AS (a + b) STORED");
    let generated = column.generated.expect("an expression");
    assert_eq!(
        (generated.expression.as_str(), generated.stored),
        ("a + b", true)
    );
    let (column, _) = read_extra("GENERATED ALWAYS AS IDENTITY");
    assert_eq!(column.identity, Some(Identity::Always));
}

#[test]
fn text_that_is_not_sql_does_no_harm() {
    for text in [
        "",
        "CHECK",
        "CHECK (",
        "'",
        "\"é",
        "REFERENCES",
        "DEFAULT",
        ")é(",
        "GENERATED",
    ] {
        read_extra(text);
    }
}
