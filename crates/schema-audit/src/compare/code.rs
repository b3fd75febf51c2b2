//! The codes of findings. A code is never renamed or given another meaning:
//! programs go by it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Severity;

/// The kind of object or property that a finding is about.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Tables.
    Table,
    /// Columns.
    Column,
    /// Types and collations of columns.
    Type,
    /// NOT NULL.
    Nullability,
    /// Defaults of columns.
    Default,
    /// Generated columns.
    Generated,
    /// Identity columns.
    Identity,
    /// CHECK constraints.
    Check,
    /// Primary keys.
    #[serde(rename = "pk")]
    PrimaryKey,
    /// Unique constraints.
    Unique,
    /// Foreign keys.
    #[serde(rename = "fk")]
    ForeignKey,
    /// Exclusion constraints.
    Exclusion,
    /// Indexes.
    Index,
    /// Enumerated types.
    Enum,
    /// Domains.
    Domain,
    /// Sequences.
    Sequence,
    /// Partitions and inheritance.
    Partition,
    /// UNLOGGED.
    Persistence,
    /// Options of tables: storage parameters, STRICT, WITHOUT ROWID.
    Option,
    /// Comments.
    Comment,
    /// Names of constraints and indexes.
    NameOnly,
    /// The order of columns.
    ColumnOrder,
    /// Schemas.
    Schema,
    /// The ledger of revisions.
    History,
}

macro_rules! codes {
    ($($variant:ident = $text:literal, $category:ident, $severity:ident, $summary:literal;)+) => {
        /// What a finding is, as a stable word.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
        )]
        pub enum Code {
            $(#[doc = $summary] #[serde(rename = $text)] $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word: `column-missing`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The kind of object or property that it is about.
            #[must_use]
            pub const fn category(self) -> Category {
                match self { $(Self::$variant => Category::$category,)+ }
            }

            /// How much it matters, unless the comparison knows better.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What it means, in a sentence without a full stop.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)+ }
            }
        }

    };
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

codes! {
    SchemaMissing = "schema-missing", Schema, Error, "A schema is not there";
    SchemaUnexpected = "schema-unexpected", Schema, Warning, "A schema is there and should not be";
    TableMissing = "table-missing", Table, Error, "A table is not there";
    TableUnexpected = "table-unexpected", Table, Warning, "A table is there and should not be";
    ColumnMissing = "column-missing", Column, Error, "A column is not there";
    ColumnUnexpected = "column-unexpected", Column, Warning, "A column is there and should not be";
    TypeChanged = "type-changed", Type, Error, "A column has another type";
    CollationChanged = "collation-changed", Type, Error, "A column has another collation";
    NullabilityChanged = "nullability-changed", Nullability, Error, "A column takes NULL and should not, or the other way round";
    DefaultChanged = "default-changed", Default, Error, "A column's default is missing, unexpected or another";
    GeneratedChanged = "generated-changed", Generated, Error, "A column is generated and should not be, or by another expression";
    IdentityChanged = "identity-changed", Identity, Error, "A column is an identity and should not be, or of another kind";
    CheckMissing = "check-missing", Check, Error, "A CHECK constraint is not there";
    CheckUnexpected = "check-unexpected", Check, Warning, "A CHECK constraint is there and should not be";
    CheckChanged = "check-changed", Check, Error, "A CHECK constraint has another definition";
    PrimaryKeyMissing = "primary-key-missing", PrimaryKey, Error, "A primary key is not there";
    PrimaryKeyUnexpected = "primary-key-unexpected", PrimaryKey, Warning, "A primary key is there and should not be";
    PrimaryKeyChanged = "primary-key-changed", PrimaryKey, Error, "A primary key has another definition";
    UniqueMissing = "unique-missing", Unique, Error, "A unique constraint is not there";
    UniqueUnexpected = "unique-unexpected", Unique, Warning, "A unique constraint is there and should not be";
    UniqueChanged = "unique-changed", Unique, Error, "A unique constraint has another definition";
    ForeignKeyMissing = "foreign-key-missing", ForeignKey, Error, "A foreign key is not there";
    ForeignKeyUnexpected = "foreign-key-unexpected", ForeignKey, Warning, "A foreign key is there and should not be";
    ForeignKeyChanged = "foreign-key-changed", ForeignKey, Error, "A foreign key has another definition";
    ExclusionMissing = "exclusion-missing", Exclusion, Error, "An exclusion constraint is not there";
    ExclusionUnexpected = "exclusion-unexpected", Exclusion, Warning, "An exclusion constraint is there and should not be";
    ExclusionChanged = "exclusion-changed", Exclusion, Error, "An exclusion constraint has another definition";
    IndexMissing = "index-missing", Index, Error, "An index is not there";
    IndexUnexpected = "index-unexpected", Index, Warning, "An index is there and should not be";
    IndexChanged = "index-changed", Index, Error, "An index has another definition";
    IndexInvalid = "index-invalid", Index, Error, "An index was left half built and is not used";
    EnumMissing = "enum-missing", Enum, Error, "An enumerated type is not there";
    EnumUnexpected = "enum-unexpected", Enum, Warning, "An enumerated type is there and should not be";
    EnumChanged = "enum-changed", Enum, Error, "An enumerated type has another definition";
    DomainMissing = "domain-missing", Domain, Error, "A domain is not there";
    DomainUnexpected = "domain-unexpected", Domain, Warning, "A domain is there and should not be";
    DomainChanged = "domain-changed", Domain, Error, "A domain has another definition";
    SequenceMissing = "sequence-missing", Sequence, Error, "A sequence is not there";
    SequenceUnexpected = "sequence-unexpected", Sequence, Warning, "A sequence is there and should not be";
    SequenceChanged = "sequence-changed", Sequence, Error, "A sequence has another definition";
    PartitionChanged = "partition-changed", Partition, Error, "A table is partitioned, a partition, or inherits in another way";
    PersistenceChanged = "persistence-changed", Persistence, Error, "A table is UNLOGGED and should not be, or the other way round";
    OptionChanged = "option-changed", Option, Warning, "A table has other options";
    CommentChanged = "comment-changed", Comment, Warning, "A comment is missing, unexpected or another";
    NameChanged = "name-changed", NameOnly, Info, "A constraint or index has another name and the same definition";
    ColumnOrderChanged = "column-order-changed", ColumnOrder, Info, "Columns are in another order";
    LedgerMissing = "ledger-missing", History, Error, "The database has no ledger of revisions";
    LedgerDuplicate = "ledger-duplicate", History, Error, "The ledger names a revision twice";
    RevisionPending = "revision-pending", History, Error, "A revision has not been applied";
    RevisionUnknown = "revision-unknown", History, Error, "An applied revision is not in the compiled chain";
    RevisionGap = "revision-gap", History, Error, "A revision is missing though later ones are applied";
    RevisionOutOfOrder = "revision-out-of-order", History, Warning, "Revisions were applied in another order";
    RevisionChanged = "revision-changed", History, Error, "A revision was edited after it was applied";
    ForeignLedgerMissing = "foreign-ledger-missing", History, Error, "The other tool's ledger is empty";
    ForeignLedgerSeveral = "foreign-ledger-several", History, Error, "The other tool's ledger has several rows";
    ForeignLedgerUnknown = "foreign-ledger-unknown", History, Error, "The other tool's ledger names a revision that nobody knows";
    ForeignLedgerDiffers = "foreign-ledger-differs", History, Error, "The other tool's ledger names another revision than ours";
}
