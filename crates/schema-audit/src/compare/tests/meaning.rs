//! What is the same, and what is one finding of several that could be made.

use super::*;
use crate::schema::OwnedBy;

#[test]
fn equal_schemas_give_nothing_whatever_the_order_of_their_lists() {
    assert_eq!(compare(&base(), &base()), []);
    let mut shuffled = base();
    shuffled.tables[0].indexes.push(index("a", &["id"]));
    shuffled.tables.push(Table::new(ObjectName::local("b")));
    let mut other = shuffled.clone();
    other.tables.reverse();
    other.tables[1].indexes.reverse();
    assert_eq!(compare(&shuffled, &other), []);
}

#[test]
fn f14_a_second_foreign_key_beside_the_first_is_found() {
    let found = findings(|schema| {
        let second = foreign_key("second", Action::SetNull);
        schema.tables[0].foreign_keys.push(second);
    });
    assert_eq!(found, ["foreign-key-unexpected app.posts.second"]);
}

#[test]
fn f47_a_foreign_key_with_another_name_and_action_is_one_finding() {
    let found = findings(|schema| {
        schema.tables[0].foreign_keys = vec![foreign_key("fk_author", Action::NoAction)];
    });
    assert_eq!(found, ["foreign-key-changed app.posts.posts_author_fkey"]);
}

#[test]
fn an_unnamed_constraint_is_recognised_by_its_definition() {
    assert_eq!(
        findings(|schema| {
            let table = &mut schema.tables[0];
            table.checks[0].name = None;
            table.uniques[0].name = None;
            table.foreign_keys[0].name = None;
        }),
        [""; 0]
    );
}

#[test]
fn another_spelling_of_a_default_is_information() {
    let mut expected = base();
    expected.tables[0].columns[0].default = Some("0".to_owned());
    let mut actual = base();
    actual.tables[0].columns[0].default = Some("'0'::integer".to_owned());
    let found = compare(&expected, &actual);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].severity, Severity::Info);
}

#[test]
fn the_sequence_of_a_missing_column_is_not_reported_beside_it() {
    let mut with = base();
    with.sequences[0].owned_by = Some(OwnedBy {
        table: ObjectName::local("posts"),
        column: "number".to_owned(),
        identity: false,
    });
    with.tables[0].columns.push(column("number", "bigint"));
    let mut without = base();
    without.sequences.clear();
    let codes: Vec<Code> = compare(&with, &without).iter().map(|f| f.code).collect();
    assert_eq!(codes, [Code::ColumnMissing]);
}

#[test]
fn another_comment_of_a_domains_condition_is_found() {
    let mut with = base();
    with.domains[0].checks[0].name = Some("email_check".to_owned());
    let mut without = with.clone();
    with.domains[0].checks[0].comment = Some("an address".to_owned());
    let found = compare(&with, &without);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].object.to_string(), "app.email.email_check");
    without.domains[0].checks[0].comment = Some("an address".to_owned());
    assert_eq!(compare(&with, &without), []);
}
