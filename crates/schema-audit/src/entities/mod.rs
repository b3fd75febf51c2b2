//! What `SeaORM` entities say of a schema, as a [`Schema`] value to hold against
//! a database or a snapshot.
//!
//! Everything is taken from the statements that `SeaORM` itself would run
//! (`create_table_from_entity`), so dense and expanded entities read alike.
//!
//! What an entity cannot say is left empty, and the value is marked
//! [`Source::Entities`](crate::schema::Source::Entities), so that silence is not
//! reported as drift:
//!
//! - names of keys, unique constraints and foreign keys, and the order of the
//!   columns in a key: an entity has the order of its fields only;
//! - defaults, checks, indexes and comments that are not written on it;
//! - how an automatic key gets its value: identity and sequence are alike;
//! - sequences, domains, generated columns, partitions, views.
//!
//! ```
//! use schema_audit::entities::Entities;
//! use schema_audit::schema::{Dialect, ObjectName};
//!
//! mod city {
//!     use sea_orm::entity::prelude::*;
//!
//!     #[sea_orm::model]
//!     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
//!     #[sea_orm(table_name = "cities")]
//!     pub struct Model {
//!         #[sea_orm(primary_key)]
//!         pub id: i64,
//!         #[sea_orm(unique)]
//!         pub name: String,
//!     }
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//! }
//!
//! let schema = Entities::new(Dialect::Postgres).with(city::Entity).build()?;
//! let cities = schema.table(&ObjectName::local("cities")).ok_or("no table")?;
//! assert_eq!(cities.columns[1].data_type, "character varying");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column;
mod enums;
mod error;
mod extra;
mod reconcile;
mod table;
pub mod types;

pub use error::EntitiesError;
pub use reconcile::in_words_of;
pub(crate) use reconcile::{bare, loosely};
use sea_orm::{DbBackend, EntityTrait};

use crate::schema::{Dialect, Enum, ObjectName, Schema, Source, Table};

/// Collects entities, one after the other, and makes a [`Schema`] of them.
#[derive(Debug, Clone)]
#[must_use = "nothing is collected until `build` is called"]
pub struct Entities {
    dialect: Dialect,
    naming: Naming,
    tables: Vec<Table>,
    enums: Vec<Enum>,
    error: Option<EntitiesError>,
}

impl Entities {
    /// No entities yet, for that kind of database.
    pub fn new(dialect: Dialect) -> Self {
        let audited = match dialect {
            Dialect::Postgres => "public",
            Dialect::Sqlite => "main",
        };
        Self {
            dialect,
            naming: Naming {
                audited: audited.to_owned(),
                qualified: false,
            },
            tables: Vec::new(),
            enums: Vec::new(),
            error: None,
        }
    }

    /// Names the schema that is audited: entities without a `schema_name` and
    /// those that name this one are in it, and carry no schema. `public` on
    /// PostgreSQL and `main` on SQLite, unless said. To be called before
    /// [`with`](Self::with).
    pub fn in_schema(mut self, name: impl Into<String>) -> Self {
        self.naming.audited = name.into();
        self
    }

    /// Lets every name carry its schema, to be held against a reading of all
    /// schemas of a database. To be called before [`with`](Self::with).
    pub const fn qualified(mut self) -> Self {
        self.naming.qualified = true;
        self
    }

    /// Adds what an entity says: its table, and the enumerated types of its
    /// columns. What cannot be taken is told by [`build`](Self::build).
    pub fn with<E: EntityTrait>(mut self, entity: E) -> Self {
        if self.error.is_none()
            && let Err(error) = self.add(entity)
        {
            self.error = Some(error);
        }
        self
    }

    /// The schema of the entities that were added.
    ///
    /// # Errors
    ///
    /// [`EntitiesError`] names the first table or column that cannot be had on
    /// this kind of database, or on which two entities contradict each other.
    pub fn build(self) -> Result<Schema, EntitiesError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut schema = Schema::empty(self.dialect);
        schema.source = Source::Entities;
        schema.tables = self.tables;
        schema.enums = self.enums;
        if self.naming.qualified {
            schema.schemas = schemas_of(&schema);
        } else {
            schema.name = Some(self.naming.audited);
        }
        schema.sort();
        Ok(schema)
    }

    fn add<E: EntityTrait>(&mut self, entity: E) -> Result<(), EntitiesError> {
        let table = table::read(self.dialect, &self.naming, entity)?;
        if self.tables.iter().any(|known| known.name == table.name) {
            return Err(EntitiesError::TableTwice {
                table: table.name.to_string(),
            });
        }
        if self.dialect == Dialect::Postgres {
            enums::collect::<E>(&self.naming, &mut self.enums)?;
        }
        self.tables.push(table);
        Ok(())
    }
}

/// Adds every entity of a list to a new [`Entities`] and builds the schema:
/// `from_entities!(Dialect::Postgres, [city::Entity, river::Entity])`.
#[macro_export]
macro_rules! from_entities {
    ($dialect:expr, [$($entity:expr),* $(,)?]) => {
        $crate::entities::Entities::new($dialect)$(.with($entity))*.build()
    };
}

#[doc(inline)]
pub use crate::from_entities;

/// How the names of entities become names of a schema.
#[derive(Debug, Clone)]
struct Naming {
    audited: String,
    qualified: bool,
}

impl Naming {
    fn object(&self, schema: Option<&str>, name: &str) -> ObjectName {
        let schema = schema.unwrap_or(&self.audited);
        if self.qualified || schema != self.audited {
            ObjectName::qualified(schema, name)
        } else {
            ObjectName::local(name)
        }
    }
}

const fn backend(dialect: Dialect) -> DbBackend {
    match dialect {
        Dialect::Postgres => DbBackend::Postgres,
        Dialect::Sqlite => DbBackend::Sqlite,
    }
}

fn schemas_of(schema: &Schema) -> Vec<String> {
    let mut names: Vec<String> = schema
        .tables
        .iter()
        .filter_map(|table| table.name.schema.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
