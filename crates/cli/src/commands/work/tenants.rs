//! The schemas that a worker works for: one, those that were named, or all that
//! have outreach's tables. They share a pool.

use outreach_migration::run;
use outreach_service::connect::{self, DatabaseOptions, Tenant};
use sea_orm_migration::sea_orm::DatabaseConnection;

use crate::{args::Connection, commands::migrate, exit::Error, output};

/// Connects, and makes sure that each schema is ready for this build.
///
/// One that was named and is not ready is refused; of all schemas, those that
/// are not ready are named and left out, as long as there is another one.
pub(super) async fn connect(
    connection: &Connection,
    all_schemas: bool,
    connections: u32,
) -> Result<Vec<Tenant>, Error> {
    let schemas = connection.schemas();
    let options = connection.options_of_pool()?.max_connections(connections);
    if options.is_sqlite() {
        let asked = match (all_schemas, schemas.len()) {
            (true, _) => "--all-schemas",
            (false, 2..) => "more than one --schema",
            (false, _) => "",
        };
        if !asked.is_empty() {
            return Err(Error::refused_because(format!(
                "{asked} is for PostgreSQL: an SQLite file has one schema"
            )));
        }
    }
    if !all_schemas && schemas.len() < 2 {
        let options = match schemas.first() {
            Some(schema) => options.schema(*schema),
            None => options,
        };
        return Ok(vec![connect::connect_tenant(&options).await?]);
    }
    let pool = connect::open(&options).await?;
    let tenants = if all_schemas {
        all(&options, &pool).await
    } else {
        named(&options, &pool, &schemas).await
    };
    if tenants.is_err() {
        let _ = migrate::close(pool).await;
    }
    tenants
}

async fn named(
    options: &DatabaseOptions,
    pool: &DatabaseConnection,
    schemas: &[&str],
) -> Result<Vec<Tenant>, Error> {
    let mut tenants = Vec::with_capacity(schemas.len());
    for schema in schemas {
        let tenant = connect::connect_schema(options, pool, schema).await;
        tenants.push(tenant.map_err(|error| in_schema(schema, error.into()))?);
    }
    Ok(tenants)
}

async fn all(options: &DatabaseOptions, pool: &DatabaseConnection) -> Result<Vec<Tenant>, Error> {
    let schemas = run::managed_schemas(&options.tenant(pool.clone()))
        .await
        .map_err(Error::failed)?;
    let mut tenants = Vec::with_capacity(schemas.len());
    let mut refused = Vec::new();
    for schema in &schemas {
        match connect::connect_schema(options, pool, schema).await {
            Ok(tenant) => tenants.push(tenant),
            Err(error) => refused.push(in_schema(schema, error.into())),
        }
    }
    if tenants.is_empty() {
        return Err(refused.into_iter().next().map_or_else(
            || {
                Error::refused_because(
                    "no schema of the database has outreach's tables; `outreach migrate up \
                     --schema NAME` makes them",
                )
            },
            |first| first.context("no schema is ready for this build; the first"),
        ));
    }
    for error in refused {
        output::say(&format!("warning: left out: {}", error.message()));
    }
    Ok(tenants)
}

fn in_schema(schema: &str, error: Error) -> Error {
    error.context(format!("schema `{}`", schema.escape_debug()))
}
