//! What is there.

use std::collections::BTreeSet;

use outreach_migration::{LEDGERS, REVISIONS, ledger, properties};
use schema_audit::{
    inspect::{Scope, inspect_in_txn},
    repair::{Dependent, dependents},
    schema::{ObjectName, Schema, Table},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sha2::{Digest, Sha256};

use super::AdoptError;
use crate::{expected::expected, sql::identifier};

/// The table in which Alembic keeps its revision.
pub(super) const ALEMBIC: &str = "alembic_version";

/// A database as it was seen.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) backend: DbBackend,
    /// The tables whose names are those of outreach's.
    pub(super) live: Schema,
    /// The tables that are not outreach's.
    pub(super) foreign: Vec<Table>,
    pub(super) ledger: Ledger,
    /// The rows of Alembic's ledger; `None` without one.
    pub(super) alembic: Option<Vec<String>>,
    /// The tables that are recorded as the application's own.
    pub(super) ignored: Vec<String>,
    /// What stands in the way of changes.
    pub(super) dependents: Vec<Dependent>,
    /// Tells whether a second look saw the same.
    pub(super) fingerprint: String,
}

/// What our own ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ledger {
    /// Nothing: it is empty, or not there.
    Empty,
    /// The first so many revisions of the chain are applied.
    Applied(usize),
    /// What does not fit the chain, in words.
    Broken(String),
}

impl Observed {
    /// Reads what there is, in the caller's transaction. Leaves the search path
    /// of a PostgreSQL transaction at the schema that was read, and nothing else,
    /// so that the statements of a plan mean the same tables.
    pub(super) async fn read(db: &impl ConnectionTrait) -> Result<Self, AdoptError> {
        let backend = db.get_database_backend();
        let mut live = inspect_in_txn(db, &Scope::Current).await?;
        if let (DbBackend::Postgres, Some(schema)) = (backend, &live.name) {
            let path = format!("{}, pg_temp", identifier(schema));
            let sql = "SELECT set_config('search_path', $1, true)";
            let set = Statement::from_sql_and_values(backend, sql, [path.into()]);
            db.query_one_raw(set).await.map_err(AdoptError::read)?;
        }
        let fingerprint = serde_json::to_vec(&live).unwrap_or_default();
        let ours = our_tables(backend)?;
        let foreign: Vec<String> = live
            .tables
            .iter()
            .map(|table| table.name.name.clone())
            .filter(|name| !ours.contains(name))
            .collect();
        let mut foreign = set_aside(&mut live, &foreign);
        foreign.retain(|table| !LEDGERS.contains(&table.name.name.as_str()));
        let ledger = read_ledger(db).await?;
        let alembic = read_alembic(db).await.map_err(AdoptError::read)?;
        let dependents = match backend {
            DbBackend::Postgres => dependents(db, live.name.as_deref())
                .await
                .map_err(AdoptError::read)?,
            _ => Vec::new(),
        };
        let ignored = properties::read(db).await.map_err(AdoptError::read)?;
        let said = format!("{ledger:?} {alembic:?}");
        Ok(Self {
            backend,
            live,
            foreign,
            fingerprint: hexadecimal(&Sha256::new_with_prefix(fingerprint).chain_update(said)),
            ledger,
            alembic,
            ignored: ignored.ignored_tables,
            dependents,
        })
    }

    /// The foreign tables whose rows a change of ours can reach, by keys that
    /// point to our tables or to such a table.
    pub(super) fn reachable(&self) -> Vec<&Table> {
        let mut reached: BTreeSet<&ObjectName> = self.live.tables.iter().map(|t| &t.name).collect();
        let mut found: Vec<&Table> = Vec::new();
        loop {
            let more: Vec<&Table> = self
                .foreign
                .iter()
                .filter(|table| !reached.contains(&table.name))
                .filter(|table| {
                    let mut keys = table.foreign_keys.iter();
                    keys.any(|key| reached.contains(&key.references))
                })
                .collect();
            if more.is_empty() {
                return found;
            }
            reached.extend(more.iter().map(|table| &table.name));
            found.extend(more);
        }
    }
}

/// The names of every table that a revision leaves.
fn our_tables(backend: DbBackend) -> Result<BTreeSet<String>, AdoptError> {
    let mut names = BTreeSet::new();
    for revision in REVISIONS {
        let schema = expected(backend, revision)?;
        names.extend(schema.tables.into_iter().map(|table| table.name.name));
    }
    Ok(names)
}

/// Takes out of a schema what is not outreach's, and returns the tables of it:
/// the ledgers, the named tables, the sequences that belong to them, and the
/// types and domains that only they use.
pub fn set_aside(schema: &mut Schema, named: &[String]) -> Vec<Table> {
    let away: BTreeSet<&str> = LEDGERS
        .into_iter()
        .chain(named.iter().map(String::as_str))
        .collect();
    let gone = |name: &ObjectName| away.contains(name.name.as_str());
    schema.sequences.retain(|sequence| {
        let owner = sequence.owned_by.as_ref();
        !owner.is_some_and(|owner| gone(&owner.table))
    });
    let apart: Vec<Table> = schema
        .tables
        .extract_if(.., |table| gone(&table.name))
        .collect();
    let used_in = |tables: &[Table], name: &ObjectName| {
        let mut columns = tables.iter().flat_map(|table| &table.columns);
        columns.any(|column| is_of_type(&column.data_type, &name.name))
    };
    let theirs = |name: &ObjectName| used_in(&apart, name) && !used_in(&schema.tables, name);
    schema.enums.retain(|one| !theirs(&one.name));
    schema.domains.retain(|one| !theirs(&one.name));
    apart
}

/// Whether a column's type is this one, or an array of it.
fn is_of_type(written: &str, name: &str) -> bool {
    let element = written.trim_end_matches("[]");
    element == name || element == identifier(name)
}

async fn read_ledger(db: &impl ConnectionTrait) -> Result<Ledger, AdoptError> {
    match ledger::status(db).await {
        Ok(chain) => {
            let applied = chain.iter().filter(|one| is_applied(one)).count();
            Ok(match applied {
                0 => Ledger::Empty,
                count => Ledger::Applied(count),
            })
        }
        Err(DbErr::Migration(text)) => Ok(Ledger::Broken(text)),
        Err(error) => Err(AdoptError::Read(error)),
    }
}

fn is_applied(one: &ledger::RevisionStatus) -> bool {
    one.status == outreach_migration::MigrationStatus::Applied
}

/// The rows of Alembic's ledger, by name, at most 100; `None` without it.
pub(super) async fn read_alembic(db: &impl ConnectionTrait) -> Result<Option<Vec<String>>, DbErr> {
    if !ledger::table_exists(db, ALEMBIC).await? {
        return Ok(None);
    }
    let sql = r#"SELECT "version_num" FROM "alembic_version" ORDER BY 1 LIMIT 100"#;
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
        .await?;
    let rows = rows.iter().map(|row| row.try_get("", "version_num"));
    rows.collect::<Result<_, _>>().map(Some)
}

fn hexadecimal(digest: &Sha256) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in digest.clone().finalize() {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use schema_audit::schema::{Column, Dialect, Enum};

    use super::*;

    fn table(name: &str, data_type: &str) -> Table {
        let mut table = Table::new(ObjectName::local(name));
        table.columns.push(Column {
            name: "a".to_owned(),
            data_type: data_type.to_owned(),
            nullable: true,
            default: None,
            generated: None,
            identity: None,
            collation: None,
            comment: None,
            inherited: false,
        });
        table
    }

    #[test]
    fn a_type_that_only_a_foreign_table_uses_is_set_aside_with_it() {
        let one = |name: &str| Enum {
            name: ObjectName::local(name),
            labels: Vec::new(),
            comment: None,
        };
        let mut schema = Schema::empty(Dialect::Postgres);
        schema.tables = vec![table("ours", "shared"), table("own", "mood[]")];
        schema.tables.push(table("other", "shared"));
        schema.enums = vec![one("mood"), one("shared"), one("unused")];
        let aside = set_aside(&mut schema, &["own".to_owned(), "other".to_owned()]);
        assert_eq!(aside.len(), 2);
        let left: Vec<&str> = schema.enums.iter().map(|e| e.name.name.as_str()).collect();
        assert_eq!(left, ["shared", "unused"]);
    }
}
