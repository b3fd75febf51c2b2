mod rebuild;
mod shapes;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

use super::apply;
use crate::{
    compare::{Finding, Severity, compare},
    inspect::{Scope, inspect},
    repair::{Destructive, Options, Plan, repair},
    schema::Schema,
};

/// A database in memory with this schema.
async fn open(sql: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db
}

async fn schema(db: &DatabaseConnection) -> Schema {
    inspect(db, &Scope::Current).await.unwrap()
}

/// What matters of the differences.
fn differences(expected: &Schema, actual: &Schema) -> Vec<Finding> {
    let mut findings = compare(expected, actual);
    findings.retain(|finding| finding.severity != Severity::Info);
    findings
}

fn named(label: &str) -> Options {
    Options {
        destructive: Destructive::Named([label.to_owned()].into()),
        ..Options::default()
    }
}

fn all() -> Options {
    Options {
        destructive: Destructive::All,
        ..Options::default()
    }
}

async fn planned(db: &DatabaseConnection, expected: &str, options: &Options) -> (Schema, Plan) {
    let expected = schema(&open(expected).await).await;
    let actual = schema(db).await;
    let findings = compare(&expected, &actual);
    let plan = repair(&expected, &actual, &findings, options);
    (expected, plan)
}

fn sql(plan: &Plan) -> String {
    let lines = plan.statements.iter().map(|statement| {
        let left_out = if statement.left_out { "-- " } else { "" };
        format!("{left_out}{};", statement.sql)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Repairs the database and says what is left.
async fn repaired(db: &DatabaseConnection, expected: &str, options: &Options) -> Vec<Finding> {
    let (expected, plan) = planned(db, expected, options).await;
    apply(db, &plan)
        .await
        .unwrap_or_else(|error| panic!("{error:?}\n{}", sql(&plan)));
    differences(&expected, &schema(db).await)
}

async fn rows(db: &DatabaseConnection, query: &str) -> Vec<String> {
    let statement = Statement::from_string(db.get_database_backend(), query);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| {
            row.try_get_by_index::<Option<String>>(0)
                .unwrap()
                .unwrap_or_default()
        })
        .collect()
}
