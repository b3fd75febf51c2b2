//! How the catalogs are asked.

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};

use super::InspectError;
use crate::schema::ObjectName;

/// The schemas of the scope, as a common table expression `ns`. `$1` is the
/// schema whose names are written without it, or NULL for all schemas.
const SCOPE: &str = "with ns as (select oid, nspname from pg_namespace \
    where left(nspname, 3) <> 'pg_' and nspname <> 'information_schema' \
    and ($1::text is null or nspname = $1::text)) ";

/// A connection inside a transaction whose settings are settled.
pub(super) struct Reader<'a, C> {
    db: &'a C,
    local: Option<String>,
    version: i32,
}

impl<'a, C: ConnectionTrait> Reader<'a, C> {
    pub(super) const fn new(db: &'a C, local: Option<String>, version: i32) -> Self {
        Self { db, local, version }
    }

    /// The schema whose names are written without it.
    pub(super) fn local(&self) -> Option<&str> {
        self.local.as_deref()
    }

    /// The rows of a statement, which may use `ns` and `$1`.
    pub(super) async fn rows<R: FromQueryResult>(
        &self,
        what: &'static str,
        sql: &str,
    ) -> Result<Vec<R>, InspectError> {
        let sql = format!("{SCOPE}{sql}");
        ask(self.db, what, &sql, [self.local.clone().into()]).await
    }

    /// A column of the catalog that servers have since a version, and what to
    /// read instead on older ones.
    pub(super) const fn since(
        &self,
        version: i32,
        column: &'static str,
        instead: &'static str,
    ) -> &'static str {
        if self.version >= version {
            column
        } else {
            instead
        }
    }

    /// The name of an object of a schema.
    pub(super) fn object(&self, schema: String, name: String) -> ObjectName {
        let schema = Some(schema).filter(|schema| self.local() != Some(schema));
        ObjectName { schema, name }
    }
}

/// The rows of a statement.
pub(super) async fn ask<R: FromQueryResult>(
    db: &impl ConnectionTrait,
    what: &'static str,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<R>, InspectError> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    R::find_by_statement(statement)
        .all(db)
        .await
        .map_err(InspectError::query(what))
}

/// A condition: the object is not a member of an extension.
pub(super) fn not_of_extension(catalog: &str, oid: &str) -> String {
    format!(
        "not exists (select from pg_depend e where e.classid = '{catalog}'::regclass \
         and e.objid = {oid} and e.deptype = 'e')"
    )
}

/// The texts of an array that was read as JSON.
pub(super) fn texts(json: Option<&str>, object: &ObjectName) -> Result<Vec<String>, InspectError> {
    json.map_or_else(
        || Ok(Vec::new()),
        |json| {
            serde_json::from_str(json).map_err(|error| not_understood(object, error.to_string()))
        },
    )
}

/// The numbers of an array that was read as text with spaces between.
pub(super) fn numbers(text: Option<&str>) -> impl Iterator<Item = i16> {
    // The server writes nothing else there.
    text.unwrap_or_default()
        .split(' ')
        .filter_map(|number| number.parse().ok())
}

pub(super) fn not_understood(object: &ObjectName, reason: impl Into<String>) -> InspectError {
    InspectError::Definition {
        object: object.to_string(),
        reason: reason.into(),
    }
}
