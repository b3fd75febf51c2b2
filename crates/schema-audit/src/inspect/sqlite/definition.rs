//! What only the stored statement tells: names of constraints, conditions,
//! computed expressions, collations, what is done on a conflict. Read with a
//! port of SQLite's own grammar.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlite3_parser::ast::{
    Cmd, ColumnConstraint, ColumnDefinition, CreateTableBody, DeferSubclause, Expr,
    InitDeferredPred, NamedTableConstraint, ResolveType, SortedColumn, Stmt, TableConstraint,
};
use sqlite3_parser::lexer::sql::Parser;
use sqlite3_parser::{Bump, FallibleIterator};

use super::expression::{self, Names, TooDeep};
use super::{ident, sources};
use crate::schema::{Check, Deferrable};

/// A statement that the parser does not read; the pragmas still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl From<TooDeep> for Unreadable {
    fn from(_: TooDeep) -> Self {
        Self
    }
}

/// What a CREATE TABLE says beside what the pragmas say.
#[derive(Debug, Default)]
pub(super) struct TableText {
    pub(super) columns: Vec<ColumnText>,
    pub(super) primary_key: Option<KeyText>,
    pub(super) uniques: Vec<KeyText>,
    /// In the order of their declaration.
    pub(super) foreign_keys: Vec<ForeignKeyText>,
    pub(super) checks: Vec<Check>,
}

#[derive(Debug)]
pub(super) struct ColumnText {
    pub(super) name: String,
    pub(super) collation: Option<String>,
    pub(super) generated: Option<String>,
    /// What is done when NOT NULL is broken, if that is not ABORT.
    pub(super) not_null_conflict: Option<&'static str>,
}

#[derive(Debug)]
pub(super) struct KeyText {
    pub(super) name: Option<String>,
    /// The columns with what is written behind them.
    pub(super) columns: Vec<KeyColumn>,
    pub(super) on_conflict: Option<&'static str>,
    pub(super) autoincrement: bool,
}

#[derive(Debug)]
pub(super) struct KeyColumn {
    pub(super) name: String,
    pub(super) collation: Option<String>,
}

#[derive(Debug)]
pub(super) struct ForeignKeyText {
    pub(super) name: Option<String>,
    pub(super) columns: Vec<String>,
    pub(super) deferrable: Deferrable,
}

/// What a CREATE INDEX says.
#[derive(Debug)]
pub(super) struct IndexText {
    pub(super) keys: Vec<IndexKeyText>,
    pub(super) predicate: Option<String>,
}

#[derive(Debug)]
pub(super) struct IndexKeyText {
    /// Without a COLLATE at its end.
    pub(super) expression: String,
    pub(super) collated: bool,
}

/// Reads one statement. The parser is not ours and the text is not either: if
/// it should panic, the statement counts as unreadable.
fn read<T>(
    sql: &str,
    take: impl FnOnce(&Stmt<'_>) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(|| {
        let bump = Bump::new();
        let mut parser = Parser::new(&bump, sql.as_bytes());
        match parser.next() {
            Ok(Some(Cmd::Stmt(statement))) => take(&statement),
            Ok(_) | Err(_) => Err(Unreadable),
        }
    }))
    .unwrap_or(Err(Unreadable))
}

/// Reads a CREATE TABLE.
pub(super) fn table(sql: &str, names: Names<'_>) -> Result<TableText, Unreadable> {
    read(sql, |statement| {
        let Stmt::CreateTable {
            body:
                CreateTableBody::ColumnsAndConstraints {
                    columns,
                    constraints,
                    ..
                },
            ..
        } = statement
        else {
            return Err(Unreadable);
        };
        let mut text = TableText::default();
        for column in columns {
            text.column(column, names)?;
        }
        for constraint in constraints.unwrap_or_default() {
            text.constraint(constraint, names)?;
        }
        Ok(text)
    })
}

/// Reads a CREATE INDEX.
pub(super) fn index(sql: &str, names: Names<'_>) -> Result<IndexText, Unreadable> {
    read(sql, |statement| {
        let Stmt::CreateIndex {
            columns,
            where_clause,
            ..
        } = statement
        else {
            return Err(Unreadable);
        };
        let keys = columns.iter().map(|key| {
            let (inner, collation) = uncollated(&key.expr);
            Ok(IndexKeyText {
                expression: expression::write(inner, names)?,
                collated: collation.is_some(),
            })
        });
        Ok(IndexText {
            keys: keys.collect::<Result<_, Unreadable>>()?,
            predicate: where_clause
                .as_ref()
                .map(|condition| expression::write(condition, names))
                .transpose()?,
        })
    })
}

/// The tables that a CREATE VIEW reads.
pub(super) fn view(sql: &str) -> Result<Vec<String>, Unreadable> {
    read(sql, |statement| match statement {
        Stmt::CreateView { select, .. } => Ok(sources::of(select)),
        _ => Err(Unreadable),
    })
}

/// A default in its one spelling. The pragma gives the text of the clause, and
/// a name in it is a text to SQLite.
pub(super) fn default(text: &str) -> Result<String, Unreadable> {
    read(&format!("SELECT ({text}\n)"), |statement| {
        let expression = single_value(statement).ok_or(Unreadable)?;
        let names = Names {
            table: "",
            columns: &[],
        };
        match expression::peel(expression) {
            Expr::Id(id) if !ident::same(id.0, "true") && !ident::same(id.0, "false") => {
                Ok(ident::literal(&ident::unquote(id.0)))
            }
            other => Ok(expression::write(other, names)?),
        }
    })
}

fn single_value<'a, 'bump>(statement: &'a Stmt<'bump>) -> Option<&'a Expr<'bump>> {
    use sqlite3_parser::ast::{OneSelect, ResultColumn};
    let Stmt::Select(select) = statement else {
        return None;
    };
    match &select.body.select {
        OneSelect::Select {
            columns: [ResultColumn::Expr(expression, None)],
            from: None,
            ..
        } => Some(expression),
        _ => None,
    }
}

impl TableText {
    fn column(
        &mut self,
        column: &ColumnDefinition<'_>,
        names: Names<'_>,
    ) -> Result<(), Unreadable> {
        let name = ident::unquote(column.col_name.0);
        let mut text = ColumnText {
            name: name.clone(),
            collation: None,
            generated: None,
            not_null_conflict: None,
        };
        for named in column.constraints {
            let constraint_name = named.name.as_ref().map(|name| ident::unquote(name.0));
            match &named.constraint {
                ColumnConstraint::Collate { collation_name } => {
                    text.collation = Some(expression::collation_name(collation_name.0))
                        .filter(|collation| collation != "BINARY");
                }
                ColumnConstraint::Generated { expr, .. } => {
                    text.generated = Some(expression::write(expr, names)?);
                }
                ColumnConstraint::NotNull {
                    conflict_clause, ..
                } => text.not_null_conflict = conflict(*conflict_clause),
                ColumnConstraint::PrimaryKey {
                    conflict_clause,
                    auto_increment,
                    ..
                } => {
                    self.primary_key = Some(KeyText {
                        autoincrement: *auto_increment,
                        ..KeyText::of_column(constraint_name, &name, *conflict_clause)
                    });
                }
                ColumnConstraint::Unique(on_conflict) => {
                    let key = KeyText::of_column(constraint_name, &name, *on_conflict);
                    self.uniques.push(key);
                }
                ColumnConstraint::Check(condition) => {
                    self.check(constraint_name, condition, names)?;
                }
                ColumnConstraint::ForeignKey { defer_clause, .. } => {
                    self.foreign_keys.push(ForeignKeyText {
                        name: constraint_name,
                        columns: vec![name.clone()],
                        deferrable: deferrable(defer_clause.as_ref()),
                    });
                }
                // Stands behind the REFERENCES that it belongs to.
                ColumnConstraint::Defer(clause) => {
                    if let Some(last) = self.foreign_keys.last_mut() {
                        last.deferrable = deferrable(Some(clause));
                    }
                }
                ColumnConstraint::Default(_) => {}
            }
        }
        self.columns.push(text);
        Ok(())
    }

    fn constraint(
        &mut self,
        declared: &NamedTableConstraint<'_>,
        names: Names<'_>,
    ) -> Result<(), Unreadable> {
        let name = declared.name.as_ref().map(|name| ident::unquote(name.0));
        match &declared.constraint {
            TableConstraint::PrimaryKey {
                columns,
                auto_increment,
                conflict_clause,
            } => {
                self.primary_key = Some(KeyText {
                    autoincrement: *auto_increment,
                    ..KeyText::of_table(name, columns, *conflict_clause)
                });
            }
            TableConstraint::Unique {
                columns,
                conflict_clause,
            } => self
                .uniques
                .push(KeyText::of_table(name, columns, *conflict_clause)),
            // SQLite reads ON CONFLICT behind a CHECK and does nothing with it.
            TableConstraint::Check(condition, _) => self.check(name, condition, names)?,
            TableConstraint::ForeignKey {
                columns,
                defer_clause,
                ..
            } => self.foreign_keys.push(ForeignKeyText {
                name,
                columns: columns
                    .iter()
                    .map(|column| ident::unquote(column.col_name.0))
                    .collect(),
                deferrable: deferrable(defer_clause.as_ref()),
            }),
        }
        Ok(())
    }

    fn check(
        &mut self,
        name: Option<String>,
        condition: &Expr<'_>,
        names: Names<'_>,
    ) -> Result<(), Unreadable> {
        self.checks.push(Check {
            name,
            expression: expression::write(condition, names)?,
            no_inherit: false,
            not_valid: false,
            comment: None,
            inherited: false,
        });
        Ok(())
    }
}

impl KeyText {
    fn of_column(name: Option<String>, column: &str, on_conflict: Option<ResolveType>) -> Self {
        Self {
            name,
            columns: vec![KeyColumn {
                name: column.to_owned(),
                collation: None,
            }],
            on_conflict: conflict(on_conflict),
            autoincrement: false,
        }
    }

    fn of_table(
        name: Option<String>,
        columns: &[SortedColumn<'_>],
        on_conflict: Option<ResolveType>,
    ) -> Self {
        Self {
            name,
            columns: columns.iter().map(key_column).collect(),
            on_conflict: conflict(on_conflict),
            autoincrement: false,
        }
    }
}

fn key_column(column: &SortedColumn<'_>) -> KeyColumn {
    let (inner, collation) = uncollated(&column.expr);
    let name = match inner {
        Expr::Id(id) => ident::unquote(id.0),
        Expr::Name(name) => ident::unquote(name.0),
        // `PRIMARY KEY ('id')`: a text stands for a name here.
        Expr::Literal(sqlite3_parser::ast::Literal::String(text)) => ident::unquote(text),
        other => other.to_string(),
    };
    KeyColumn { name, collation }
}

/// An indexed expression without its COLLATE, and the collation.
fn uncollated<'a, 'bump>(expression: &'a Expr<'bump>) -> (&'a Expr<'bump>, Option<String>) {
    match expression::peel(expression) {
        Expr::Collate(inner, collation) => (
            expression::peel(inner),
            Some(expression::collation_name(collation)),
        ),
        other => (other, None),
    }
}

/// SQLite defers nothing but DEFERRABLE INITIALLY DEFERRED; every other clause
/// is as good as none.
fn deferrable(clause: Option<&DeferSubclause>) -> Deferrable {
    match clause {
        Some(DeferSubclause {
            deferrable: true,
            init_deferred: Some(InitDeferredPred::InitiallyDeferred),
        }) => Deferrable::InitiallyDeferred,
        _ => Deferrable::Not,
    }
}

const fn conflict(clause: Option<ResolveType>) -> Option<&'static str> {
    match clause {
        None | Some(ResolveType::Abort) => None,
        Some(ResolveType::Rollback) => Some("ROLLBACK"),
        Some(ResolveType::Fail) => Some("FAIL"),
        Some(ResolveType::Ignore) => Some("IGNORE"),
        Some(ResolveType::Replace) => Some("REPLACE"),
    }
}
