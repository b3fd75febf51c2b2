//! Drops a whole PostgreSQL schema, with what is not outreach's.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

use super::{Cause, keep};
use crate::{
    guard::Inventory,
    sql::{identifier, rows, texts},
};

/// How many objects an error names.
const NAMED: usize = 5;

/// Everything that somebody has made, other than in this schema. System objects
/// have lower numbers. What a publication has of the schema is the publication's.
const OUTSIDE: &str = "SELECT kind || ' ' || id::text AS key, kind || ' `' || name || '`' AS name FROM ( \
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
     UNION ALL SELECT 'operator', o.oid, o.oid::regoperator::text, o.oprnamespace \
     FROM pg_catalog.pg_operator o \
     UNION ALL SELECT 'statistics', s.oid, s.stxname, s.stxnamespace \
     FROM pg_catalog.pg_statistic_ext s \
     UNION ALL SELECT 'event trigger', e.oid, e.evtname, 0 \
     FROM pg_catalog.pg_event_trigger e \
     UNION ALL SELECT 'cast', c.oid, c.castsource::regtype || ' AS ' || c.casttarget::regtype, 0 \
     FROM pg_catalog.pg_cast c \
     UNION ALL SELECT 'language', l.oid, l.lanname, 0 FROM pg_catalog.pg_language l \
     UNION ALL SELECT 'foreign data wrapper', f.oid, f.fdwname, 0 \
     FROM pg_catalog.pg_foreign_data_wrapper f \
     UNION ALL SELECT 'publication', r.oid, \
     p.pubname || '` of `' || r.prrelid::regclass, 0 \
     FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid \
     ) AS o WHERE o.id >= 16384 AND o.home <> (SELECT oid FROM pg_catalog.pg_namespace \
     WHERE nspname = $1)";

/// From PostgreSQL 15 on.
const PUBLISHED_SCHEMAS: &str = "SELECT 'publication ' || r.oid::text AS key, \
     'publication `' || p.pubname || '` of schema `' || r.pnnspid::regnamespace || '`' AS name \
     FROM pg_catalog.pg_publication_namespace r \
     JOIN pg_catalog.pg_publication p ON p.oid = r.pnpubid";
const HAS_PUBLISHED_SCHEMAS: &str =
    "SELECT '' WHERE to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL";

/// Of roles that this one may not speak for.
const DEFAULTS_OF_OTHERS: &str = "SELECT DISTINCT 'default privileges of `' \
     || pg_get_userbyid(d.defaclrole) || '`' \
     FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace \
     WHERE n.nspname = $1 AND NOT pg_has_role(d.defaclrole, 'USAGE') ORDER BY 1";

/// Drops the schema and makes it anew, with its owner and its privileges. What
/// CASCADE takes with it is only known afterwards: if that is anything outside
/// of the schema, it is an error, and the caller rolls back.
pub(super) async fn drop_whole(
    txn: &DatabaseTransaction,
    inventory: &Inventory,
) -> Result<(), Cause> {
    let failed = "dropping the schema";
    let schema = inventory.schema.as_deref().unwrap_or_default();
    let others = texts(txn, DEFAULTS_OF_OTHERS, [schema.into()]).await;
    let objects = others.map_err(Cause::database(failed))?;
    if !objects.is_empty() {
        return Err(Cause::NotKept { objects });
    }
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
    let gone: Vec<String> = dropped.await.map_err(Cause::database(failed))?;
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
    let mut found = rows(txn, OUTSIDE, [schema.into()]).await?;
    if !texts(txn, HAS_PUBLISHED_SCHEMAS, []).await?.is_empty() {
        found.extend(rows(txn, PUBLISHED_SCHEMAS, []).await?);
    }
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
