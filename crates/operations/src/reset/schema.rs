//! Drops a whole PostgreSQL schema, with what is not outreach's.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

use super::{Cause, keep};
use crate::{
    guard::Inventory,
    sql::{identifier, rows},
};

/// How many objects an error names.
const NAMED: usize = 5;

/// Everything that somebody has made, other than in this schema. System objects
/// have lower numbers.
const OUTSIDE: &str = "SELECT kind || ' ' || id::text AS key, kind || ' ' || name AS name FROM ( \
     SELECT 'relation' AS kind, c.oid AS id, c.oid::regclass::text AS name, c.relnamespace AS home \
     FROM pg_catalog.pg_class c WHERE c.relnamespace <> 'pg_toast'::regnamespace \
     UNION ALL SELECT 'column', a.attrelid, a.attrelid::regclass || '.' || a.attname, c.relnamespace \
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') \
     UNION ALL SELECT 'function', p.oid, p.oid::regprocedure::text, p.pronamespace \
     FROM pg_catalog.pg_proc p \
     UNION ALL SELECT 'type', t.oid, t.oid::regtype::text, t.typnamespace FROM pg_catalog.pg_type t \
     UNION ALL SELECT 'constraint', k.oid, k.conname, k.connamespace FROM pg_catalog.pg_constraint k \
     UNION ALL SELECT 'default', d.oid, d.adrelid::regclass::text, c.relnamespace \
     FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid \
     UNION ALL SELECT 'trigger', t.oid, t.tgname, c.relnamespace \
     FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
     UNION ALL SELECT 'policy', p.oid, p.polname, c.relnamespace \
     FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid \
     UNION ALL SELECT 'extension', e.oid, e.extname, e.extnamespace FROM pg_catalog.pg_extension e \
     ) AS o WHERE o.id >= 16384 AND o.home <> (SELECT oid FROM pg_catalog.pg_namespace \
     WHERE nspname = $1)";

/// Drops the schema and makes it anew, with its owner and its privileges. What
/// CASCADE takes with it is only known afterwards: if that is anything outside
/// of the schema, it is an error, and the caller rolls back.
pub(super) async fn drop_whole(
    txn: &DatabaseTransaction,
    inventory: &Inventory,
) -> Result<(), Cause> {
    let failed = Cause::database("dropping the schema");
    let schema = inventory.schema.as_deref().unwrap_or_default();
    let dropped = async {
        let before = outside(txn, schema).await?;
        let again = keep::of_schema(txn, schema).await?;
        let drop = format!("DROP SCHEMA {} CASCADE", identifier(schema));
        txn.execute_unprepared(&drop).await?;
        for statement in again {
            txn.execute_unprepared(&statement).await?;
        }
        let after = outside(txn, schema).await?;
        let gone = before
            .into_iter()
            .filter(|(key, _)| !after.contains_key(key));
        Ok(gone.map(|(_, name)| name).collect::<Vec<_>>())
    };
    let gone: Vec<String> = dropped.await.map_err(failed)?;
    if gone.is_empty() {
        return Ok(());
    }
    Err(Cause::DropsOutside {
        count: gone.len(),
        objects: gone.into_iter().take(NAMED).collect(),
    })
}

async fn outside(
    txn: &DatabaseTransaction,
    schema: &str,
) -> Result<BTreeMap<String, String>, DbErr> {
    let found = rows(txn, OUTSIDE, [schema.into()]).await?;
    let pairs = found.iter().map(|row| {
        let name: String = row.try_get("", "name")?;
        let key: String = row.try_get("", "key")?;
        // Columns share the number of their table.
        let key = if key.starts_with("column ") {
            name.clone()
        } else {
            key
        };
        Ok((key, name))
    });
    pairs.collect()
}
