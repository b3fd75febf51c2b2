//! What the entities say.

use outreach_entity::{
    database_properties, discovery_queries, email_logs, job_runs, jobs, merged_rows, prospects,
    revision_checksums, settings,
};
use schema_audit::{
    entities::Entities,
    schema::{Dialect, Schema},
};
use sea_orm_migration::sea_orm::DbBackend;

use crate::exit::Error;

/// The schema of the entities that this build was compiled with.
pub(super) fn schema(backend: DbBackend) -> Result<Schema, Error> {
    let dialect = match backend {
        DbBackend::Sqlite => Dialect::Sqlite,
        _ => Dialect::Postgres,
    };
    Entities::new(dialect)
        .with(database_properties::Entity)
        .with(discovery_queries::Entity)
        .with(email_logs::Entity)
        .with(job_runs::Entity)
        .with(jobs::Entity)
        .with(merged_rows::Entity)
        .with(prospects::Entity)
        .with(revision_checksums::Entity)
        .with(settings::Entity)
        .build()
        .map_err(Error::failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_is_in_the_audit() {
        for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
            let schema = schema(backend).expect("the entities fit together");
            let names: Vec<&str> = schema.tables.iter().map(|t| t.name.name.as_str()).collect();
            let entities = outreach_entity::tables();
            let wanted: Vec<&str> = entities.iter().map(|table| table.name).collect();
            assert_eq!(names, wanted);
        }
    }
}
