//! Seeded drift of real entities, each written as a user of `SeaORM` writes it.

use super::drifted as drift;
use super::models::{companies, labels, people, projects, task_labels, tasks};
use super::seeds::{BOTH, assert_blamed, sides};
use crate::compare::{Code, Side};
use crate::entities::from_entities;
use crate::schema::{Dialect, Schema};

/// The base's entities, the last ones replaced by others.
macro_rules! with {
    ($dialect:expr, $($entity:path),* $(,)?) => {
        from_entities!($dialect, [projects::Entity, $($entity),*]).expect("a schema")
    };
}

fn drifted_labels(dialect: Dialect) -> Vec<(&'static str, Code, Schema)> {
    macro_rules! label {
        ($seed:ident) => {
            with!(
                dialect,
                companies::Entity,
                people::Entity,
                tasks::Entity,
                task_labels::Entity,
                drift::$seed::Entity
            )
        };
        ($code:ident, $seed:ident) => {
            (stringify!($seed), Code::$code, label!($seed))
        };
    }
    vec![
        label!(NullabilityChanged, label_that_needs_a_colour),
        label!(UniqueMissing, label_without_unique_name),
        label!(ColumnUnexpected, label_with_a_weight),
        label!(ColumnMissing, label_with_a_renamed_column),
        label!(DefaultChanged, label_with_another_default),
        label!(IndexUnexpected, label_with_an_indexed_colour),
        label!(TableMissing, label_of_another_table),
        label!(PrimaryKeyChanged, label_with_its_name_as_key),
    ]
}

fn drifted_people(dialect: Dialect) -> Vec<(&'static str, Code, Schema)> {
    macro_rules! person {
        ($code:ident, $seed:ident) => {
            (
                stringify!($seed),
                Code::$code,
                with!(
                    dialect,
                    companies::Entity,
                    tasks::Entity,
                    labels::Entity,
                    task_labels::Entity,
                    drift::$seed::Entity,
                ),
            )
        };
    }
    vec![
        person!(ForeignKeyChanged, person_of_a_restricted_company),
        person!(UniqueMissing, person_with_another_unique_key),
        person!(ForeignKeyMissing, person_without_company),
    ]
}

fn drifted_companies(dialect: Dialect) -> Vec<(&'static str, Code, Schema)> {
    macro_rules! company {
        ($code:ident, $seed:ident) => {
            (
                stringify!($seed),
                Code::$code,
                with!(
                    dialect,
                    people::Entity,
                    tasks::Entity,
                    labels::Entity,
                    task_labels::Entity,
                    drift::$seed::Entity,
                ),
            )
        };
    }
    vec![
        company!(ColumnMissing, company_without_rating),
        company!(TypeChanged, company_with_a_double_rating),
    ]
}

fn other_drifts(dialect: Dialect) -> Vec<(&'static str, Code, Schema)> {
    macro_rules! all_but {
        ($($entity:path),*) => {
            with!(dialect, companies::Entity, people::Entity, labels::Entity, $($entity),*)
        };
    }
    let mut drifts = vec![
        (
            "one entity more",
            Code::TableUnexpected,
            all_but!(tasks::Entity, task_labels::Entity, drift::invoices::Entity),
        ),
        (
            "one entity less",
            Code::TableMissing,
            all_but!(tasks::Entity),
        ),
        (
            "task_label_of_one_key",
            Code::PrimaryKeyChanged,
            all_but!(tasks::Entity, drift::task_label_of_one_key::Entity),
        ),
    ];
    if dialect == Dialect::Postgres {
        drifts.push((
            "task_with_more_states",
            Code::EnumChanged,
            all_but!(drift::task_with_more_states::Entity, task_labels::Entity),
        ));
    }
    drifts
}

#[test]
fn drift_of_real_entities_is_the_entities() {
    for dialect in BOTH {
        let [migrations, _, database] = sides(dialect);
        let drifts = [
            drifted_labels(dialect),
            drifted_people(dialect),
            drifted_companies(dialect),
            other_drifts(dialect),
        ]
        .concat();
        assert!(drifts.len() >= 16);
        for (seed, code, entities) in drifts {
            let three = [&migrations, &entities, &database];
            assert_blamed(seed, Side::Entities, code, three);
        }
    }
}
