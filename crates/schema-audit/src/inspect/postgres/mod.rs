//! Reads schemas of PostgreSQL: one statement for each catalog, however many
//! tables there are. Definitions are what the server itself writes, under
//! settings that are always the same, so that equal objects give equal text.

mod columns;
mod constraints;
mod draft;
mod index_definition;
mod indexes;
mod reader;
mod sequences;
mod session;
mod tables;
mod types;
mod unmodelled;

use sea_orm::{ConnectionTrait, FromQueryResult};

use self::{draft::Draft, reader::Reader};
use super::{InspectError, Scope};
use crate::schema::{Dialect, Schema};

/// `pg_attribute.attgenerated` is the newest column that nothing here can do without.
const OLDEST: i32 = 120_000;

/// Reads what the scope covers; see [`inspect_in_txn`](super::inspect_in_txn).
pub(super) async fn read(db: &impl ConnectionTrait, scope: &Scope) -> Result<Schema, InspectError> {
    let server = Server::ask(db, scope).await?;
    let local = server.local(scope)?;
    let session = session::settle(db, local.as_deref()).await?;
    let reader = Reader::new(db, local, server.version);
    let schema = read_settled(&reader).await;
    // A failed statement has aborted the transaction, which takes the settings
    // with it; whatever else went wrong, they go back.
    if !matches!(schema, Err(InspectError::Query { .. })) {
        session.restore(db).await?;
    }
    schema
}

async fn read_settled(reader: &Reader<'_, impl ConnectionTrait>) -> Result<Schema, InspectError> {
    let mut schema = Schema::empty(Dialect::Postgres);
    schema.name = reader.local().map(str::to_owned);
    if schema.name.is_none() {
        schema.schemas = tables::read_schemas(reader).await?;
    }
    let mut draft = Draft::new(tables::read(reader).await?);
    tables::read_parents(reader, &mut draft).await?;
    columns::read(reader, &mut draft).await?;
    constraints::read(reader, &mut draft).await?;
    indexes::read(reader, &mut draft).await?;
    schema.tables = draft.finish();
    schema.enums = types::read_enums(reader).await?;
    schema.domains = types::read_domains(reader).await?;
    schema.sequences = sequences::read(reader).await?;
    schema.unmodelled = unmodelled::read(reader).await?;
    schema.sort();
    Ok(schema)
}

/// What has to be known before anything else can be asked.
#[derive(Debug, FromQueryResult)]
struct Server {
    version: i32,
    version_text: String,
    current: Option<String>,
    named: bool,
}

impl Server {
    async fn ask(db: &impl ConnectionTrait, scope: &Scope) -> Result<Self, InspectError> {
        const SQL: &str = "select \
            pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as version, \
            pg_catalog.current_setting('server_version') as version_text, \
            pg_catalog.current_schema()::pg_catalog.text as current, \
            exists (select from pg_catalog.pg_namespace \
                where nspname::pg_catalog.text operator(pg_catalog.=) $1) as named";
        let what = "the version of the server";
        let named = match scope {
            Scope::Named(name) => Some(name.clone()),
            Scope::Current | Scope::All => None,
        };
        let rows = reader::ask::<Self>(db, what, SQL, [named.into()]).await?;
        let server = rows.into_iter().next().ok_or_else(|| InspectError::Query {
            what,
            source: sea_orm::DbErr::RecordNotFound("a row".to_owned()),
        })?;
        if server.version < OLDEST {
            return Err(InspectError::UnsupportedVersion {
                version: server.version_text,
                required: "PostgreSQL 12",
            });
        }
        Ok(server)
    }

    /// The schema whose names are written without it.
    fn local(&self, scope: &Scope) -> Result<Option<String>, InspectError> {
        match scope {
            Scope::All => Ok(None),
            Scope::Named(name) if self.named && !is_system(name) => Ok(Some(name.clone())),
            Scope::Named(name) => Err(InspectError::SchemaMissing {
                schema: name.clone(),
            }),
            Scope::Current => match &self.current {
                Some(name) if !is_system(name) => Ok(Some(name.clone())),
                _ => Err(InspectError::NoCurrentSchema),
            },
        }
    }
}

/// Names that begin with `pg_` are reserved for the system.
fn is_system(schema: &str) -> bool {
    schema.starts_with("pg_") || schema == "information_schema"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(current: Option<&str>, named: bool) -> Server {
        Server {
            version: 150_000,
            version_text: "15.0".to_owned(),
            current: current.map(str::to_owned),
            named,
        }
    }

    #[test]
    fn the_current_schema_is_the_one_that_the_search_path_begins_with() {
        let local = server(Some("app"), false).local(&Scope::Current).unwrap();
        assert_eq!(local.as_deref(), Some("app"));
    }

    #[test]
    fn a_search_path_that_leads_nowhere_or_to_the_system_is_refused() {
        for current in [None, Some("pg_temp_3"), Some("information_schema")] {
            let refused = server(current, false).local(&Scope::Current);
            assert!(matches!(refused, Err(InspectError::NoCurrentSchema)));
        }
    }

    #[test]
    fn a_schema_that_is_not_there_or_the_systems_is_refused_by_name() {
        for (name, exists) in [("app", false), ("pg_catalog", true)] {
            let refused = server(None, exists).local(&Scope::Named(name.to_owned()));
            assert!(
                matches!(refused, Err(InspectError::SchemaMissing { schema }) if schema == name)
            );
        }
    }
}
