//! Every code that a comparison can give is given by something here.

use std::collections::BTreeSet;

use super::*;
use crate::schema::{Generated, Identity, PartitionOf};

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
        (
            ForeignKeyChanged,
            "app.posts.posts_author_fkey",
            post(|t| t.foreign_keys[0].not_enforced = true),
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
