//! Comparisons of made-up schemas.

mod changes;
mod entities;
mod expressions;
mod letter_case;
mod meaning;

use super::*;
use crate::schema::{
    Action, Check, Column, Dialect, Domain, Enum, Exclusion, ForeignKey, Index, IndexKey, Key,
    MatchType, Sequence, Table,
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
        not_enforced: false,
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
