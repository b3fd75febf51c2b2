//! Entities leave much unsaid.

use super::*;

#[test]
fn what_entities_cannot_say_is_not_drift() {
    let mut entities = base();
    entities.source = Source::Entities;
    entities.enums.clear();
    entities.domains.clear();
    entities.sequences.clear();
    let table = &mut entities.tables[0];
    table.checks.clear();
    table.exclusions.clear();
    table.indexes.clear();
    table.uniques[0].name = None;
    table.foreign_keys[0].name = None;
    table.primary_key.as_mut().expect("base has one").name = None;
    let mut database = base();
    database.tables[0].comment = Some("said by the database alone".to_owned());
    database.tables[0].columns[0].default = Some("1".to_owned());
    assert_eq!(compare(&database, &entities), []);
    assert_eq!(compare(&entities, &database), []);

    entities.tables[0].columns[0].default = Some("2".to_owned());
    let found = compare(&entities, &database);
    assert_eq!(found.len(), 1, "what they say is compared");
    assert_eq!(found[0].code, Code::DefaultChanged);
}

#[test]
fn a_unique_index_is_what_an_entity_calls_unique() {
    let mut entities = base();
    entities.source = Source::Entities;
    let mut database = base();
    database.tables[0].uniques.clear();
    let mut unique = index("ix_title", &["title"]);
    unique.unique = true;
    database.tables[0].indexes.push(unique);
    assert_eq!(compare(&database, &entities), []);
    database.tables[0].indexes[1].predicate = Some("id > 0".to_owned());
    let found = compare(&database, &entities);
    assert_eq!(
        found[0].code,
        Code::UniqueUnexpected,
        "a partial one is not"
    );
}
