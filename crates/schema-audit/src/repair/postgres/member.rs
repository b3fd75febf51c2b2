//! Constraints and indexes, as one kind of thing: what is dropped before and
//! made again after the columns below it change.

use std::fmt::Write as _;

use super::{
    super::Hazard,
    sql::{beside, comment, ident, idents, mentions, object, option},
};
use crate::schema::{
    Action, Check, Deferrable, Exclusion, ForeignKey, Index, IndexKey, Key, MatchType, ObjectName,
    Table,
};

/// A constraint or index of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member<'a> {
    Primary(&'a Key),
    Unique(&'a Key),
    Exclusion(&'a Exclusion),
    Check(&'a Check),
    Index(&'a Index),
    ForeignKey(&'a ForeignKey),
}

/// All constraints and indexes of a table.
pub(super) fn members(table: &Table) -> Vec<Member<'_>> {
    let mut all: Vec<Member<'_>> = table.primary_key.iter().map(Member::Primary).collect();
    all.extend(table.uniques.iter().map(Member::Unique));
    all.extend(table.exclusions.iter().map(Member::Exclusion));
    all.extend(table.checks.iter().map(Member::Check));
    all.extend(table.indexes.iter().map(Member::Index));
    all.extend(table.foreign_keys.iter().map(Member::ForeignKey));
    all
}

impl<'a> Member<'a> {
    pub(super) fn name(self) -> Option<&'a str> {
        match self {
            Self::Primary(key) | Self::Unique(key) => key.name.as_deref(),
            Self::Exclusion(exclusion) => Some(&exclusion.name),
            Self::Check(check) => check.name.as_deref(),
            Self::Index(index) => Some(&index.name),
            Self::ForeignKey(key) => key.name.as_deref(),
        }
    }

    /// Whether the parent table's brings it along.
    pub(super) fn inherited(self) -> bool {
        match self {
            Self::Primary(key) | Self::Unique(key) => key.inherited,
            Self::Exclusion(_) => false,
            Self::Check(check) => check.inherited,
            Self::Index(index) => index.inherited,
            Self::ForeignKey(key) => key.inherited,
        }
    }

    pub(super) fn comment(self) -> Option<&'a String> {
        match self {
            Self::Primary(key) | Self::Unique(key) => key.comment.as_ref(),
            Self::Exclusion(exclusion) => exclusion.comment.as_ref(),
            Self::Check(check) => check.comment.as_ref(),
            Self::Index(index) => index.comment.as_ref(),
            Self::ForeignKey(key) => key.comment.as_ref(),
        }
    }

    /// Whether it takes a name among tables, indexes and sequences.
    pub(super) fn is_relation(self) -> bool {
        !matches!(self, Self::Check(_) | Self::ForeignKey(_))
    }

    pub(super) fn same_kind(self, other: Member<'_>) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// Whether a partition has it because of this one of its parent.
    pub(super) fn is_copy_of(self, parent: Member<'_>) -> bool {
        match (self, parent) {
            (Self::Primary(a), Member::Primary(b)) | (Self::Unique(a), Member::Unique(b)) => {
                a.columns == b.columns
            }
            (Self::Index(a), Member::Index(b)) => a.keys == b.keys && a.predicate == b.predicate,
            _ => false,
        }
    }

    /// Whether it uses this column of its table.
    pub(super) fn uses(self, column: &str) -> bool {
        match self {
            Self::Primary(key) | Self::Unique(key) => {
                key.columns.iter().chain(&key.include).any(|c| c == column)
            }
            Self::Exclusion(exclusion) => mentions(&exclusion.definition, column),
            Self::Check(check) => mentions(&check.expression, column),
            Self::Index(index) => {
                self.computes_with(column)
                    || index.include.iter().any(|c| c == column)
                    || index.keys.iter().any(|key| key.expression == column)
            }
            Self::ForeignKey(key) => key.columns.iter().any(|c| c == column),
        }
    }

    /// Whether it has an expression or operators that depend on this column's
    /// type, so that PostgreSQL can't carry it over to another.
    pub(super) fn computes_with(self, column: &str) -> bool {
        match self {
            Self::Primary(_) | Self::Unique(_) => false,
            Self::Exclusion(_) | Self::Check(_) | Self::ForeignKey(_) => self.uses(column),
            Self::Index(index) => {
                let in_key = |key: &IndexKey| {
                    if key.is_column {
                        key.expression == column
                            && (key.operator_class.is_some() || key.collation.is_some())
                    } else {
                        mentions(&key.expression, column)
                    }
                };
                index
                    .predicate
                    .as_ref()
                    .is_some_and(|p| mentions(p, column))
                    || index.keys.iter().any(in_key)
            }
        }
    }

    /// The columns that a foreign key may point to by it.
    pub(super) fn key_columns(self) -> Option<Vec<String>> {
        match self {
            Self::Primary(key) | Self::Unique(key) => Some(key.columns.clone()),
            Self::Index(index) if index.unique && index.predicate.is_none() => Some(
                index
                    .keys
                    .iter()
                    .map(|key| key.expression.clone())
                    .collect(),
            ),
            _ => None,
        }
    }

    pub(super) fn drop_sql(self, table: &ObjectName) -> Option<String> {
        let name = self.name()?;
        Some(match self {
            Self::Index(_) => format!("DROP INDEX {}", object(&beside(table, name))),
            _ => format!(
                "ALTER TABLE {} DROP CONSTRAINT {}",
                object(table),
                ident(name)
            ),
        })
    }

    pub(super) fn add_sql(self, table: &ObjectName) -> String {
        match self {
            Self::Index(index) => index_sql(index, table),
            _ => format!("ALTER TABLE {} ADD {}", object(table), self.clause()),
        }
    }

    /// As it stands in CREATE TABLE; empty for an index.
    pub(super) fn clause(self) -> String {
        let name = self
            .name()
            .map_or_else(String::new, |name| format!("CONSTRAINT {} ", ident(name)));
        let definition = match self {
            Self::Primary(key) => key_sql("PRIMARY KEY", key),
            Self::Unique(key) => key_sql("UNIQUE", key),
            Self::Exclusion(exclusion) => exclusion.definition.clone(),
            Self::Check(check) => check_sql(check),
            Self::ForeignKey(key) => foreign_key_sql(key),
            Self::Index(_) => return String::new(),
        };
        name + &definition
    }

    pub(super) fn comment_sql(self, table: &ObjectName) -> Option<String> {
        self.comment_sql_with(table, self.comment())
    }

    pub(super) fn comment_sql_with(
        self,
        table: &ObjectName,
        text: Option<&String>,
    ) -> Option<String> {
        let name = self.name()?;
        let text = comment(text);
        Some(match self {
            Self::Index(_) => {
                format!(
                    "COMMENT ON INDEX {} IS {text}",
                    object(&beside(table, name))
                )
            }
            _ => format!(
                "COMMENT ON CONSTRAINT {} ON {} IS {text}",
                ident(name),
                object(table)
            ),
        })
    }

    /// What adding it to a table that has rows costs or risks.
    pub(super) fn add_hazards(self) -> Vec<Hazard> {
        let may_fail = |unique: bool| {
            if unique {
                vec![Hazard::MayFail]
            } else {
                vec![]
            }
        };
        let mut hazards = match self {
            Self::Primary(_) | Self::Unique(_) | Self::Exclusion(_) => {
                vec![
                    Hazard::AccessExclusiveLock,
                    Hazard::IndexBuild,
                    Hazard::MayFail,
                ]
            }
            Self::Check(check) if check.not_valid => vec![Hazard::AccessExclusiveLock],
            Self::Check(_) => vec![
                Hazard::AccessExclusiveLock,
                Hazard::TableScan,
                Hazard::MayFail,
            ],
            Self::ForeignKey(key) if key.not_valid => vec![Hazard::WriteLock],
            Self::ForeignKey(_) => vec![Hazard::WriteLock, Hazard::TableScan, Hazard::MayFail],
            Self::Index(index) => {
                let mut hazards = vec![Hazard::WriteLock, Hazard::IndexBuild];
                hazards.extend(may_fail(index.unique));
                hazards
            }
        };
        hazards.sort();
        hazards
    }
}

fn deferrable(deferrable: Deferrable) -> &'static str {
    match deferrable {
        Deferrable::Not => "",
        Deferrable::InitiallyImmediate => " DEFERRABLE",
        Deferrable::InitiallyDeferred => " DEFERRABLE INITIALLY DEFERRED",
    }
}

fn key_sql(kind: &str, key: &Key) -> String {
    let mut sql = kind.to_owned();
    if key.nulls_not_distinct {
        sql += " NULLS NOT DISTINCT";
    }
    let _ = write!(sql, " ({})", idents(&key.columns));
    if !key.include.is_empty() {
        let _ = write!(sql, " INCLUDE ({})", idents(&key.include));
    }
    sql + deferrable(key.deferrable)
}

fn check_sql(check: &Check) -> String {
    let mut sql = format!("CHECK ({})", check.expression);
    if check.no_inherit {
        sql += " NO INHERIT";
    }
    if check.not_valid {
        sql += " NOT VALID";
    }
    sql
}

fn foreign_key_sql(key: &ForeignKey) -> String {
    let mut sql = format!(
        "FOREIGN KEY ({}) REFERENCES {}",
        idents(&key.columns),
        object(&key.references)
    );
    if !key.referenced_columns.is_empty() {
        let _ = write!(sql, " ({})", idents(&key.referenced_columns));
    }
    if key.match_type == MatchType::Full {
        sql += " MATCH FULL";
    }
    if key.on_update != Action::NoAction {
        let _ = write!(sql, " ON UPDATE {}", key.on_update.as_sql());
    }
    if key.on_delete != Action::NoAction {
        let _ = write!(sql, " ON DELETE {}", key.on_delete.as_sql());
    }
    if !key.on_delete_columns.is_empty() {
        let _ = write!(sql, " ({})", idents(&key.on_delete_columns));
    }
    sql += deferrable(key.deferrable);
    if key.not_valid {
        sql += " NOT VALID";
    }
    sql
}

/// Written from its parts: a snapshot has no statement to copy, and a statement
/// carries the names of schemas.
fn index_sql(index: &Index, table: &ObjectName) -> String {
    let keys: Vec<String> = index.keys.iter().map(index_key).collect();
    let mut sql = format!(
        "CREATE {}INDEX {} ON {}{} USING {} ({})",
        if index.unique { "UNIQUE " } else { "" },
        ident(&index.name),
        if index.only { "ONLY " } else { "" },
        object(table),
        ident(&index.method),
        keys.join(", ")
    );
    if !index.include.is_empty() {
        let _ = write!(sql, " INCLUDE ({})", idents(&index.include));
    }
    if index.nulls_not_distinct {
        sql += " NULLS NOT DISTINCT";
    }
    if !index.options.is_empty() {
        let options: Vec<String> = index.options.iter().map(|o| option(o)).collect();
        let _ = write!(sql, " WITH ({})", options.join(", "));
    }
    if let Some(predicate) = &index.predicate {
        let _ = write!(sql, " WHERE {predicate}");
    }
    sql
}

fn index_key(key: &IndexKey) -> String {
    let mut sql = if key.is_column {
        ident(&key.expression)
    } else {
        format!("({})", key.expression)
    };
    if let Some(collation) = &key.collation {
        let _ = write!(sql, " COLLATE {collation}");
    }
    if let Some(class) = &key.operator_class {
        let _ = write!(sql, " {class}");
    }
    if key.descending {
        sql += " DESC";
    }
    match key.nulls_first {
        None => {}
        Some(true) => sql += " NULLS FIRST",
        Some(false) => sql += " NULLS LAST",
    }
    sql
}
