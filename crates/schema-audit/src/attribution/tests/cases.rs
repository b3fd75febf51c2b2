use super::base::{at, catalog, column, entities, of};
use crate::attribution::attribute;
use crate::compare::{Code, Finding, Side};
use crate::schema::{Action, Dialect, Schema};

const POSTGRES: Dialect = Dialect::Postgres;

/// The findings of three schemas, each after a change.
fn found(changes: [&dyn Fn(&mut Schema); 3]) -> Vec<Finding> {
    let mut sides = [catalog(POSTGRES), entities(POSTGRES), catalog(POSTGRES)];
    for (side, change) in sides.iter_mut().zip(changes) {
        change(side);
        side.sort();
    }
    let [migrations, entities, database] = sides;
    attribute(&migrations, &entities, &database)
}

fn same(_: &mut Schema) {}

fn summary(findings: &[Finding]) -> Vec<(String, Side)> {
    findings
        .iter()
        .map(|finding| {
            let side = finding.side.expect("a side");
            (format!("{} {}", finding.code, finding.object), side)
        })
        .collect()
}

fn rating(data_type: &'static str) -> impl Fn(&mut Schema) {
    move |schema| at(schema, "companies", "rating").data_type = data_type.to_owned()
}

#[test]
fn what_is_expected_is_the_migrations_word_and_what_is_there_the_odd_ones() {
    let words = |findings: &[Finding]| {
        let [finding] = findings else {
            panic!("one finding: {findings:#?}");
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (finding.side, text(&finding.expected), text(&finding.actual))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    for (side, changes) in [
        (
            Side::Database,
            [&same as &dyn Fn(&mut Schema), &same, &rating("text")],
        ),
        (Side::Entities, [&same, &rating("text"), &same]),
        (Side::Migrations, [&same, &rating("text"), &rating("text")]),
    ] {
        let (found_side, expected, actual) = words(&found(changes));
        assert_eq!(found_side, Some(side));
        assert_eq!((expected, actual), pair("numeric(5,2)", "text"));
    }
    let (side, expected, actual) = words(&found([&same, &rating("uuid"), &rating("text")]));
    assert_eq!(side, Some(Side::All));
    assert_eq!(
        (expected, actual),
        pair("numeric(5,2)", "database: text; entities: uuid")
    );
}

#[test]
fn a_table_that_the_database_lacks_says_nothing_of_its_columns() {
    let gone = |schema: &mut Schema| schema.tables.retain(|t| t.name.name != "companies");
    let findings = found([&same, &same, &gone]);
    assert_eq!(
        summary(&findings),
        [("table-missing app.companies".to_owned(), Side::Database)]
    );
}

#[test]
fn an_entity_that_is_behind_is_told_although_the_database_lacks_the_table() {
    let gone = |schema: &mut Schema| schema.tables.retain(|t| t.name.name != "companies");
    let findings = found([&same, &rating("text"), &gone]);
    assert_eq!(
        summary(&findings),
        [
            ("table-missing app.companies".to_owned(), Side::Database),
            (
                "type-changed app.companies.rating".to_owned(),
                Side::Entities
            ),
        ]
    );
}

#[test]
fn a_database_that_drifted_is_told_although_there_is_no_entity() {
    let gone = |schema: &mut Schema| schema.tables.retain(|t| t.name.name != "companies");
    let findings = found([&same, &gone, &rating("text")]);
    assert_eq!(
        summary(&findings),
        [
            ("table-missing app.companies".to_owned(), Side::Entities),
            (
                "type-changed app.companies.rating".to_owned(),
                Side::Database
            ),
        ]
    );
}

#[test]
fn a_column_that_two_sides_got_in_other_types_is_of_all_three() {
    let more = |data_type: &'static str| {
        move |schema: &mut Schema| {
            let column = column(POSTGRES, "phone", data_type);
            of(schema, "people").columns.push(column);
        }
    };
    let findings = found([&same, &more("text?"), &more("integer?")]);
    assert_eq!(
        summary(&findings),
        [("column-unexpected app.people.phone".to_owned(), Side::All)]
    );
}

#[test]
fn two_drifts_of_one_column_have_a_side_each() {
    let null = |schema: &mut Schema| at(schema, "companies", "rating").nullable = false;
    let findings = found([&same, &null, &rating("text")]);
    assert_eq!(
        summary(&findings),
        [
            (
                "type-changed app.companies.rating".to_owned(),
                Side::Database
            ),
            (
                "nullability-changed app.companies.rating".to_owned(),
                Side::Entities
            ),
        ]
    );
}

#[test]
fn a_foreign_key_with_three_actions_is_of_all_three() {
    let action = |action: Action| {
        move |schema: &mut Schema| of(schema, "people").foreign_keys[0].on_delete = action
    };
    let findings = found([&same, &action(Action::SetNull), &action(Action::Restrict)]);
    assert_eq!(
        summary(&findings),
        [(
            "foreign-key-changed app.people.people_company_id_fkey".to_owned(),
            Side::All
        )]
    );
}

#[test]
fn a_unique_constraint_over_three_sets_of_columns_is_of_all_three() {
    let over = |name: &'static str| {
        move |schema: &mut Schema| of(schema, "people").uniques[0].columns[0] = name.to_owned()
    };
    let findings = found([&same, &over("id"), &over("nickname")]);
    let changed = findings.iter().find(|f| f.code == Code::UniqueChanged);
    assert_eq!(changed.and_then(|finding| finding.side), Some(Side::All));
}

#[test]
fn the_same_three_give_the_same_bytes_whatever_the_order_of_their_lists() {
    let change = |schema: &mut Schema| {
        at(schema, "companies", "rating").nullable = false;
        of(schema, "people").foreign_keys.clear();
        of(schema, "tasks").columns.remove(5);
    };
    let shuffle = |schema: &mut Schema| {
        change(schema);
        schema.tables.reverse();
    };
    let json = |findings: &[Finding]| serde_json::to_string(findings).expect("JSON");
    let [migrations, entities] = [catalog(POSTGRES), entities(POSTGRES)];
    let (mut one, mut other) = (catalog(POSTGRES), catalog(POSTGRES));
    change(&mut one);
    shuffle(&mut other);
    assert_eq!(
        json(&attribute(&migrations, &entities, &one)),
        json(&attribute(&migrations, &entities, &other))
    );
}

#[test]
fn each_side_has_a_sentence_of_its_own() {
    let all = [Side::Database, Side::Entities, Side::Migrations, Side::All];
    let mut sentences: Vec<&str> = all.into_iter().map(Side::explain).collect();
    sentences.sort_unstable();
    sentences.dedup();
    assert_eq!(sentences.len(), 4);
}
