//! The migrated schema is what the entities say.

use std::collections::BTreeMap;

use outreach_tests::{TestDb, matrix_tests};
use sea_orm::sea_query::ColumnType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, IdenStatic, Iterable, PrimaryKeyToColumn, Statement,
};

matrix_tests! {
    f03_each_table_of_the_database_has_an_entity,
    f16_each_column_has_the_type_and_nullability_that_the_entity_says,
    f04_each_key_and_unique_column_is_what_the_entity_says,
}

/// Type and "not null", by table and column.
type Columns = BTreeMap<(String, String), (String, bool)>;

const POSTGRES_COLUMNS: &str = "select c.relname::text, a.attname::text, \
     format_type(a.atttypid, a.atttypmod), a.attnotnull::int::text from pg_class c \
     join pg_attribute a on a.attrelid = c.oid where c.relnamespace = 'public'::regnamespace \
     and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped";
const SQLITE_COLUMNS: &str = "select m.name, c.name, lower(c.type), max(c.\"notnull\", c.pk > 0) \
     from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table' group by 1, 2";

const LEDGER: &str = "seaql_migrations";

async fn live_columns(db: &TestDb) -> anyhow::Result<Columns> {
    let sql = match db.backend() {
        DbBackend::Sqlite => SQLITE_COLUMNS,
        _ => POSTGRES_COLUMNS,
    };
    let columns = db.sql(sql).await?.into_iter().map(|row| {
        let [table, column, kind, not_null] = <[_; 4]>::try_from(row)
            .expect("four columns were asked for")
            .map(Option::unwrap_or_default);
        ((table, column), (kind, not_null == "1"))
    });
    Ok(columns.filter(|((table, _), _)| table != LEDGER).collect())
}

/// Does something for each entity of the crate.
macro_rules! for_each_entity {
    ($function:ident($argument:expr)) => {{
        $function::<outreach_entity::database_properties::Entity>($argument);
        $function::<outreach_entity::discovery_queries::Entity>($argument);
        $function::<outreach_entity::email_logs::Entity>($argument);
        $function::<outreach_entity::job_runs::Entity>($argument);
        $function::<outreach_entity::jobs::Entity>($argument);
        $function::<outreach_entity::merged_rows::Entity>($argument);
        $function::<outreach_entity::prospects::Entity>($argument);
        $function::<outreach_entity::revision_checksums::Entity>($argument);
        $function::<outreach_entity::settings::Entity>($argument);
    }};
}

/// What the database calls the type.
fn type_name(kind: &ColumnType, backend: DbBackend) -> String {
    let (postgres, sqlite) = match kind {
        ColumnType::Uuid => ("uuid", "uuid_text"),
        ColumnType::String(_) => ("character varying", "varchar"),
        ColumnType::Text => ("text", "text"),
        ColumnType::Integer => ("integer", "integer"),
        ColumnType::SmallInteger => ("smallint", "smallint"),
        ColumnType::Json => ("json", "json_text"),
        ColumnType::TimestampWithTimeZone => {
            ("timestamp with time zone", "timestamp_with_timezone_text")
        }
        ColumnType::Decimal(Some((5, 2))) => ("numeric(5,2)", "real(5, 2)"),
        other => panic!("no entity has had the type {other:?}"),
    };
    match backend {
        DbBackend::Sqlite => sqlite,
        _ => postgres,
    }
    .to_owned()
}

async fn f03_each_table_of_the_database_has_an_entity(db: TestDb) -> anyhow::Result<()> {
    let mut live: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column) in live_columns(&db).await?.into_keys() {
        live.entry(table).or_default().push(column);
    }
    let entities: BTreeMap<String, Vec<String>> = outreach_entity::tables()
        .into_iter()
        .map(|table| {
            let mut columns: Vec<String> = table.columns.iter().map(ToString::to_string).collect();
            columns.sort();
            (table.name.to_owned(), columns)
        })
        .collect();
    assert_eq!(entities, live);
    Ok(())
}

async fn f16_each_column_has_the_type_and_nullability_that_the_entity_says(
    db: TestDb,
) -> anyhow::Result<()> {
    fn collect<E: sea_orm::EntityTrait>((backend, columns): (DbBackend, &mut Columns)) {
        for column in E::Column::iter() {
            let definition = column.def();
            let table = E::default().table_name().to_owned();
            let kind = type_name(definition.get_column_type(), backend);
            columns.insert(
                (table, column.as_str().to_owned()),
                (kind, !definition.is_null()),
            );
        }
    }
    let mut said = Columns::new();
    for_each_entity!(collect((db.backend(), &mut said)));
    assert_eq!(said, live_columns(&db).await?);
    Ok(())
}

/// The primary keys, and what is unique by one column.
async fn f04_each_key_and_unique_column_is_what_the_entity_says(db: TestDb) -> anyhow::Result<()> {
    const POSTGRES: &str = "select c.relname || '.' || a.attname || case when i.indisprimary \
         then ' key' else ' unique' end from pg_index i join pg_class c on c.oid = i.indrelid \
         join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0] \
         where c.relnamespace = 'public'::regnamespace and i.indisunique and i.indnkeyatts = 1";
    const SQLITE: &str = "select m.name || '.' || c.name || case when i.origin = 'pk' \
         then ' key' else ' unique' end from sqlite_master m, pragma_index_list(m.name) i, \
         pragma_index_info(i.name) c where m.type = 'table' and i.\"unique\" \
         and (select count(*) from pragma_index_info(i.name)) = 1";
    fn collect<E: sea_orm::EntityTrait>(said: &mut Vec<String>) {
        let table = E::default().table_name().to_owned();
        for key in E::PrimaryKey::iter() {
            said.push(format!("{table}.{} key", key.into_column().as_str()));
        }
        for column in E::Column::iter().filter(|column| column.def().is_unique()) {
            said.push(format!("{table}.{} unique", column.as_str()));
        }
    }
    let mut said = Vec::new();
    for_each_entity!(collect(&mut said));
    said.sort();
    let sql = match db.backend() {
        DbBackend::Sqlite => SQLITE,
        _ => POSTGRES,
    };
    let mut live: Vec<String> = db
        .sql(sql)
        .await?
        .into_iter()
        .filter_map(|mut row| row.remove(0))
        .filter(|key| !key.starts_with(LEDGER))
        .collect();
    live.sort();
    assert_eq!(said, live);
    Ok(())
}

/// Times on SQLite are texts. A default that wrote another form than the driver
/// binds would sort wrongly against bound times.
#[tokio::test]
async fn the_defaults_of_sqlite_write_times_in_the_form_that_the_driver_binds() {
    let db = TestDb::sqlite().await.unwrap();
    let default = db
        .value("SELECT dflt_value FROM pragma_table_info('jobs') WHERE name = 'created_at'")
        .await
        .unwrap()
        .unwrap();
    let pool = db.connect_plain().await.unwrap();
    for time in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.120Z"] {
        let written = default.replace("'now'", &format!("'{time}'"));
        assert_ne!(written, default, "the default does not use 'now'");
        let time: chrono::DateTime<chrono::Utc> = time.parse().unwrap();
        let row = pool
            .query_one_raw(Statement::from_sql_and_values(
                DbBackend::Sqlite,
                format!("SELECT {written} AS written, $1 AS bound"),
                [time.into()],
            ))
            .await
            .unwrap()
            .unwrap();
        let written: String = row.try_get("", "written").unwrap();
        let bound: String = row.try_get("", "bound").unwrap();
        assert_eq!(written, bound);
    }
}
