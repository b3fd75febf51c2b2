//! Six tables as a migrated database has them, and their entities.

use super::models::{companies, labels, people, projects, task_labels, tasks};
use crate::entities::from_entities;
use crate::schema::{
    Action, Check, Column, Deferrable, Dialect, Enum, ForeignKey, Identity, Index, IndexKey, Key,
    MatchType, ObjectName, Schema, Table,
};

pub(super) fn entities(dialect: Dialect) -> Schema {
    from_entities!(
        dialect,
        [
            companies::Entity,
            people::Entity,
            projects::Entity,
            tasks::Entity,
            labels::Entity,
            task_labels::Entity,
        ]
    )
    .expect("a schema")
}

pub(super) fn catalog(dialect: Dialect) -> Schema {
    let mut schema = Schema::empty(dialect);
    schema.name = Some("app".to_owned());
    schema.tables = vec![
        companies_table(dialect),
        people_table(dialect),
        projects_table(dialect),
        tasks_table(dialect),
        labels_table(dialect),
        task_labels_table(dialect),
    ];
    if dialect == Dialect::Postgres {
        schema.enums = vec![Enum {
            name: ObjectName::local("task_state"),
            labels: vec!["open".to_owned(), "done".to_owned()],
            comment: None,
        }];
    }
    schema.sort();
    schema
}

/// The type by its name on PostgreSQL.
pub(super) fn typed(dialect: Dialect, name: &str) -> String {
    let sqlite = match name {
        "uuid" => "uuid_text",
        "json" => "json_text",
        "character varying" | "character varying(40)" => "varchar",
        "numeric(5,2)" => "real(5, 2)",
        "timestamp with time zone" => "timestamp_with_timezone_text",
        "task_state" => "enum_text",
        "date" => "date_text",
        "bigint" => "integer",
        "double precision" => "double",
        other => other,
    };
    let text = match dialect {
        Dialect::Postgres => name,
        Dialect::Sqlite => sqlite,
    };
    text.to_owned()
}

/// `name: type` and, where NULL is stored, `?` after the type.
pub(super) fn column(dialect: Dialect, name: &str, data_type: &str) -> Column {
    let bare = data_type.trim_end_matches('?');
    Column {
        name: name.to_owned(),
        data_type: typed(dialect, bare),
        nullable: bare != data_type,
        default: None,
        generated: None,
        identity: None,
        collation: None,
        comment: None,
        inherited: false,
    }
}

pub(super) fn key(name: &str, columns: &[&str]) -> Key {
    Key {
        name: Some(name.to_owned()),
        columns: columns.iter().map(ToString::to_string).collect(),
        ..Key::default()
    }
}

pub(super) fn foreign_key(table: &str, column: &str, to: &str, on_delete: Action) -> ForeignKey {
    ForeignKey {
        name: Some(format!("{table}_{column}_fkey")),
        columns: vec![column.to_owned()],
        references: ObjectName::local(to),
        referenced_columns: vec!["id".to_owned()],
        on_update: Action::NoAction,
        on_delete,
        on_delete_columns: Vec::new(),
        match_type: MatchType::Simple,
        deferrable: Deferrable::Not,
        not_valid: false,
        not_enforced: false,
        comment: None,
        inherited: false,
    }
}

pub(super) fn check(name: &str, expression: &str) -> Check {
    Check {
        name: Some(name.to_owned()),
        expression: expression.to_owned(),
        no_inherit: false,
        not_valid: false,
        comment: None,
        inherited: false,
    }
}

pub(super) fn index(name: &str, columns: &[&str]) -> Index {
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

fn table(dialect: Dialect, name: &str, columns: &[(&str, &str)]) -> Table {
    let mut table = Table::new(ObjectName::local(name));
    table.columns = columns
        .iter()
        .map(|(column_name, data_type)| column(dialect, column_name, data_type))
        .collect();
    table.primary_key = Some(key(&format!("{name}_pkey"), &["id"]));
    table
}

fn companies_table(dialect: Dialect) -> Table {
    let columns = [
        ("id", "integer"),
        ("name", "character varying(40)"),
        ("rating", "numeric(5,2)?"),
        ("created_at", "timestamp with time zone"),
    ];
    let mut table = table(dialect, "companies", &columns);
    if dialect == Dialect::Postgres {
        table.columns[0].default = Some("nextval('companies_id_seq'::regclass)".to_owned());
    }
    table.columns[3].default = Some("CURRENT_TIMESTAMP".to_owned());
    table.uniques = vec![key("companies_name_key", &["name"])];
    table.checks = vec![check("rating_range", "(rating >= (0)::numeric)")];
    table
}

fn people_table(dialect: Dialect) -> Table {
    let columns = [
        ("id", "uuid"),
        ("company_id", "integer"),
        ("email", "character varying"),
        ("nickname", "text?"),
    ];
    let mut table = table(dialect, "people", &columns);
    table.uniques = vec![key("people_company_id_email_key", &["email", "company_id"])];
    table.foreign_keys = vec![foreign_key(
        "people",
        "company_id",
        "companies",
        Action::Cascade,
    )];
    table.indexes = vec![index("ix_people_nickname", &["nickname"])];
    table
}

fn projects_table(dialect: Dialect) -> Table {
    let columns = [
        ("id", "uuid"),
        ("owner_id", "uuid?"),
        ("title", "character varying"),
        ("settings", "json?"),
    ];
    let mut table = table(dialect, "projects", &columns);
    table.foreign_keys = vec![foreign_key(
        "projects",
        "owner_id",
        "people",
        Action::SetNull,
    )];
    table.indexes = vec![index("ix_projects_owner_id", &["owner_id"])];
    table
}

fn tasks_table(dialect: Dialect) -> Table {
    let columns = [
        ("id", "uuid"),
        ("project_id", "uuid"),
        ("parent_id", "uuid?"),
        ("state", "task_state"),
        ("priority", "smallint"),
        ("due", "date?"),
    ];
    let mut table = table(dialect, "tasks", &columns);
    let zero = match dialect {
        Dialect::Postgres => "'0'::smallint",
        Dialect::Sqlite => "0",
    };
    table.columns[4].default = Some(zero.to_owned());
    table.foreign_keys = vec![
        foreign_key("tasks", "project_id", "projects", Action::Cascade),
        foreign_key("tasks", "parent_id", "tasks", Action::NoAction),
    ];
    table.checks = vec![
        check("tasks_due_check", "due > '2000-01-01'::date"),
        check("tasks_priority_check", "(priority >= 0)"),
    ];
    let mut open = index("ix_tasks_open", &["due"]);
    open.predicate = Some("(state = 'open'::task_state)".to_owned());
    table.indexes = vec![open];
    table
}

fn labels_table(dialect: Dialect) -> Table {
    let columns = [
        ("id", "bigint"),
        ("name", "character varying"),
        ("colour", "character varying?"),
    ];
    let mut table = table(dialect, "labels", &columns);
    if dialect == Dialect::Postgres {
        table.columns[0].identity = Some(Identity::Always);
    }
    table.columns[2].default = Some("'grey'".to_owned());
    // Unique by an index: to an entity the same as by a constraint.
    let mut names = index("ux_labels_name", &["name"]);
    names.unique = true;
    table.indexes = vec![names];
    table
}

fn task_labels_table(dialect: Dialect) -> Table {
    let columns = [("task_id", "uuid"), ("label_id", "bigint")];
    let mut table = table(dialect, "task_labels", &columns);
    table.primary_key = Some(key("task_labels_pkey", &["task_id", "label_id"]));
    table.foreign_keys = vec![
        foreign_key("task_labels", "task_id", "tasks", Action::Cascade),
        foreign_key("task_labels", "label_id", "labels", Action::Cascade),
    ];
    table
}

/// The table of a schema, to change it.
pub(super) fn of<'a>(schema: &'a mut Schema, name: &str) -> &'a mut Table {
    let mut tables = schema.tables.iter_mut();
    tables
        .find(|table| table.name.name == name)
        .expect("a table of the base schema")
}

/// The column of a table, to change it.
pub(super) fn at<'a>(schema: &'a mut Schema, table: &str, column: &str) -> &'a mut Column {
    let mut columns = of(schema, table).columns.iter_mut();
    columns
        .find(|found| found.name == column)
        .expect("a column of the base schema")
}
