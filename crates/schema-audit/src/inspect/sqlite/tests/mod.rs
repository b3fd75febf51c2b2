mod expressions;
mod facts;
mod files;
mod oddities;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

use crate::schema::{Schema, Table};

/// A database in memory with this schema.
async fn open(sql: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1);
    let db = Database::connect(options).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db
}

async fn schema(sql: &str) -> Schema {
    super::read(&open(sql).await).await.unwrap()
}

/// The first table of this schema.
async fn table(sql: &str) -> Table {
    schema(sql).await.tables.remove(0)
}

async fn assert_same(a: &str, b: &str) {
    let (left, right) = (schema(a).await, schema(b).await);
    let json = |schema: &Schema| serde_json::to_string_pretty(schema).unwrap();
    assert_eq!(json(&left), json(&right), "{a}\n{b}");
}
