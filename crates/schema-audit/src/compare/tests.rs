//! Every code that a comparison can give is given by something here.

use std::collections::BTreeSet;

use super::*;
use crate::schema::{
    Action, Check, Column, Dialect, Domain, Enum, Exclusion, ForeignKey, Generated, Identity,
    Index, IndexKey, Key, MatchType, OwnedBy, PartitionOf, Sequence, Table,
};

fn column(name: &str, data_type: &str) -> Column {
    Column {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable: true,
        default: None,
        generated: None,
        identity: None,
        collation: None,
        comment: None,
        inherited: false,
    }
}

fn key(name: &str, columns: &[&str]) -> Key {
    Key {
        name: Some(name.to_owned()),
        columns: columns.iter().map(ToString::to_string).collect(),
        ..Key::default()
    }
}

fn index(name: &str, columns: &[&str]) -> Index {
    Index {
        name: name.to_owned(),
        method: "btree".to_owned(),
        unique: false,
        nulls_not_distinct: false,
        keys: columns
            .iter()
            .map(|column| IndexKey {
                expression: (*column).to_owned(),
                is_column: true,
                descending: false,
                nulls_first: None,
                operator_class: None,
                collation: None,
            })
            .collect(),
        include: Vec::new(),
        predicate: None,
        options: Vec::new(),
        invalid: false,
        comment: None,
        inherited: false,
        only: false,
        definition: String::new(),
    }
}

fn foreign_key(name: &str, on_delete: Action) -> ForeignKey {
    ForeignKey {
        name: Some(name.to_owned()),
        columns: vec!["author".to_owned()],
        references: ObjectName::local("people"),
        referenced_columns: vec!["id".to_owned()],
        on_update: Action::NoAction,
        on_delete,
        on_delete_columns: Vec::new(),
        match_type: MatchType::Simple,
        deferrable: crate::schema::Deferrable::Not,
        not_valid: false,
        comment: None,
        inherited: false,
    }
}

fn check(name: Option<&str>, expression: &str) -> Check {
    Check {
        name: name.map(str::to_owned),
        expression: expression.to_owned(),
        no_inherit: false,
        not_valid: false,
        comment: None,
        inherited: false,
    }
}

/// A table of posts with one of everything.
fn posts() -> Table {
    let mut table = Table::new(ObjectName::local("posts"));
    table.columns = vec![
        column("id", "integer"),
        column("author", "integer"),
        column("title", "text"),
    ];
    table.primary_key = Some(key("posts_pkey", &["id"]));
    table.uniques = vec![key("posts_title_key", &["title"])];
    table.foreign_keys = vec![foreign_key("posts_author_fkey", Action::SetNull)];
    table.checks = vec![check(Some("title_given"), "title <> ''")];
    table.exclusions = vec![Exclusion {
        name: "no_overlap".to_owned(),
        definition: "EXCLUDE USING gist (id WITH =)".to_owned(),
        comment: None,
    }];
    table.indexes = vec![index("ix_author", &["author"])];
    table
}

fn base() -> Schema {
    let mut schema = Schema::empty(Dialect::Postgres);
    schema.name = Some("app".to_owned());
    schema.schemas = vec!["app".to_owned()];
    schema.tables = vec![posts()];
    schema.enums = vec![Enum {
        name: ObjectName::local("mood"),
        labels: vec!["ok".to_owned(), "sad".to_owned()],
        comment: None,
    }];
    schema.domains = vec![Domain {
        name: ObjectName::local("email"),
        data_type: "text".to_owned(),
        nullable: true,
        default: None,
        collation: None,
        checks: vec![check(None, "VALUE ~ '@'")],
        comment: None,
    }];
    schema.sequences = vec![Sequence {
        name: ObjectName::local("numbers"),
        data_type: "bigint".to_owned(),
        start: 1,
        increment: 1,
        minimum: 1,
        maximum: i64::MAX,
        cache: 1,
        cycle: false,
        owned_by: None,
        comment: None,
    }];
    schema
}

/// The findings of the base against a changed copy of it, as `code object`.
fn findings(change: impl FnOnce(&mut Schema)) -> Vec<String> {
    let mut changed = base();
    change(&mut changed);
    changed.sort();
    let mut expected = base();
    expected.sort();
    compare(&expected, &changed)
        .iter()
        .map(|finding| format!("{} {}", finding.code, finding.object))
        .collect()
}

type Change = Box<dyn Fn(&mut Schema)>;

fn post(change: impl Fn(&mut Table) + 'static) -> Change {
    Box::new(move |schema| change(&mut schema.tables[0]))
}

/// A change for each code, with where the finding is.
fn changes() -> Vec<(Code, &'static str, Change)> {
    use Code::*;
    let mut all: Vec<(Code, &'static str, Change)> = vec![
        (SchemaMissing, "app", Box::new(|s| s.schemas.clear())),
        (
            SchemaUnexpected,
            "b",
            Box::new(|s| s.schemas.push("b".to_owned())),
        ),
        (TableMissing, "app.posts", Box::new(|s| s.tables.clear())),
        (
            TableUnexpected,
            "app.more",
            Box::new(|s| s.tables.push(Table::new(ObjectName::local("more")))),
        ),
        (EnumMissing, "app.mood", Box::new(|s| s.enums.clear())),
        (
            EnumUnexpected,
            "app.other",
            Box::new(|s| {
                let mut other = s.enums[0].clone();
                other.name = ObjectName::local("other");
                s.enums.push(other);
            }),
        ),
        (
            EnumChanged,
            "app.mood",
            Box::new(|s| s.enums[0].labels.reverse()),
        ),
        (DomainMissing, "app.email", Box::new(|s| s.domains.clear())),
        (
            DomainUnexpected,
            "app.other",
            Box::new(|s| {
                let mut other = s.domains[0].clone();
                other.name = ObjectName::local("other");
                s.domains.push(other);
            }),
        ),
        (
            DomainChanged,
            "app.email",
            Box::new(|s| s.domains[0].checks.clear()),
        ),
        (
            SequenceMissing,
            "app.numbers",
            Box::new(|s| s.sequences.clear()),
        ),
        (
            SequenceUnexpected,
            "app.other",
            Box::new(|s| {
                let mut other = s.sequences[0].clone();
                other.name = ObjectName::local("other");
                s.sequences.push(other);
            }),
        ),
        (
            SequenceChanged,
            "app.numbers",
            Box::new(|s| s.sequences[0].increment = 2),
        ),
    ];
    all.extend(table_changes());
    all.extend(member_changes());
    all.extend(check_and_index_changes());
    all
}

fn table_changes() -> Vec<(Code, &'static str, Change)> {
    use Code::*;
    vec![
        (
            ColumnMissing,
            "app.posts.title",
            post(|t| drop(t.columns.remove(2))),
        ),
        (
            ColumnUnexpected,
            "app.posts.more",
            post(|t| t.columns.push(column("more", "text"))),
        ),
        (
            TypeChanged,
            "app.posts.id",
            post(|t| t.columns[0].data_type = "bigint".to_owned()),
        ),
        (
            CollationChanged,
            "app.posts.title",
            post(|t| t.columns[2].collation = Some("\"C\"".to_owned())),
        ),
        (
            NullabilityChanged,
            "app.posts.id",
            post(|t| t.columns[0].nullable = false),
        ),
        (
            DefaultChanged,
            "app.posts.id",
            post(|t| t.columns[0].default = Some("1".to_owned())),
        ),
        (
            GeneratedChanged,
            "app.posts.id",
            post(|t| {
                t.columns[0].generated = Some(Generated {
                    expression: "1".to_owned(),
                    stored: true,
                });
            }),
        ),
        (
            IdentityChanged,
            "app.posts.id",
            post(|t| t.columns[0].identity = Some(Identity::Always)),
        ),
        (
            ColumnOrderChanged,
            "app.posts",
            post(|t| t.columns.reverse()),
        ),
        (
            PartitionChanged,
            "app.posts",
            post(|t| {
                t.partition_of = Some(PartitionOf {
                    parent: ObjectName::local("all"),
                    bound: "DEFAULT".to_owned(),
                });
            }),
        ),
        (PersistenceChanged, "app.posts", post(|t| t.unlogged = true)),
        (
            OptionChanged,
            "app.posts",
            post(|t| t.options.push("fillfactor=70".to_owned())),
        ),
        (
            CommentChanged,
            "app.posts",
            post(|t| t.comment = Some("x".to_owned())),
        ),
    ]
}

fn member_changes() -> Vec<(Code, &'static str, Change)> {
    use Code::*;
    vec![
        (
            PrimaryKeyMissing,
            "app.posts.posts_pkey",
            post(|t| t.primary_key = None),
        ),
        (
            PrimaryKeyChanged,
            "app.posts.posts_pkey",
            post(|t| t.primary_key = Some(key("posts_pkey", &["author"]))),
        ),
        (
            UniqueMissing,
            "app.posts.posts_title_key",
            post(|t| t.uniques.clear()),
        ),
        (
            UniqueUnexpected,
            "app.posts.more",
            post(|t| t.uniques.push(key("more", &["author", "title"]))),
        ),
        (
            UniqueChanged,
            "app.posts.posts_title_key",
            post(|t| t.uniques[0].nulls_not_distinct = true),
        ),
        (
            ForeignKeyMissing,
            "app.posts.posts_author_fkey",
            post(|t| t.foreign_keys.clear()),
        ),
        (
            ForeignKeyUnexpected,
            "app.posts.second",
            post(|t| t.foreign_keys.push(foreign_key("second", Action::NoAction))),
        ),
        (
            ForeignKeyChanged,
            "app.posts.posts_author_fkey",
            post(|t| t.foreign_keys[0].on_delete = Action::Cascade),
        ),
    ]
}

fn check_and_index_changes() -> Vec<(Code, &'static str, Change)> {
    use Code::*;
    vec![
        (
            CheckMissing,
            "app.posts.title_given",
            post(|t| t.checks.clear()),
        ),
        (
            CheckUnexpected,
            "app.posts.id > 0",
            post(|t| t.checks.push(check(None, "id > 0"))),
        ),
        (
            CheckChanged,
            "app.posts.title_given",
            post(|t| t.checks[0].not_valid = true),
        ),
        (
            ExclusionMissing,
            "app.posts.no_overlap",
            post(|t| t.exclusions.clear()),
        ),
        (
            ExclusionUnexpected,
            "app.posts.more",
            post(|t| {
                let mut more = t.exclusions[0].clone();
                more.name = "more".to_owned();
                t.exclusions.push(more);
            }),
        ),
        (
            ExclusionChanged,
            "app.posts.no_overlap",
            post(|t| t.exclusions[0].definition = "EXCLUDE (id WITH =)".to_owned()),
        ),
        (
            IndexMissing,
            "app.posts.ix_author",
            post(|t| t.indexes.clear()),
        ),
        (
            IndexUnexpected,
            "app.posts.more",
            post(|t| t.indexes.push(index("more", &["title"]))),
        ),
        (
            IndexChanged,
            "app.posts.ix_author",
            post(|t| t.indexes[0].unique = true),
        ),
        (
            IndexInvalid,
            "app.posts.ix_author",
            post(|t| t.indexes[0].invalid = true),
        ),
        (
            NameChanged,
            "app.posts.ix_author",
            post(|t| t.indexes[0].name = "renamed".to_owned()),
        ),
    ]
}

#[test]
fn every_change_is_found_where_it_is_and_nothing_else_is() {
    for (code, object, change) in changes() {
        assert_eq!(findings(change), [format!("{code} {object}")]);
    }
}

#[test]
fn a_primary_key_that_should_not_be_there_is_found() {
    let mut without = base();
    without.tables[0].primary_key = None;
    let found = compare(&without, &base());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::PrimaryKeyUnexpected);
}

#[test]
fn each_code_of_a_comparison_has_its_change() {
    let mut tested: BTreeSet<Code> = changes().iter().map(|(code, ..)| *code).collect();
    tested.insert(Code::PrimaryKeyUnexpected);
    let all = Code::ALL.iter().copied();
    let of_comparison: BTreeSet<Code> = all
        .filter(|code| code.category() != Category::History)
        .collect();
    assert_eq!(tested, of_comparison);
}

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
