//! Plans of repairs. What they are run on is in the tests of the workspace.

mod columns;
mod left_out;
mod members;
mod plans;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Dependent, Destructive, Hazard, Options, Plan, label, repair},
    planner::Planner,
};
use crate::{
    compare::compare,
    schema::{
        Action, Column, Dialect, Enum, ForeignKey, Identity, Index, IndexKey, Key, ObjectName,
        OwnedBy, Schema, Sequence, Table,
    },
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

fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        columns,
        ..Table::new(ObjectName::local(name))
    }
}

fn schema(tables: Vec<Table>) -> Schema {
    let mut schema = Schema {
        name: Some("public".to_owned()),
        tables,
        ..Schema::empty(Dialect::Postgres)
    };
    schema.sort();
    schema
}

fn plan_with(expected: &Schema, actual: &Schema, options: &Options) -> Plan {
    repair(expected, actual, &compare(expected, actual), options)
}

fn plan(expected: &Schema, actual: &Schema) -> Plan {
    plan_with(expected, actual, &Options::default())
}

fn sql(plan: &Plan) -> Vec<&str> {
    plan.statements.iter().map(|s| s.sql.as_str()).collect()
}

fn key(name: &str, columns: &[&str]) -> Key {
    Key {
        name: Some(name.to_owned()),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        ..Key::default()
    }
}

fn foreign_key(name: &str, column: &str, to: &str, on_delete: Action) -> ForeignKey {
    ForeignKey {
        name: Some(name.to_owned()),
        columns: vec![column.to_owned()],
        references: ObjectName::local(to),
        referenced_columns: vec!["id".to_owned()],
        on_update: Action::NoAction,
        on_delete,
        on_delete_columns: Vec::new(),
        match_type: crate::schema::MatchType::Simple,
        deferrable: crate::schema::Deferrable::Not,
        not_valid: false,
        not_enforced: false,
        comment: None,
        inherited: false,
    }
}

fn index(name: &str, column: &str, unique: bool) -> Index {
    Index {
        name: name.to_owned(),
        method: "btree".to_owned(),
        unique,
        nulls_not_distinct: false,
        keys: vec![IndexKey {
            expression: column.to_owned(),
            is_column: true,
            descending: false,
            nulls_first: None,
            operator_class: None,
            collation: None,
        }],
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

fn mood(labels: &[&str]) -> Enum {
    Enum {
        name: ObjectName::local("mood"),
        labels: labels.iter().map(|l| (*l).to_owned()).collect(),
        comment: None,
    }
}
