//! Entities held against a database that `SeaORM` made of them.

use sea_orm::sea_query::SqliteQueryBuilder;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, EntityTrait};

use super::models::{gadget, invoice, node};
use crate::compare::{Finding, compare};
use crate::entities::Entities;
use crate::inspect::{Scope, inspect};
use crate::schema::Dialect;

fn statements<E: EntityTrait>(entity: E) -> String {
    let helper = sea_orm::Schema::new(sea_orm::DbBackend::Sqlite);
    let table = helper.create_table_from_entity(entity);
    let mut all = vec![table.to_string(SqliteQueryBuilder)];
    for index in helper.create_index_from_entity(entity) {
        all.push(index.to_string(SqliteQueryBuilder));
    }
    all.join(";\n") + ";\n"
}

async fn findings(change: impl Fn(String) -> String) -> Vec<Finding> {
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1);
    let db = Database::connect(options).await.expect("a database");
    let sql = statements(gadget::Entity) + &statements(node::Entity) + &statements(invoice::Entity);
    db.execute_unprepared(&change(sql)).await.expect("tables");
    let live = inspect(&db, &Scope::Current).await.expect("a schema");
    let entities = Entities::new(Dialect::Sqlite)
        .with(gadget::Entity)
        .with(node::Entity)
        .with(invoice::Entity)
        .build()
        .expect("a schema");
    compare(&entities, &live)
}

#[tokio::test]
async fn a_database_that_seaorm_made_of_entities_has_no_drift() {
    assert_eq!(findings(|sql| sql).await, []);
}

#[tokio::test]
async fn a_hand_written_equivalent_has_no_drift() {
    let by_hand = |sql: String| {
        sql.replace(
            "\"id\" integer NOT NULL PRIMARY KEY AUTOINCREMENT",
            "\"id\" INTEGER PRIMARY KEY",
        )
        .replace("\"slot\" integer", "\"slot\" BIGINT")
        .replace("\"note\" varchar", "\"note\" TEXT")
    };
    assert_eq!(findings(by_hand).await, []);
}

#[tokio::test]
async fn what_is_otherwise_is_found() {
    let other = |sql: String| {
        sql.replace(
            "\"tries\" integer NOT NULL DEFAULT 3",
            "\"tries\" boolean DEFAULT 4",
        )
        .replace("CHECK (amount > 0)", "")
    };
    let found: Vec<String> = findings(other)
        .await
        .iter()
        .map(|finding| format!("{} {}", finding.code, finding.object))
        .collect();
    assert_eq!(
        found,
        [
            "check-missing main.gadgets.amount > 0",
            "type-changed main.gadgets.tries",
            "nullability-changed main.gadgets.tries",
            "default-changed main.gadgets.tries",
        ]
    );
}
