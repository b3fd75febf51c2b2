use super::models::{device, expanded_part, gadget, only_postgres, part, rival};
use crate::entities::{Entities, EntitiesError};
use crate::schema::{
    Action, Column, Dialect, ForeignKey, Identity, ObjectName, Schema, Source, Table,
};

fn schema(dialect: Dialect) -> Schema {
    from_entities!(dialect, [gadget::Entity, part::Entity, device::Entity]).expect("a schema")
}

fn table(dialect: Dialect, name: &str) -> Table {
    let schema = schema(dialect);
    let found = schema.tables.iter().find(|table| table.name.name == name);
    found.expect("the table").clone()
}

fn column(dialect: Dialect, name: &str) -> Column {
    table(dialect, "gadgets")
        .column(name)
        .expect("the column")
        .clone()
}

fn types(dialect: Dialect) -> Vec<(String, String)> {
    table(dialect, "gadgets")
        .columns
        .into_iter()
        .map(|column| (column.name, column.data_type))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(name, data_type)| ((*name).to_owned(), (*data_type).to_owned()))
        .collect()
}

#[test]
fn columns_have_the_types_of_postgresqls_catalog() {
    let expected = [
        ("id", "integer"),
        ("serial", "character varying"),
        ("labelText", "character varying(40)"),
        ("state", "gadget_state"),
        ("colour", "character varying"),
        ("price", "numeric(5,2)"),
        ("shelf", "smallint"),
        ("slot", "bigint"),
        ("note", "character varying"),
        ("tries", "integer"),
        ("seen_at", "timestamp with time zone"),
        ("weight", "double precision"),
        ("data", "jsonb"),
        ("token", "uuid"),
        ("amount", "integer"),
        ("email", "citext"),
    ];
    assert_eq!(types(Dialect::Postgres), pairs(&expected));
}

#[test]
fn columns_have_the_types_that_seaorm_declares_on_sqlite() {
    let expected = [
        ("id", "integer"),
        ("serial", "varchar"),
        ("labelText", "varchar(40)"),
        ("state", "enum_text"),
        ("colour", "varchar"),
        ("price", "real(5, 2)"),
        ("shelf", "smallint"),
        ("slot", "integer"),
        ("note", "varchar"),
        ("tries", "integer"),
        ("seen_at", "timestamp_with_timezone_text"),
        ("weight", "double"),
        ("data", "jsonb_text"),
        ("token", "uuid_text"),
        ("amount", "integer"),
        ("email", "citext"),
    ];
    assert_eq!(types(Dialect::Sqlite), pairs(&expected));
}

#[test]
fn an_option_may_be_null_and_nothing_else() {
    let nullable: Vec<String> = table(Dialect::Postgres, "gadgets")
        .columns
        .into_iter()
        .filter(|column| column.nullable)
        .map(|column| column.name)
        .collect();
    assert_eq!(nullable, ["labelText", "colour"]);
}

#[test]
fn only_an_enumerated_type_of_the_database_is_one() {
    let schema = schema(Dialect::Postgres);
    let names: Vec<String> = schema
        .enums
        .iter()
        .map(|found| found.name.to_string())
        .collect();
    assert_eq!(names, ["gadget_state"]);
    assert_eq!(schema.enums[0].labels, ["new", "in use"]);
    assert!(self::schema(Dialect::Sqlite).enums.is_empty());
}

#[test]
fn what_is_written_on_a_column_is_stated_and_the_rest_is_not() {
    let of = |name: &str| column(Dialect::Postgres, name).default;
    assert_eq!(of("note").as_deref(), Some("'none'"));
    assert_eq!(of("tries").as_deref(), Some("3"));
    assert_eq!(of("seen_at").as_deref(), Some("CURRENT_TIMESTAMP"));
    assert_eq!(of("serial"), None);
    assert_eq!(
        column(Dialect::Postgres, "weight").comment.as_deref(),
        Some("grams")
    );
    assert_eq!(column(Dialect::Postgres, "note").comment, None);
}

#[test]
fn a_database_without_comments_is_not_asked_for_one() {
    assert_eq!(
        table(Dialect::Postgres, "gadgets").comment.as_deref(),
        Some("things")
    );
    assert_eq!(table(Dialect::Sqlite, "gadgets").comment, None);
    assert_eq!(column(Dialect::Sqlite, "weight").comment, None);
}

#[test]
fn unique_columns_and_unique_keys_are_constraints_without_a_name() {
    let uniques: Vec<(Option<String>, Vec<String>)> = table(Dialect::Postgres, "gadgets")
        .uniques
        .into_iter()
        .map(|key| (key.name, key.columns))
        .collect();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        uniques,
        [
            (None, owned(&["serial"])),
            (None, owned(&["shelf", "slot"]))
        ]
    );
}

#[test]
fn an_indexed_column_has_an_index() {
    let indexes = table(Dialect::Sqlite, "gadgets").indexes;
    assert_eq!(indexes.len(), 1);
    assert_eq!(indexes[0].keys[0].expression, "labelText");
    assert!(!indexes[0].unique);
}

#[test]
fn a_check_in_extra_is_a_check() {
    let checks = table(Dialect::Postgres, "gadgets").checks;
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0].expression, "amount > 0");
}

#[test]
fn an_automatic_key_is_an_identity_on_postgresql_and_autoincrement_on_sqlite() {
    let id = column(Dialect::Postgres, "id");
    assert_eq!((id.identity, id.default), (Some(Identity::ByDefault), None));
    let key = table(Dialect::Postgres, "gadgets")
        .primary_key
        .expect("a key");
    assert_eq!(
        (key.columns, key.autoincrement),
        (vec!["id".to_owned()], false)
    );
    let key = table(Dialect::Sqlite, "gadgets")
        .primary_key
        .expect("a key");
    assert!(key.autoincrement);
    assert_eq!(column(Dialect::Sqlite, "id").identity, None);
}

#[test]
fn a_key_of_several_columns_is_not_automatic() {
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let key = table(dialect, "parts").primary_key.expect("a key");
        assert_eq!(key.columns, ["gadget_id", "number"]);
        assert!(!key.autoincrement);
    }
    assert_eq!(table(Dialect::Postgres, "parts").columns[0].identity, None);
}

fn only_key(table: Table) -> ForeignKey {
    let [key] = <[ForeignKey; 1]>::try_from(table.foreign_keys).expect("one foreign key");
    key
}

#[test]
fn belongs_to_is_a_foreign_key_and_has_many_is_none() {
    let key = only_key(table(Dialect::Postgres, "parts"));
    assert_eq!(key.name, None);
    assert_eq!(key.columns, ["gadget_id"]);
    assert_eq!(key.references, ObjectName::qualified("plant", "devices"));
    assert_eq!(key.referenced_columns, ["id"]);
    assert_eq!(
        (key.on_update, key.on_delete),
        (Action::Cascade, Action::Restrict)
    );
}

#[test]
fn a_table_may_point_to_itself() {
    let key = only_key(table(Dialect::Postgres, "devices"));
    assert_eq!(key.columns, ["parent_id"]);
    assert_eq!(key.references, ObjectName::qualified("plant", "devices"));
    assert_eq!(
        (key.on_update, key.on_delete),
        (Action::NoAction, Action::SetNull)
    );
}

#[test]
fn dense_and_expanded_entities_say_the_same() {
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let dense = from_entities!(dialect, [part::Entity]);
        assert_eq!(dense, from_entities!(dialect, [expanded_part::Entity]));
    }
}

#[test]
fn the_order_in_which_entities_are_given_does_not_matter() {
    let other = from_entities!(
        Dialect::Postgres,
        [device::Entity, gadget::Entity, part::Entity]
    );
    assert_eq!(other.as_ref(), Ok(&schema(Dialect::Postgres)));
}

fn names(schema: &Schema) -> Vec<String> {
    schema
        .tables
        .iter()
        .map(|table| table.name.to_string())
        .collect()
}

#[test]
fn the_audited_schema_is_not_part_of_a_name() {
    assert_eq!(
        names(&schema(Dialect::Postgres)),
        ["gadgets", "parts", "plant.devices"]
    );
    let plant = Entities::new(Dialect::Postgres)
        .in_schema("plant")
        .with(device::Entity)
        .build()
        .expect("a schema");
    assert_eq!(names(&plant), ["devices"]);
    assert_eq!(plant.name.as_deref(), Some("plant"));
    assert_eq!(plant.source, Source::Entities);
}

#[test]
fn every_name_carries_its_schema_where_that_is_asked_for() {
    let all = Entities::new(Dialect::Postgres)
        .qualified()
        .with(gadget::Entity)
        .with(device::Entity)
        .build()
        .expect("a schema");
    assert_eq!(names(&all), ["plant.devices", "public.gadgets"]);
    assert_eq!(all.schemas, ["plant", "public"]);
    assert_eq!(all.name, None);
}

#[test]
fn an_array_is_named_by_its_element_and_not_available_on_sqlite() {
    let schema = from_entities!(Dialect::Postgres, [only_postgres::Entity]).expect("a schema");
    assert_eq!(schema.tables[0].columns[1].data_type, "text[]");
    let error = from_entities!(Dialect::Sqlite, [only_postgres::Entity]).expect_err("no array");
    assert_eq!(
        error.to_string(),
        "`only_postgres.tags` is of a type that SQLite does not have: leave the entity out, or \
         give the column another `column_type`"
    );
}

#[test]
fn two_entities_of_one_table_are_refused() {
    let error = from_entities!(Dialect::Postgres, [part::Entity, expanded_part::Entity]);
    let table = "parts".to_owned();
    assert_eq!(error, Err(EntitiesError::TableTwice { table }));
}

#[test]
fn one_enumerated_type_with_two_lists_of_values_is_refused() {
    let error = from_entities!(Dialect::Postgres, [gadget::Entity, rival::Entity]);
    let text = error.expect_err("two lists").to_string();
    assert!(
        text.contains("`gadget_state`: (new, in use) and (old)"),
        "{text}"
    );
}
