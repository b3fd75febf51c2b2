//! Seeded drift: each seed changes one side, and every finding has to name that
//! side and no other.

use super::base::{at, catalog, check, column, entities, foreign_key, index, key, of};
use crate::attribution::attribute;
use crate::compare::{Code, Side};
use crate::schema::{Action, Deferrable, Dialect, ObjectName, Schema, Table};

type Change = fn(&mut Schema, Dialect);
/// What the seed does, the code of its first finding, and the change.
type Seed = (&'static str, Code, Change);

/// What an entity can speak of, so that it can tell who is wrong.
const SPOKEN: &[Seed] = &[
    ("a column is gone", Code::ColumnMissing, |s, _| {
        of(s, "companies").columns.remove(2);
    }),
    ("a column is more", Code::ColumnUnexpected, |s, d| {
        of(s, "people").columns.push(column(d, "phone", "text?"));
    }),
    ("a column is renamed", Code::ColumnMissing, |s, _| {
        at(s, "projects", "title").name = "heading".to_owned();
    }),
    ("a decimal is a double", Code::TypeChanged, |s, d| {
        at(s, "companies", "rating").data_type = column(d, "", "double precision").data_type;
    }),
    ("a uuid is a text", Code::TypeChanged, |s, _| {
        at(s, "projects", "owner_id").data_type = "text".to_owned();
    }),
    ("a number is a text", Code::TypeChanged, |s, _| {
        at(s, "tasks", "priority").data_type = "text".to_owned();
    }),
    ("NULL is let in", Code::NullabilityChanged, |s, _| {
        at(s, "people", "email").nullable = true;
    }),
    ("NULL is kept out", Code::NullabilityChanged, |s, _| {
        at(s, "tasks", "due").nullable = false;
    }),
    ("a default is another", Code::DefaultChanged, |s, _| {
        at(s, "tasks", "priority").default = Some("5".to_owned());
    }),
    (
        "a unique constraint is gone",
        Code::UniqueMissing,
        |s, _| {
            of(s, "companies").uniques.clear();
        },
    ),
    (
        "a unique constraint is more",
        Code::UniqueUnexpected,
        |s, _| {
            of(s, "projects").uniques = vec![key("projects_title_key", &["title"])];
        },
    ),
    (
        "a unique constraint has other columns",
        Code::UniqueChanged,
        |s, _| {
            for column in &mut of(s, "people").uniques[0].columns {
                if column == "email" {
                    *column = "nickname".to_owned();
                }
            }
        },
    ),
    ("a foreign key is gone", Code::ForeignKeyMissing, |s, _| {
        of(s, "people").foreign_keys.clear();
    }),
    (
        "a foreign key is more",
        Code::ForeignKeyUnexpected,
        |s, _| {
            let more = foreign_key("labels", "colour", "colours", Action::NoAction);
            of(s, "labels").foreign_keys.push(more);
        },
    ),
    (
        "a foreign key has another action",
        Code::ForeignKeyChanged,
        |s, _| {
            of(s, "projects").foreign_keys[0].on_delete = Action::Cascade;
        },
    ),
    (
        "a foreign key is updated along",
        Code::ForeignKeyChanged,
        |s, _| {
            of(s, "task_labels").foreign_keys[0].on_update = Action::Cascade;
        },
    ),
    (
        "a foreign key has another column",
        Code::ForeignKeyChanged,
        |s, _| {
            of(s, "projects").foreign_keys[0].columns = vec!["id".to_owned()];
        },
    ),
    (
        "a primary key has another column",
        Code::PrimaryKeyChanged,
        |s, _| {
            of(s, "task_labels").primary_key = Some(key("task_labels_pkey", &["task_id"]));
        },
    ),
    ("a primary key is gone", Code::PrimaryKeyMissing, |s, _| {
        of(s, "labels").primary_key = None;
    }),
    ("a table is gone", Code::TableMissing, |s, _| {
        s.tables.retain(|table| table.name.name != "task_labels");
    }),
    ("a table is more", Code::TableUnexpected, |s, d| {
        let mut table = Table::new(ObjectName::local("notes"));
        table.columns = vec![column(d, "id", "uuid")];
        s.tables.push(table);
    }),
    ("a unique index is gone", Code::IndexMissing, |s, _| {
        of(s, "labels").indexes.clear();
        of(s, "labels").uniques.clear();
    }),
];

/// What an entity is silent about: the database is to blame then.
const UNSPOKEN: &[Seed] = &[
    ("a default is gone", Code::DefaultChanged, |s, _| {
        at(s, "labels", "colour").default = None;
    }),
    ("a default is more", Code::DefaultChanged, |s, _| {
        at(s, "people", "nickname").default = Some("'x'".to_owned());
    }),
    ("a check is gone", Code::CheckMissing, |s, _| {
        of(s, "companies").checks.clear();
    }),
    ("a check is more", Code::CheckUnexpected, |s, _| {
        of(s, "people").checks = vec![check("more", "(email <> ''::text)")];
    }),
    ("a check is another", Code::CheckChanged, |s, _| {
        of(s, "companies").checks[0].expression = "(rating >= (1)::numeric)".to_owned();
    }),
    ("an index is gone", Code::IndexMissing, |s, _| {
        of(s, "people").indexes.clear();
    }),
    ("an index is more", Code::IndexUnexpected, |s, _| {
        of(s, "projects")
            .indexes
            .push(index("ix_title", &["title"]));
    }),
    (
        "an index has another condition",
        Code::IndexChanged,
        |s, _| {
            of(s, "tasks").indexes[0].predicate = None;
        },
    ),
    (
        "a foreign key is deferred",
        Code::ForeignKeyChanged,
        |s, _| {
            of(s, "tasks").foreign_keys[0].deferrable = Deferrable::InitiallyDeferred;
        },
    ),
    ("a collation is another", Code::CollationChanged, |s, _| {
        at(s, "people", "email").collation = Some("\"C\"".to_owned());
    }),
    (
        "a constraint has another name",
        Code::NameChanged,
        |s, _| {
            of(s, "companies").uniques[0].name = Some("uq".to_owned());
        },
    ),
];

/// Seeds of PostgreSQL alone.
const OF_ENUMS: &[Seed] = &[
    ("an enum has another value", Code::EnumChanged, |s, _| {
        s.enums[0].labels[1] = "closed".to_owned();
    }),
    (
        "an enum's values are in another order",
        Code::EnumChanged,
        |s, _| {
            s.enums[0].labels.reverse();
        },
    ),
];

fn opposite(code: Code) -> Code {
    match code {
        Code::ColumnMissing => Code::ColumnUnexpected,
        Code::ColumnUnexpected => Code::ColumnMissing,
        Code::UniqueMissing => Code::UniqueUnexpected,
        Code::UniqueUnexpected => Code::UniqueMissing,
        Code::ForeignKeyMissing => Code::ForeignKeyUnexpected,
        Code::ForeignKeyUnexpected => Code::ForeignKeyMissing,
        Code::PrimaryKeyMissing => Code::PrimaryKeyUnexpected,
        Code::TableMissing => Code::TableUnexpected,
        Code::TableUnexpected => Code::TableMissing,
        Code::IndexMissing => Code::IndexUnexpected,
        other => other,
    }
}

/// The code that the same change has for entities: without a name, a constraint
/// over other columns is another constraint, and all that is unique is a
/// constraint.
fn said_of_entities(seed: &str, code: Code) -> Code {
    match (seed, code) {
        (_, Code::UniqueChanged | Code::IndexMissing) => Code::UniqueMissing,
        ("a foreign key has another column", _) => Code::ForeignKeyMissing,
        (_, other) => other,
    }
}

pub(super) fn assert_blamed(
    seed: &str,
    side: Side,
    code: Code,
    [migrations, entities, database]: [&Schema; 3],
) {
    let findings = attribute(migrations, entities, database);
    assert!(!findings.is_empty(), "{seed}: nothing found");
    assert!(
        findings.iter().all(|finding| finding.side == Some(side)),
        "{seed}: {findings:#?}"
    );
    assert!(
        findings.iter().any(|finding| finding.code == code),
        "{seed}: no {code} in {findings:#?}"
    );
}

fn changed(base: &Schema, change: Change) -> Schema {
    let mut schema = base.clone();
    change(&mut schema, base.dialect);
    schema.sort();
    schema
}

fn seeds(dialect: Dialect, groups: &[&[Seed]]) -> Vec<Seed> {
    let enums = if dialect == Dialect::Postgres {
        OF_ENUMS
    } else {
        &[]
    };
    let all = groups.iter().copied().chain([enums]);
    all.flatten().copied().collect()
}

pub(super) fn sides(dialect: Dialect) -> [Schema; 3] {
    [catalog(dialect), entities(dialect), catalog(dialect)]
}

pub(super) const BOTH: [Dialect; 2] = [Dialect::Postgres, Dialect::Sqlite];

#[test]
fn nothing_is_found_where_all_three_agree() {
    for dialect in BOTH {
        let [migrations, entities, database] = sides(dialect);
        assert_eq!(attribute(&migrations, &entities, &database), []);
    }
}

#[test]
fn drift_of_the_database_is_the_databases() {
    for dialect in BOTH {
        let [migrations, entities, database] = sides(dialect);
        let seeds = seeds(dialect, &[SPOKEN, UNSPOKEN]);
        assert!(seeds.len() >= 20);
        for (seed, code, change) in seeds {
            let drifted = changed(&database, change);
            let three = [&migrations, &entities, &drifted];
            assert_blamed(seed, Side::Database, code, three);
        }
    }
}

#[test]
fn drift_of_the_migrations_is_the_migrations() {
    for dialect in BOTH {
        let [migrations, entities, database] = sides(dialect);
        let seeds = seeds(dialect, &[SPOKEN]);
        assert!(seeds.len() >= 20);
        for (seed, code, change) in seeds {
            let behind = changed(&migrations, change);
            let three = [&behind, &entities, &database];
            assert_blamed(seed, Side::Migrations, opposite(code), three);
        }
    }
}

#[test]
fn what_entities_and_database_both_got_is_the_migrations() {
    for dialect in BOTH {
        let [migrations, entities, database] = sides(dialect);
        for (seed, code, change) in seeds(dialect, &[SPOKEN]) {
            let (entities, database) = (changed(&entities, change), changed(&database, change));
            let three = [&migrations, &entities, &database];
            assert_blamed(seed, Side::Migrations, code, three);
        }
    }
}

#[test]
fn drift_of_the_entities_is_the_entities() {
    for dialect in BOTH {
        let [migrations, entities, database] = sides(dialect);
        let seeds = seeds(dialect, &[SPOKEN]);
        assert!(seeds.len() >= 20);
        for (seed, code, change) in seeds {
            let behind = changed(&entities, change);
            let three = [&migrations, &behind, &database];
            assert_blamed(seed, Side::Entities, said_of_entities(seed, code), three);
        }
    }
}
