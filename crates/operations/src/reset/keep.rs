//! What is kept of the old tables: marks, owners, what roles were granted, and
//! row level security.

use std::collections::{BTreeMap, BTreeSet};

use outreach_migration::{
    LEDGERS, REVISIONS,
    properties::{Property, set_in_txn},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult};

use super::Cause;
use crate::{
    expected::expected,
    guard::Clearance,
    sql::{identifier, rows},
};

/// Each row: a statement, the table that it is about, and its column if it needs
/// one. Names are quoted by the server.
const OWNERS: &str = "SELECT format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, c.relname, \
     pg_get_userbyid(c.relowner)) AS statement, c.relname::text AS name, NULL::text AS column \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
     AND pg_get_userbyid(c.relowner) <> current_user";
/// The owner's own rights too: somebody may have taken them.
const GRANTS: &str = "SELECT format('GRANT %s ON TABLE %I.%I TO %s%s', a.privilege_type, \
     n.nspname, c.relname, \
     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
     CASE WHEN a.is_grantable AND a.grantee <> c.relowner THEN ' WITH GRANT OPTION' ELSE '' END) \
     AS statement, c.relname::text AS name, NULL::text AS column FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
     LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
     UNION ALL SELECT format('GRANT %s (%I) ON TABLE %I.%I TO %s%s', a.privilege_type, \
     t.attname, n.nspname, c.relname, \
     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
     CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), c.relname::text, \
     t.attname::text \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped, \
     LATERAL aclexplode(t.attacl) a \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
     AND a.grantee <> c.relowner";
/// What a new table has by itself, or by ALTER DEFAULT PRIVILEGES.
const REVOKES: &str = "SELECT DISTINCT format('REVOKE ALL ON TABLE %I.%I FROM %s', n.nspname, \
     c.relname, \
     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END) \
     AS statement, c.relname::text AS name, NULL::text AS column FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
     LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')";
/// Tables whose privileges nobody has ever changed.
const UNCHANGED: &str = "SELECT ''::text AS statement, c.relname::text AS name, \
     NULL::text AS column FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relacl IS NULL";
const SECURITY: &str = "SELECT format('ALTER TABLE %I.%I %s ROW LEVEL SECURITY', n.nspname, \
     c.relname, s.word) AS statement, c.relname::text AS name, NULL::text AS column \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
     LATERAL (VALUES ('ENABLE', c.relrowsecurity), ('FORCE', c.relforcerowsecurity)) \
     AS s (word, is_so) \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND s.is_so \
     UNION ALL SELECT format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s', p.polname, \
     n.nspname, c.relname, CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, \
     CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' \
     WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, \
     (SELECT string_agg(CASE r.role WHEN 0 THEN 'PUBLIC' \
     ELSE quote_ident(pg_get_userbyid(r.role)) END, ', ') FROM unnest(p.polroles) AS r (role))) \
     || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '') \
     || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''), \
     c.relname::text, NULL FROM pg_catalog.pg_policy p \
     JOIN pg_catalog.pg_class c ON c.oid = p.polrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema()";
/// What the policies of this schema's tables need of this schema. Each row: the
/// policy, its table, and the table and the column that it needs, or else the
/// name of something that is no table.
const NEEDS: &str = "SELECT DISTINCT p.polname::text AS policy, c.relname::text AS name, \
     o.relname::text AS needed, a.attname::text AS column, \
     pg_catalog.pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS described \
     FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::regclass \
     AND d.objid = p.oid \
     LEFT JOIN pg_catalog.pg_class o ON d.refclassid = 'pg_catalog.pg_class'::regclass \
     AND o.oid = d.refobjid \
     LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = o.oid AND a.attnum = d.refobjsubid \
     AND d.refobjsubid > 0 \
     LEFT JOIN pg_catalog.pg_proc f ON d.refclassid = 'pg_catalog.pg_proc'::regclass \
     AND f.oid = d.refobjid \
     LEFT JOIN pg_catalog.pg_type t ON d.refclassid = 'pg_catalog.pg_type'::regclass \
     AND t.oid = d.refobjid \
     WHERE n.nspname = current_schema() \
     AND n.oid = coalesce(o.relnamespace, f.pronamespace, t.typnamespace) ORDER BY 1, 2, 5";

/// An application's role must be able to do with the new tables what it could
/// with the old, and nothing more.
#[derive(Debug)]
pub(super) struct Kept {
    owners: Vec<OfTable>,
    grants: Vec<OfTable>,
    security: Vec<OfTable>,
    /// Tables whose privileges nobody has ever changed.
    unchanged: BTreeSet<String>,
    /// The tables that are made anew; others that the chain makes have no
    /// privileges to go by.
    tables: BTreeSet<String>,
    environment: Option<String>,
    ignored: Vec<String>,
}

/// A statement, and what it is about.
#[derive(Debug)]
struct OfTable {
    statement: String,
    table: String,
    column: Option<String>,
}

impl Kept {
    /// Reads what is to be kept.
    ///
    /// # Errors
    ///
    /// [`Cause::NotKept`] names the policies that the new tables can't have.
    pub(super) async fn read(
        txn: &DatabaseTransaction,
        clearance: &Clearance,
    ) -> Result<Self, Cause> {
        let inventory = clearance.inventory();
        let mut kept = Self {
            owners: Vec::new(),
            grants: Vec::new(),
            security: Vec::new(),
            unchanged: BTreeSet::new(),
            tables: BTreeSet::new(),
            environment: inventory.environment.clone(),
            ignored: inventory.ignored_tables.clone(),
        };
        if txn.get_database_backend() != DbBackend::Postgres {
            return Ok(kept);
        }
        let new = columns_of_the_newest(txn.get_database_backend())?;
        let ours = inventory.table_names().into_iter();
        kept.tables = ours.filter(|name| new.contains_key(name)).collect();
        let failed = "reading privileges";
        let needs = not_met(txn, clearance, &new).await;
        let objects = needs.map_err(Cause::database(failed))?;
        if !objects.is_empty() {
            return Err(Cause::NotKept { objects });
        }
        let read = async {
            kept.owners = kept.statements(txn, OWNERS, &new).await?;
            kept.grants = kept.statements(txn, GRANTS, &new).await?;
            kept.security = kept.statements(txn, SECURITY, &new).await?;
            let unchanged = kept.statements(txn, UNCHANGED, &new).await?;
            kept.unchanged = unchanged.into_iter().map(|one| one.table).collect();
            Ok(())
        };
        read.await.map_err(Cause::database(failed))?;
        Ok(kept)
    }

    /// Those of the tables that are made anew. What was granted on a column that
    /// somebody has added goes with the column.
    async fn statements(
        &self,
        txn: &DatabaseTransaction,
        sql: &str,
        new: &Columns,
    ) -> Result<Vec<OfTable>, DbErr> {
        let mut found = Vec::new();
        for row in rows(txn, sql, []).await? {
            let (statement, table) = both(&row)?;
            let column: Option<String> = row.try_get("", "column")?;
            let has = |column| new.get(&table).is_some_and(|all| all.contains(column));
            if self.tables.contains(&table) && column.as_ref().is_none_or(has) {
                found.push(OfTable {
                    statement,
                    table,
                    column,
                });
            }
        }
        Ok(found)
    }

    /// Marks first, which this role may write as long as nothing is taken from it;
    /// policies last, for the same reason.
    pub(super) async fn put_back(&self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        if let Some(environment) = &self.environment {
            set_in_txn(txn, Property::Environment, environment).await?;
        }
        for table in &self.ignored {
            set_in_txn(txn, Property::IgnoredTable(table), "").await?;
        }
        if self.tables.is_empty() {
            return Ok(());
        }
        // Whoever may give a table away is a member of its new owner, and so may
        // still grant on it.
        for one in &self.owners {
            txn.execute_unprepared(&one.statement).await?;
        }
        let any = Columns::new();
        let unchanged = self.statements(txn, UNCHANGED, &any).await?;
        let unchanged: BTreeSet<String> = unchanged.into_iter().map(|one| one.table).collect();
        let is_right = |table: &String| unchanged.contains(table) && self.unchanged.contains(table);
        let revokes = self.statements(txn, REVOKES, &any).await?;
        let privileges = revokes.iter().chain(&self.grants);
        let privileges = privileges.filter(|one| !is_right(&one.table) || one.column.is_some());
        for one in privileges.chain(&self.security) {
            txn.execute_unprepared(&one.statement).await?;
        }
        Ok(())
    }
}

type Columns = BTreeMap<String, BTreeSet<String>>;

/// Of each table that there will be, our ledger too.
fn columns_of_the_newest(backend: DbBackend) -> Result<Columns, Cause> {
    let Some(newest) = REVISIONS.last() else {
        return Ok(Columns::new());
    };
    let tables = expected(backend, newest)?.tables.into_iter();
    let named = tables.map(|table| {
        let columns = table.columns.into_iter().map(|column| column.name);
        (table.name.name, columns.collect())
    });
    let ledger = ["version", "applied_at"].map(str::to_owned);
    let ledger = (LEDGERS[0].to_owned(), BTreeSet::from(ledger));
    Ok(named.chain([ledger]).collect())
}

/// The policies that need what will not be there, and what that is.
async fn not_met(
    txn: &DatabaseTransaction,
    clearance: &Clearance,
    new: &Columns,
) -> Result<Vec<String>, DbErr> {
    let ours = clearance.inventory().table_names();
    let mut objects = Vec::new();
    for row in rows(txn, NEEDS, []).await? {
        let table: String = row.try_get("", "name")?;
        if !ours.contains(&table) {
            continue;
        }
        let needed: Option<String> = row.try_get("", "needed")?;
        let column: Option<String> = row.try_get("", "column")?;
        let will_be_there = match (&needed, &column) {
            (Some(needed), column) if ours.contains(needed) => {
                let columns = new.get(needed);
                columns.is_some_and(|all| column.as_ref().is_none_or(|one| all.contains(one)))
            }
            _ => !clearance.drop_schema,
        };
        if !will_be_there {
            let policy: String = row.try_get("", "policy")?;
            let described: String = row.try_get("", "described")?;
            objects.push(format!(
                "policy `{policy}` of `{table}`, which needs {described}"
            ));
        }
    }
    Ok(objects)
}

fn both(row: &QueryResult) -> Result<(String, String), DbErr> {
    Ok((row.try_get("", "statement")?, row.try_get("", "name")?))
}

/// The statements that give a schema back to whom it belonged, with what is
/// granted by default on what is made in it.
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
         WHERE nspname = $1 \
         UNION ALL SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT %s ON \
         %s TO %s%s', pg_get_userbyid(d.defaclrole), n.nspname, a.privilege_type, \
         CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' \
         WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' END, \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), n.nspname::text \
         FROM pg_catalog.pg_default_acl d \
         JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace, \
         LATERAL aclexplode(d.defaclacl) a WHERE n.nspname = $1";
    let found = rows(txn, sql, [schema.into()]).await?;
    let mut statements = vec![format!("CREATE SCHEMA {}", identifier(schema))];
    for row in &found {
        statements.push(both(row)?.0);
    }
    Ok(statements)
}
