//! What only a PostgreSQL server knows.

use schema_audit::repair::dependents;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

use super::{GuardError, Inventory, Session};
use crate::sql::{row, rows, texts};

/// The role sees of other roles' sessions only who they are; then the kind of a
/// session is not told either. Prepared transactions have no session and hold
/// locks all the same.
const SESSIONS: &str = "SELECT a.pid, coalesce(a.usename::text, '') AS usename, \
     coalesce(a.application_name, '') AS application, \
     coalesce(host(a.client_addr), '') AS client, coalesce(a.state, '') AS state, \
     coalesce(to_char(coalesce(a.xact_start, a.state_change, a.backend_start) \
         AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"'), '') AS since \
     FROM pg_catalog.pg_stat_activity a \
     WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
     AND (a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.usesysid IS NOT NULL) \
     UNION ALL SELECT 0, p.owner::text, p.gid, '', 'prepared transaction', \
     to_char(p.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"') \
     FROM pg_catalog.pg_prepared_xacts p WHERE p.database = current_database() \
     ORDER BY 1, 3";

/// References to our tables that other tables hold, from whatever schema, and
/// publications that name our tables.
const REFERENCES: &str = "WITH ours AS ( \
     SELECT c.oid FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relname IN (SELECT jsonb_array_elements_text($1))) \
     SELECT 'foreign key `' || k.conrelid::regclass || '.' || k.conname || '`' \
     FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.confrelid IN (TABLE ours) \
     AND k.conrelid NOT IN (TABLE ours) \
     UNION ALL SELECT 'table `' || i.inhrelid::regclass || '`, which inherits' \
     FROM pg_catalog.pg_inherits i WHERE i.inhparent IN (TABLE ours) \
     AND i.inhrelid NOT IN (TABLE ours) \
     UNION ALL SELECT 'publication `' || p.pubname || '` of `' || r.prrelid::regclass || '`' \
     FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid \
     WHERE r.prrelid IN (TABLE ours) ORDER BY 1";

/// Policies of our tables, which may need another one of them: they go together.
const OWN_POLICIES: &str = "SELECT 'policy `' || c.oid::regclass || '.' || p.polname || '`' \
     FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relname IN (SELECT jsonb_array_elements_text($1))";

/// A role owns what a role owns that it is a member of.
const OWNED: &str = "SELECT c.relname::text AS name, \
     pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, \
     pg_catalog.pg_total_relation_size(c.oid) AS bytes FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')";

/// `transaction_read_only` is that of the look itself.
const ABOUT: &str = "SELECT current_database()::text AS database, \
     current_schema()::text AS schema, pg_is_in_recovery() AS standby, \
     current_setting('default_transaction_read_only')::bool AS read_only, \
     has_schema_privilege(current_schema()::text, 'CREATE') AS may_create";

pub(super) async fn sessions(db: &impl ConnectionTrait) -> Result<Vec<Session>, DbErr> {
    let read = |row: &QueryResult| {
        Ok(Session {
            pid: row.try_get::<i32>("", "pid")?.unsigned_abs(),
            user: row.try_get("", "usename")?,
            application: row.try_get("", "application")?,
            client: row.try_get("", "client")?,
            state: row.try_get("", "state")?,
            since: row.try_get("", "since")?,
        })
    };
    rows(db, SESSIONS, []).await?.iter().map(read).collect()
}

/// Adds to an inventory what the schema alone does not tell.
pub(super) async fn complete(
    db: &impl ConnectionTrait,
    inventory: &mut Inventory,
) -> Result<(), GuardError> {
    let asked = about(db, inventory).await;
    asked.map_err(GuardError::database("asking what database it is"))?;
    if inventory.schema.is_none() {
        return Err(GuardError::NoSchema);
    }
    let owned = owned(db, inventory).await;
    owned.map_err(GuardError::database("asking who owns the tables"))?;
    let found = in_the_way(db, inventory).await;
    inventory.dependents = found.map_err(GuardError::database("asking what depends on them"))?;
    Ok(())
}

async fn about(db: &impl ConnectionTrait, inventory: &mut Inventory) -> Result<(), DbErr> {
    let about = row(db, ABOUT, []).await?;
    inventory.database = about.try_get("", "database")?;
    inventory.schema = about.try_get("", "schema")?;
    let is = |name| about.try_get::<Option<bool>>("", name);
    inventory.read_only = if is("standby")? == Some(true) {
        Some("the server is a standby")
    } else if is("read_only")? == Some(true) {
        Some("the session may only read (`default_transaction_read_only`)")
    } else if is("may_create")? != Some(true) {
        Some("the role may not create tables in the schema")
    } else {
        None
    };
    let sql = "SELECT e.extname::text FROM pg_catalog.pg_extension e \
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
         WHERE n.nspname = current_schema() ORDER BY 1";
    inventory.extensions = texts(db, sql, []).await?;
    Ok(())
}

async fn owned(db: &impl ConnectionTrait, inventory: &mut Inventory) -> Result<(), DbErr> {
    for row in rows(db, OWNED, []).await? {
        let name: String = row.try_get("", "name")?;
        let Some(table) = inventory.tables.iter_mut().find(|t| t.name == name) else {
            continue;
        };
        let bytes = row.try_get::<i64>("", "bytes")?.unsigned_abs();
        table.bytes = Some(bytes);
        inventory.bytes += bytes;
        if !row.try_get::<bool>("", "owned")? {
            inventory.not_owned.push(name);
        }
    }
    Ok(())
}

/// What keeps our tables from being dropped, as kind and name.
async fn in_the_way(
    db: &impl ConnectionTrait,
    inventory: &Inventory,
) -> Result<Vec<String>, DbErr> {
    let names = inventory.table_names();
    let is_ours = |table: &schema_audit::schema::ObjectName| {
        table.schema.is_none() && names.contains(&table.name)
    };
    let held = dependents(db, inventory.schema.as_deref()).await?;
    let mut found: Vec<String> = held
        .into_iter()
        .filter(|one| one.holds_table && is_ours(&one.table))
        .map(|one| format!("{} `{}`", one.kind, one.name))
        .collect();
    let names = Value::from(serde_json::Value::from(names));
    let of_ours = texts(db, OWN_POLICIES, [names.clone()]).await?;
    found.retain(|one| !of_ours.contains(one));
    found.extend(texts(db, REFERENCES, [names]).await?);
    found.sort();
    found.dedup();
    Ok(found)
}
