use crate::schema::Dialect;

/// Why entities do not make a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntitiesError {
    /// Two entities describe one table.
    #[error("two entities describe the table `{table}`: give the one that describes all of it")]
    TableTwice {
        /// The table.
        table: String,
    },
    /// Two entities give one enumerated type other values.
    #[error(
        "entities disagree on the values of the enumerated type `{name}`: ({one}) and ({other}); \
         let both use one Rust type"
    )]
    EnumTwice {
        /// The type.
        name: String,
        /// The values that were seen first.
        one: String,
        /// The values that another entity gives.
        other: String,
    },
    /// The kind of database has no such type.
    #[error(
        "`{table}.{column}` is of a type that {} does not have: leave the entity out, or give the \
         column another `column_type`",
        dialect_name(*.dialect)
    )]
    TypeUnavailable {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The kind of database.
        dialect: Dialect,
    },
}

const fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::Sqlite => "SQLite",
    }
}
