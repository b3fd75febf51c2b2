//! What is kept of the old tables: marks, owners, and what roles were granted.

use outreach_migration::properties::{Property, set_in_txn};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult};

use crate::{
    guard::Inventory,
    sql::{identifier, rows},
};

/// Names are quoted by the server; the owner's own rights come with the table.
const OWNERS: &str = "SELECT format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, c.relname, \
     pg_get_userbyid(c.relowner)) AS statement, c.relname::text AS name \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
     AND pg_get_userbyid(c.relowner) <> current_user";
const GRANTS: &str = "SELECT format('GRANT %s ON TABLE %I.%I TO %s%s', a.privilege_type, \
     n.nspname, c.relname, \
     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
     CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement, \
     c.relname::text AS name FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
     LATERAL aclexplode(c.relacl) a \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND a.grantee <> c.relowner \
     UNION ALL SELECT format('GRANT %s (%I) ON TABLE %I.%I TO %s%s', a.privilege_type, \
     t.attname, n.nspname, c.relname, \
     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
     CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), c.relname::text \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped, \
     LATERAL aclexplode(t.attacl) a \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
     AND a.grantee <> c.relowner";

/// An application's role must be able to read the new tables as it could the old.
#[derive(Debug)]
pub(super) struct Kept {
    statements: Vec<String>,
    environment: Option<String>,
    ignored: Vec<String>,
}

impl Kept {
    pub(super) async fn read(
        txn: &DatabaseTransaction,
        inventory: &Inventory,
    ) -> Result<Self, DbErr> {
        let mut kept = Self {
            statements: Vec::new(),
            environment: inventory.environment.clone(),
            ignored: inventory.ignored_tables.clone(),
        };
        if txn.get_database_backend() != DbBackend::Postgres {
            return Ok(kept);
        }
        let ours = inventory.table_names();
        // Grants first: whoever gives a table away may not grant on it any more.
        for sql in [GRANTS, OWNERS] {
            for row in rows(txn, sql, []).await? {
                let (statement, table) = both(&row)?;
                if ours.contains(&table) {
                    kept.statements.push(statement);
                }
            }
        }
        Ok(kept)
    }

    /// Only tables that are there again: a column that was granted on may have
    /// been added by hand.
    pub(super) async fn put_back(&self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        for statement in &self.statements {
            txn.execute_unprepared(statement).await?;
        }
        if let Some(environment) = &self.environment {
            set_in_txn(txn, Property::Environment, environment).await?;
        }
        for table in &self.ignored {
            set_in_txn(txn, Property::IgnoredTable(table), "").await?;
        }
        Ok(())
    }
}

fn both(row: &QueryResult) -> Result<(String, String), DbErr> {
    Ok((row.try_get("", "statement")?, row.try_get("", "name")?))
}

/// The statements that give a schema back to whom it belonged.
pub(super) async fn of_schema(
    txn: &DatabaseTransaction,
    schema: &str,
) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT format('GRANT %s ON SCHEMA %I TO %s%s', a.privilege_type, n.nspname, \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement, \
         n.nspname::text AS name FROM pg_catalog.pg_namespace n, LATERAL aclexplode(n.nspacl) a \
         WHERE n.nspname = $1 AND a.grantee <> n.nspowner \
         UNION ALL SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, \
         pg_get_userbyid(nspowner)), nspname::text FROM pg_catalog.pg_namespace \
         WHERE nspname = $1";
    let found = rows(txn, sql, [schema.into()]).await?;
    let mut statements = vec![format!("CREATE SCHEMA {}", identifier(schema))];
    for row in &found {
        statements.push(both(row)?.0);
    }
    Ok(statements)
}
