//! What a database knows about itself: its environment, whether it is protected,
//! and which of its tables are not outreach's.
//!
//! Kept in the database, so that they hold whoever connects, and from wherever.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::sea_query::{Expr, ExprTrait, OnConflict, Query};

use crate::{column, ledger, shown};

const TABLE: &str = "database_properties";
const ENVIRONMENT: &str = "environment";
const PROTECTED: &str = "protected";
const IGNORED_TABLE: &str = "ignored_table:";

/// The environment that is protected without a mark.
pub const PRODUCTION: &str = "production";

/// One property by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property<'a> {
    /// What the database is for: `production`, `staging` or any other word.
    Environment,
    /// Nothing may destroy what the database holds; the value says why.
    Protected,
    /// A table of the application's own, which audits leave out; the value says
    /// whose it is, and may be empty.
    IgnoredTable(&'a str),
}

impl Property<'_> {
    /// The name that it is stored under.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Environment => ENVIRONMENT.to_owned(),
            Self::Protected => PROTECTED.to_owned(),
            Self::IgnoredTable(table) => format!("{IGNORED_TABLE}{table}"),
        }
    }
}

/// The properties of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Properties {
    /// What the database is for, if it was said at its first migration.
    pub environment: Option<String>,
    /// Why the database is protected, if it was marked so.
    pub protected: Option<String>,
    /// The tables that are not outreach's, by name.
    pub ignored_tables: Vec<String>,
}

impl Properties {
    /// Why nothing may destroy what the database holds: it was marked, or it is
    /// the production database. `None` where neither is so.
    #[must_use]
    pub fn protection(&self) -> Option<Protection<'_>> {
        match (&self.protected, self.environment.as_deref()) {
            (Some(reason), _) => Some(Protection::Marked(reason)),
            (None, Some(PRODUCTION)) => Some(Protection::Production),
            (None, _) => None,
        }
    }

    fn take(&mut self, name: &str, value: String) {
        match name {
            ENVIRONMENT => self.environment = Some(value),
            PROTECTED => self.protected = Some(value),
            _ => {
                // Another release may have set what this one does not know.
                if let Some(table) = name.strip_prefix(IGNORED_TABLE) {
                    self.ignored_tables.push(table.to_owned());
                }
            }
        }
    }
}

/// Why a database is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection<'a> {
    /// It was marked, for this reason.
    Marked(&'a str),
    /// Its environment is [`PRODUCTION`].
    Production,
}

impl std::fmt::Display for Protection<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Marked("") => f.write_str("it is marked as protected"),
            // The reason is a text that somebody stored.
            Self::Marked(reason) => {
                write!(f, "it is marked as protected: {}", shown(reason))
            }
            Self::Production => f.write_str("its environment is `production`"),
        }
    }
}

/// The properties of the database in the current schema; none where the table is
/// not there yet. Reads only.
pub async fn read<C: ConnectionTrait>(db: &C) -> Result<Properties, DbErr> {
    let mut properties = Properties::default();
    if !ledger::table_exists(db, TABLE).await? {
        return Ok(properties);
    }
    let rows = db
        .query_all_raw(Statement::from_string(
            db.get_database_backend(),
            r#"SELECT "name", "value" FROM "database_properties" ORDER BY "name""#,
        ))
        .await?;
    for row in rows {
        let name: String = row.try_get("", "name")?;
        properties.take(&name, row.try_get("", "value")?);
    }
    Ok(properties)
}

/// Whether there is a place for them.
pub(crate) async fn is_there<C: ConnectionTrait>(db: &C) -> Result<bool, DbErr> {
    ledger::table_exists(db, TABLE).await
}

/// Sets a property in the transaction that `txn` is in, in place of the value
/// that it had; the caller commits.
///
/// # Errors
///
/// Of the database, also where the table is not there yet: it comes with the
/// revision `create_database_properties`.
pub async fn set_in_txn<C: ConnectionTrait>(
    txn: &C,
    property: Property<'_>,
    value: &str,
) -> Result<(), DbErr> {
    let insert = Query::insert()
        .into_table(TABLE)
        .columns(["name", "value"])
        .values([property.name().into(), value.into()])
        .map_err(|error| DbErr::Migration(error.to_string()))?
        .on_conflict(
            OnConflict::column("name")
                .update_column("value")
                .value("set_at", column::now(txn.get_database_backend()))
                .to_owned(),
        )
        .take();
    txn.execute(&insert).await?;
    Ok(())
}

/// Removes a property in the transaction that `txn` is in, and says whether it
/// was there; the caller commits.
///
/// # Errors
///
/// As [`set_in_txn`].
pub async fn remove_in_txn<C: ConnectionTrait>(
    txn: &C,
    property: Property<'_>,
) -> Result<bool, DbErr> {
    let delete = Query::delete()
        .from_table(TABLE)
        .and_where(Expr::col("name").eq(property.name()))
        .take();
    Ok(txn.execute(&delete).await?.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(environment: Option<&str>, protected: Option<&str>) -> Properties {
        Properties {
            environment: environment.map(str::to_owned),
            protected: protected.map(str::to_owned),
            ignored_tables: Vec::new(),
        }
    }

    #[test]
    fn f21_a_mark_or_the_environment_production_protects() {
        assert_eq!(properties(None, None).protection(), None);
        assert_eq!(properties(Some("staging"), None).protection(), None);
        assert_eq!(
            properties(Some("production"), None).protection(),
            Some(Protection::Production)
        );
        assert_eq!(
            properties(Some("production"), Some("orders")).protection(),
            Some(Protection::Marked("orders"))
        );
        assert_eq!(
            properties(None, Some("")).protection(),
            Some(Protection::Marked(""))
        );
    }

    #[test]
    fn a_stored_reason_reaches_no_terminal_as_it_is() {
        let text = Protection::Marked("a\u{1b}[2J").to_string();
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
